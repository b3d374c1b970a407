/**
 * A client that offers requests at a rate, whether or not they are answered in time, over a few connections with several
 * requests under way on each; a process of its own, so that it takes no time from whom it asks nor from who watches.
 *
 *     offer.ts HOST:PORT RATE SECONDS CONNECTIONS TARGET…
 *
 * Prints one line of JSON, {@linkcode Offered}.
 *
 * @module
 */

/** What became of the requests. */
export interface Offered {
  /** Requests sent. */
  readonly sent: number;
  /** Answers, by their status. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Answers of 429 and 503 without Retry-After. */
  readonly unexplained: number;
  /** Answers a second. */
  readonly rate: number;
}

/** Milliseconds between two looks at what is due. */
const TICK = 4;
/** Requests under way on one connection, at most: beyond them a rate that is not kept up with is not offered either. */
const DEPTH = 32;
/** Milliseconds that the last answers are waited for. */
const LAST = 20_000;

const decoder = new TextDecoder("latin1");

class Client {
  /** Requests that are not answered yet. */
  waiting = 0;
  readonly done: Promise<void>;
  readonly #connection: Deno.TcpConn;
  readonly #onAnswer: (head: string) => void;
  #writing: Promise<unknown> = Promise.resolve();

  constructor(connection: Deno.TcpConn, onAnswer: (head: string) => void) {
    this.#connection = connection;
    this.#onAnswer = onAnswer;
    this.done = this.#read();
  }

  send(requests: Uint8Array[]): void {
    this.waiting += requests.length;
    const bytes = new Uint8Array(requests.reduce((length, each) => length + each.length, 0));
    let at = 0;
    for (const each of requests) bytes.set(each, (at += each.length) - each.length);
    this.#writing = this.#writing.then(() => this.#write(bytes));
  }

  close(): void {
    this.#connection.close();
  }

  async #write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) at += await this.#connection.write(bytes.subarray(at));
  }

  async #read(): Promise<void> {
    const buffer = new Uint8Array(1 << 18);
    let filled = 0;
    for (;;) {
      const count = await this.#connection.read(buffer.subarray(filled)).catch(() => null);
      if (count === null) return;
      filled += count;
      const text = decoder.decode(buffer.subarray(0, filled));
      let at = 0;
      for (let end; (end = text.indexOf("\r\n\r\n", at)) >= 0;) {
        const head = text.slice(at, end);
        const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1]);
        if (!(end + 4 + length <= filled)) break;
        at = end + 4 + length;
        this.waiting--;
        this.#onAnswer(head);
      }
      buffer.copyWithin(0, at, filled);
      filled -= at;
    }
  }
}

async function main([address = "", rate, seconds, connections, ...targets]: string[]): Promise<void> {
  const { hostname, port } = new URL(`http://${address}`);
  const statuses: Record<string, number> = {};
  let [sent, unexplained] = [0, 0];
  const onAnswer = (head: string): void => {
    const status = head.slice(9, 12);
    statuses[status] = (statuses[status] ?? 0) + 1;
    if ((status === "429" || status === "503") && !/\r\nretry-after: \d/i.test(head)) unexplained++;
  };
  const clients: Client[] = [];
  for (let i = 0; i < Number(connections); i++) {
    const connection = await Deno.connect({ hostname, port: Number(port) });
    connection.setNoDelay(true);
    clients.push(new Client(connection, onAnswer));
  }
  const encoder = new TextEncoder();
  const requests = targets.map((target) => encoder.encode(`GET ${target} HTTP/1.1\r\nHost: ${address}\r\n\r\n`));
  const started = performance.now();
  const elapsed = (): number => (performance.now() - started) / 1000;
  while (elapsed() < Number(seconds)) {
    const due = Math.floor(elapsed() * Number(rate)) - sent;
    const each = Math.ceil(due / clients.length);
    for (const client of clients) {
      const batch: Uint8Array[] = [];
      while (batch.length < each && client.waiting + batch.length < DEPTH) {
        batch.push(requests[sent++ % requests.length] as Uint8Array);
      }
      if (batch.length > 0) client.send(batch);
    }
    await new Promise((resolve) => setTimeout(resolve, TICK));
  }
  const took = elapsed();
  const answered = Object.values(statuses).reduce((sum, count) => sum + count, 0);
  const deadline = performance.now() + LAST;
  while (clients.some(({ waiting }) => waiting > 0) && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, TICK));
  }
  for (const client of clients) client.close();
  const offered: Offered = { sent, statuses, unexplained, rate: Math.round(answered / took) };
  // deno-lint-ignore no-console -- the result
  console.log(JSON.stringify(offered));
}

if (import.meta.main) await main(Deno.args);
