/**
 * A body of promised length, written to a `node:http` answer no faster than its client takes it.
 *
 * `@hono/node-server` writes every other answer; a body that fails half-way it would end with the error's text, within
 * the length promised, and tell on the console.
 *
 * @module
 */
import type { ServerResponse } from "node:http";

/** Whether an answer is for {@linkcode sendBody}: its head names the length of a body. */
export function hasPromisedBody(response: Response): response is Response & { body: ReadableStream<Uint8Array> } {
  return response.body !== null && response.headers.has("content-length");
}

/**
 * Writes head and body. A body that fails ends the connection after the bytes that came before, short of the promised
 * length, which clients see as an error; one whose client goes away is cancelled. Never rejects.
 */
export async function sendBody(
  response: Response & { body: ReadableStream<Uint8Array> },
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
  try {
    if (socket.destroyed) return onClose();
    outgoing.writeHead(response.status, Object.fromEntries(response.headers));
    for (;;) {
      const { done, value } = await reader.read();
      if (done || socket.destroyed) break;
      if (!outgoing.write(value)) await new Promise<void>((resolve) => wake = resolve);
      if (socket.destroyed) break;
    }
    outgoing.end();
  } catch {
    socket.destroySoon();
  } finally {
    socket.off("close", onClose);
  }
}
