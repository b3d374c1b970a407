/**
 * The documents of `/v1`, as schemas: for the description at `/openapi.json`, the typed client and the tests.
 *
 * @module
 */
import { z } from "@hono/zod-openapi";

const count = z.int().min(0);
const bytes = z.int().min(0);

/** Problem details (RFC 9457). */
export const Problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int().min(400).max(599),
  detail: z.string().describe("One line: what was asked, with which value, and what would be right."),
}).openapi("Problem");

const Port = z.object({
  number: z.int(),
  state: z.string(),
  linkLayer: z.string(),
  mtu: z.string(),
  speed: z.string(),
  gids: z.array(z.string()),
}).openapi("Port");

/** An RDMA device. */
export const Device = z.object({
  name: z.string(),
  transport: z.string(),
  firmware: z.string(),
  ports: z.array(Port),
  limits: z.record(z.string(), z.number()),
  error: z.string().describe("Why it does not open; empty where it does."),
}).openapi("Device");

/** The devices. */
export const Devices = z.object({
  devices: z.array(Device),
  reason: z.string().describe("Why none can be seen; empty where there is no more to say."),
}).openapi("Devices");

/** The providers. */
export const Providers = z.object({
  providers: z.array(z.object({
    name: z.string(),
    available: z.boolean(),
    reason: z.string().describe("Why it cannot be used, with what to do; empty where it can."),
  })),
}).openapi("Providers");

const Connection = z.object({
  id: z.string(),
  kind: z.enum(["engine-client", "engine-server", "smb"]),
  local: z.string().optional(),
  remote: z.string(),
  transport: z.string(),
  since: z.iso.datetime(),
  sendCredits: count.optional(),
  receiveCredits: count.optional(),
  inFlight: count,
  bytes,
}).openapi("Connection");

/** The connections that stand. */
export const Connections = z.object({ connections: z.array(Connection) }).openapi("Connections");

/** Registered memory: sizes and rights, never addresses or keys. */
export const Regions = z.object({
  regions: z.array(z.object({
    owner: z.string(),
    transport: z.string(),
    length: bytes,
    rights: z.array(z.string()),
    lent: bytes,
  })),
}).openapi("Regions");

/** An answer in progress. */
export const Session = z.object({
  id: z.int().min(1),
  kind: z.enum(["needle", "smb"]),
  target: z.string(),
  caller: z.string().describe("Whose token it is, or anonymous."),
  address: z.string(),
  since: z.iso.datetime(),
  bytes: bytes.describe("Bytes handed on so far."),
}).openapi("Session");

/** The answers in progress, the oldest first. */
export const Sessions = z.object({ sessions: z.array(Session) }).openapi("Sessions");

/** The volumes that are served. */
export const Volumes = z.object({
  volumes: z.array(z.object({
    id: z.int().min(1),
    collection: z.string(),
    version: z.int(),
    size: bytes,
    needles: count,
    deleted: count,
    counted: z.boolean().describe(
      "Whether needles and deleted are counts; if not, needles is no fewer than there are.",
    ),
    readOnly: z.boolean(),
    engine: z.string(),
  })),
}).openapi("Volumes");

/** A page of a volume's needles. */
export const Needles = z.object({
  volume: z.int().min(1),
  needles: z.array(z.object({
    key: z.string().describe("The key in hexadecimal. Without its cookie it opens nothing."),
    size: bytes.describe("Bytes it takes in its volume."),
  })),
  next: z.string().optional().describe("What to give as `after` for the page behind this; absent of the last."),
}).openapi("Needles");

const Failure = z.object({
  time: z.iso.datetime(),
  method: z.string(),
  path: z.string(),
  status: z.int(),
  reason: z.string(),
}).openapi("Failure");

const Latency = z.object({
  transport: z.string(),
  outcome: z.string().describe("success, or the code of the error."),
  count,
  sum: z.number().min(0).describe("Seconds that they took together."),
  p50: z.number().describe("Milliseconds; of the last ten seconds where there was any, else of all."),
  p90: z.number(),
  p99: z.number(),
  max: z.number(),
}).openapi("Latency");

/** How the service is doing. */
export const Snapshot = z.object({
  time: z.iso.datetime(),
  version: z.string(),
  uptime: z.number().min(0).describe("Seconds."),
  reads: z.object({
    requests: count,
    succeeded: count,
    rdma: count,
    local: count,
    http: count,
    readAheadHits: count,
    bytes,
    rdmaBytes: bytes,
    inFlight: count,
    errors: z.record(z.string(), count),
  }),
  latency: z.array(Latency),
  engines: z.array(z.object({
    address: z.string(),
    connected: z.boolean(),
    transport: z.string(),
    circuit: z.enum(["closed", "open", "half-open"]),
    lastError: z.string(),
  })),
  connections: z.array(Connection),
  pool: z.object({ lentBytes: bytes, allocatedBytes: bytes, ceiling: bytes }),
  http: z.object({
    requests: z.record(z.string(), count),
    inFlight: count,
    connections: count,
    denied: z.record(z.string(), count),
    sessions: count,
  }),
  devices: z.array(z.object({ name: z.string(), state: z.string() })),
  failures: z.array(Failure).describe("The newest first."),
}).openapi("Snapshot");

/** {@linkcode Snapshot}'s document. */
export type SnapshotDocument = z.infer<typeof Snapshot>;
