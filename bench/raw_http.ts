/**
 * The lightest HTTP/1.1 client that is still one: a keep-alive TCP connection, one request at a time, the body read into
 * one buffer and thrown away. It costs the same whichever server it talks to.
 *
 * @module
 */

/** The longest head of an answer, in bytes. */
const MAX_HEAD = 16_384;

const END_OF_HEAD = [13, 10, 13, 10] as const;

/** One connection. */
export class RawHttp implements Disposable {
  readonly #connection: Deno.TcpConn;
  readonly #buffer: Uint8Array<ArrayBuffer>;
  readonly #decoder = new TextDecoder("latin1");
  readonly #encoder = new TextEncoder();

  private constructor(connection: Deno.TcpConn, longestBody: number) {
    this.#connection = connection;
    this.#buffer = new Uint8Array(MAX_HEAD + longestBody);
  }

  /** Connects to `host:port`; bodies are at most `longestBody` bytes. */
  static async connect(address: string, longestBody: number): Promise<RawHttp> {
    const { hostname, port } = new URL(`http://${address}`);
    const connection = await Deno.connect({ hostname, port: Number(port) });
    connection.setNoDelay(true);
    return new RawHttp(connection, longestBody);
  }

  /**
   * Sends a whole request and reads its whole answer; the body, valid until the next call. Throws unless the status is
   * `status`.
   */
  async exchange(request: string, status: number): Promise<Uint8Array> {
    const bytes = this.#encoder.encode(request);
    for (let at = 0; at < bytes.length;) at += await this.#connection.write(bytes.subarray(at));
    let filled = 0;
    let head = -1;
    while (head < 0) {
      filled = await this.#more(filled);
      head = this.#endOfHead(filled);
    }
    const text = this.#decoder.decode(this.#buffer.subarray(0, head));
    const length = text.match(/\r\ncontent-length: *(\d+)/i);
    if (length === null) throw new Error(`no Content-Length in ${text}`);
    const end = head + Number(length[1]);
    if (end > this.#buffer.length) throw new Error(`an answer of ${end} bytes: ${text}`);
    while (filled < end) filled = await this.#more(filled);
    const body = this.#buffer.subarray(head, end);
    if (!text.startsWith(`HTTP/1.1 ${status} `)) throw new Error(`${request}${text}${this.#decoder.decode(body)}`);
    return body;
  }

  /** Closes the connection. */
  [Symbol.dispose](): void {
    this.#connection.close();
  }

  async #more(filled: number): Promise<number> {
    const count = await this.#connection.read(this.#buffer.subarray(filled));
    if (count === null) throw new Error("the server closed the connection");
    return filled + count;
  }

  #endOfHead(filled: number): number {
    for (let at = 0; at + 4 <= Math.min(filled, MAX_HEAD); at++) {
      if (END_OF_HEAD.every((byte, i) => this.#buffer[at + i] === byte)) return at + 4;
    }
    return -1;
  }
}
