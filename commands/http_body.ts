/**
 * An answer written to `node:http` no faster than its client takes it.
 *
 * @module
 */
import type { ServerResponse } from "node:http";
import { TextAnswer, writeText } from "../routes/text_answer.ts";

/** Milliseconds in which a client must take what came before a body failed. */
const BROKEN_LINGER = 1_000;

/** A response that has a body. */
type WithBody = Response & { body: ReadableStream<Uint8Array> };

/**
 * Writes a response, unless the route has written the answer itself. A body whose length is not promised is taken whole
 * before it is sent, so that its length can be said, but for a stream of events. Rejects where such a body fails.
 */
export async function sendResponse(response: Response, outgoing: ServerResponse): Promise<void> {
  if (outgoing.headersSent || outgoing.req.socket.destroyed) return void response.body?.cancel().catch(() => {});
  const { status } = response;
  if (response instanceof TextAnswer && outgoing.req.method !== "HEAD") {
    return writeText(outgoing, status, response.fields, response.said);
  }
  const headers = Object.fromEntries(response.headers);
  if (response.body === null || outgoing.req.method === "HEAD") {
    outgoing.writeHead(status, headers);
    outgoing.end();
    void response.body?.cancel().catch(() => {});
  } else if ("content-length" in headers || headers["content-type"]?.startsWith("text/event-stream") === true) {
    await sendBody(response as WithBody, headers, outgoing);
  } else {
    const bytes = new Uint8Array(await response.arrayBuffer());
    if (outgoing.req.socket.destroyed) return;
    outgoing.writeHead(status, { ...headers, "content-length": String(bytes.length) });
    outgoing.end(bytes);
  }
}

/**
 * Writes head and body. A body that fails ends the connection after the bytes that came before, short of the promised
 * length, which clients see as an error; one whose client goes away is cancelled. Never rejects.
 */
async function sendBody(
  response: WithBody,
  headers: Readonly<Record<string, string>>,
  outgoing: ServerResponse,
): Promise<void> {
  const reader = response.body.getReader();
  const { socket } = outgoing.req;
  // Of an answer that waits behind others only the socket tells that its client has gone.
  let wake = (): void => {};
  const onClose = (): void => {
    wake();
    reader.cancel().catch(() => {}); // a failed body: its reason is told where it failed
  };
  socket.on("close", onClose);
  outgoing.on("drain", () => wake());
  outgoing.on("socket", () => wake());
  reader.closed.catch(() => wake()); // it failed, while its client takes nothing
  try {
    // An answer that waits behind others has no socket yet: what it would hold meanwhile is not read.
    while (outgoing.socket === null && !socket.destroyed) await new Promise<void>((resolve) => wake = resolve);
    if (socket.destroyed) return onClose();
    outgoing.writeHead(response.status, headers);
    for (;;) {
      const { done, value } = await reader.read();
      if (done || socket.destroyed) break;
      if (!outgoing.write(value)) await new Promise<void>((resolve) => wake = resolve);
      if (socket.destroyed) break;
    }
    outgoing.end();
  } catch {
    const timer = setTimeout(() => socket.destroy(), BROKEN_LINGER); // not all clients take what came before
    socket.on("close", () => clearTimeout(timer));
    socket.destroySoon();
  } finally {
    socket.off("close", onClose);
  }
}
