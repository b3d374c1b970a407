/**
 * Whom the frames suit that this side sends.
 *
 * @module
 */
import { FPDU_CRC_SIZE, FPDU_LENGTH_SIZE, TAGGED_HEADER_SIZE } from "./wire.ts";

/** The least that a sender may be told to keep to: any header, and some payload. */
export const MIN_ULPDU_SIZE = 128;

/**
 * `software`: FPDUs of any length, many in one write, which costs least, and which Linux's siw takes. `hardware`: each
 * write a TCP segment of its own with whole FPDUs in it, as RNICs want them (RFC 5044 §5.1).
 */
export type IwarpProfile = "software" | "hardware";

/** 65,504 bytes of payload: a multiple of eight and of common pages, little short of what the length field allows. */
const SOFTWARE_ULPDU_SIZE = 65_504 + TAGGED_HEADER_SIZE;
/** An Ethernet frame's 1,500 bytes less the headers of IP and of TCP with timestamps. */
const SEGMENT_SIZE = { ipv4: 1_448, ipv6: 1_428 };
/** The longest that adapters are known to take. */
const MAX_SEGMENT_SIZE = 16 * 1024;

/**
 * The longest ULPDU that suits the peer at `host`, in bytes. `segmentSize` is what a TCP segment carries on the way there,
 * where that is known; else it is taken for Ethernet's.
 */
export function ulpduSizeFor(profile: IwarpProfile, host: string, segmentSize?: number): number {
  if (profile === "software") return SOFTWARE_ULPDU_SIZE;
  const ipv6 = host.includes(":") && !host.startsWith("::ffff:");
  const size = Math.min(segmentSize ?? SEGMENT_SIZE[ipv6 ? "ipv6" : "ipv4"], MAX_SEGMENT_SIZE);
  return Math.max(MIN_ULPDU_SIZE, (size & ~3) - FPDU_LENGTH_SIZE - FPDU_CRC_SIZE);
}
