/**
 * What QUERY_NETWORK_INTERFACE_INFO answers (MS-SMB2 2.2.32.5): where else the server can be reached, and how fast.
 *
 * @module
 */
import { type Reader } from "./cursor.ts";
import { entriesOf } from "./entries.ts";

/** What an interface can do. */
export const InterfaceCapability = {
  /** Several receive queues. */
  RSS: 1,
  /** RDMA. */
  RDMA: 2,
} as const;

/** The most entries taken. */
export const MAX_INTERFACES = 256;

const ENTRY_LENGTH = 152;
const FAMILY_IPV4 = 2;
const FAMILY_IPV6 = 0x17;

/** One address of one interface. */
export interface NetworkInterface {
  /** The interface; several addresses may share it. */
  readonly index: number;
  /** {@linkcode InterfaceCapability} flags. */
  readonly capability: number;
  /** Bits a second. */
  readonly linkSpeed: bigint;
  /** The address's bytes, 4 of IPv4 or 16 of IPv6: a view. */
  readonly address: Uint8Array;
}

/** Reads one entry; undefined of an address family unknown here. */
function takeInterface(reader: Reader): NetworkInterface | undefined {
  const index = reader.u32();
  const capability = reader.u32();
  reader.skip(4);
  const linkSpeed = reader.u64();
  const family = reader.u16();
  reader.skip(2);
  if (family === FAMILY_IPV4) return { index, capability, linkSpeed, address: reader.bytes(4) };
  reader.skip(4);
  if (family === FAMILY_IPV6) return { index, capability, linkSpeed, address: reader.bytes(16) };
  return undefined;
}

/**
 * Reads the output of QUERY_NETWORK_INTERFACE_INFO; addresses of other families are passed over.
 *
 * @throws WireError when it does not hold or has more than {@linkcode MAX_INTERFACES} entries.
 */
export function decodeNetworkInterfaces(output: Uint8Array): NetworkInterface[] {
  const interfaces: NetworkInterface[] = [];
  let count = 0;
  for (const reader of entriesOf("network interface", output, ENTRY_LENGTH)) {
    if (reader.left < ENTRY_LENGTH - 4) reader.fail("an entry has 152 bytes", reader.left + 4);
    if (++count > MAX_INTERFACES) reader.fail(`entries are at most ${MAX_INTERFACES}`, count);
    const found = takeInterface(reader);
    if (found !== undefined) interfaces.push(found);
  }
  return interfaces;
}
