/**
 * SMB Direct (MS-SMBD 1.0): whole messages of up to a megabyte and more over an RDMA connection, with credits, fragments
 * and keepalives, and RDMA Reads and Writes in order with them. What the messages mean is the user's: SMB 3, or the
 * storage engine's.
 *
 * @module
 */
export { acceptSmbDirect, connectSmbDirect, type SmbDirectConnectionOptions } from "./connect.ts";
export { SmbDirectConnection } from "./connection.ts";
export { type MachineEvents, type MachineState, SmbDirectMachine } from "./machine.ts";
export { Credits } from "./credits.ts";
export type { SmbDirectParameters } from "./negotiation.ts";
export { resolveSettings, type Role, type SmbDirectOptions, type SmbDirectSettings } from "./options.ts";
export { NO_KEY, SendQueue } from "./send_queue.ts";
export { SmbDirectStatistics } from "./statistics.ts";
export type { RdmaWork } from "./transfers.ts";
export * from "./wire.ts";
