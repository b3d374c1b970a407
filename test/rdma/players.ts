/**
 * Two connected endpoints and the little that tests need to drive them.
 *
 * @module
 */
import { type Completion, completions } from "../../src/rdma/completion.ts";
import type {
  ConnectionRequest,
  Endpoint,
  EndpointOptions,
  Listener,
  ProtectionDomain,
} from "../../src/rdma/provider.ts";

/** Two protection domains that can reach each other: `active` connects to where `passive` listens. */
export interface Stage {
  active: ProtectionDomain;
  passive: ProtectionDomain;
  /** Where `passive` can listen, port 0 or one that is free. */
  address: { hostname: string; port: number };
}

/** A stage with a connection on it. */
export interface Players extends AsyncDisposable {
  stage: Stage;
  listener: Listener;
  active: Endpoint;
  passive: Endpoint;
}

/** Connects. */
export async function connectPlayers(
  stage: Stage,
  options: { active?: EndpointOptions; passive?: EndpointOptions } = {},
): Promise<Players> {
  const listener = await stage.passive.listen(stage.address);
  const accepting = nextRequest(listener).then((request) => request.accept(options.passive));
  const active = await stage.active.connect(
    { hostname: stage.address.hostname, port: listener.address.port },
    options.active,
  );
  const passive = await accepting;
  return {
    stage,
    listener,
    active,
    passive,
    async [Symbol.asyncDispose]() {
      await Promise.all([active.close(), passive.close()]);
      await listener.close();
    },
  };
}

/** The next connection request. */
export async function nextRequest(listener: Listener): Promise<ConnectionRequest> {
  for await (const request of listener) return request;
  throw new Error("the listener closed before a request came");
}

/** Waits for `count` completions and returns copies of them. */
export async function complete(endpoint: Endpoint, count: number): Promise<Completion[]> {
  const out = completions(count);
  const got: Completion[] = [];
  for (;;) {
    const polled = endpoint.poll(out);
    for (let index = 0; index < polled; index++) got.push({ ...out[index] as Completion });
    if (got.length >= count) return got;
    if (polled === 0) {
      await new Promise<void>((resolve) => endpoint.onCompletions = resolve);
      endpoint.onCompletions = undefined;
    }
  }
}

/** One completion. */
export async function completeOne(endpoint: Endpoint): Promise<Completion> {
  const [completion] = await complete(endpoint, 1);
  return completion as Completion;
}

/** Bytes that differ at every offset and for every seed. */
export function pattern(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let state = Math.imul(seed, 0x9e3779b1) >>> 0 || 1;
  for (let at = 0; at < length; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[at] = state;
  }
  return bytes;
}
