/**
 * What becomes of a stream in which one field of one right frame is wrong.
 *
 * Terminates are named by the first two bytes of their control words (RFC 5040 §4.8, RFC 5041 §8.2, RFC 5044 §8):
 * `0100` invalid STag, `0101` bounds, `0102` access rights, `0109` cannot be invalidated, `0205` RDMAP version, `0206`
 * unexpected opcode, `0207` an atomic that is not aligned (RFC 7306 §8), `02ff` another fault of the request, `1100` invalid STag, `1101` bounds, `1104` and `1206` DDP
 * version, `1201` queue number, `1203` sequence number, `1204` message offset, `1205` too long, `2002` CRC, `2003`
 * length. `accepted`: the field means nothing here, or the value is another that is right. `waits`: for the rest of a
 * longer FPDU. `over`: the peer's own Terminate, which nothing answers.
 *
 * @module
 */

/** Of each field the outcomes that its values have, by name of the frame. */
export type Outcomes = Readonly<Record<string, string>>;

// Reserved bits are not looked at (RFC 5041 §4.1, RFC 5040 §4.1), nor is padding (RFC 5044 §4.1).
const ANY = {
  length: "2002 waits",
  CRC: "2002",
  "DDP reserved": "accepted",
  "RDMAP version": "0205",
  "RDMAP reserved": "accepted",
};
const TAGGED = { ...ANY, "DDP version": "1104" };
const UNTAGGED = { ...ANY, "DDP version": "1206", T: "0206", "queue number": "0206 1201", MSN: "1203", MO: "1204" };
const PAYLOAD = { payload: "accepted", "payload's end": "accepted" };

/** Without the T bit the offset's upper half is a queue number, and there is none as high. */
const WRITE = {
  ...TAGGED,
  ...PAYLOAD,
  T: "1201",
  L: "accepted",
  STag: "0102 1100",
  "TO high": "1101",
  "TO low": "1101 accepted",
  size: "1101 2003 accepted",
  opcode: "0206 1100",
};
const SEND = {
  ...UNTAGGED,
  ...PAYLOAD,
  padding: "accepted",
  L: "accepted",
  STag: "accepted",
  size: "1205 2003 accepted",
};
const READ_REQUEST = {
  ...UNTAGGED,
  L: "02ff",
  STag: "accepted",
  size: "02ff 2003",
  opcode: "0206 02ff",
  "sink STag": "accepted",
  "sink TO high": "accepted",
  "sink TO low": "accepted",
};
/** With a Send's opcode it is one. */
const IMMEDIATE = {
  ...UNTAGGED,
  ...PAYLOAD,
  L: "02ff",
  STag: "accepted",
  size: "02ff 2003",
  opcode: "0109 0206 accepted",
};
const ATOMIC_REQUEST = {
  ...UNTAGGED,
  L: "02ff",
  STag: "accepted",
  size: "02ff 2003",
  opcode: "0206 02ff",
  "operation reserved": "accepted",
  operation: "02ff accepted",
  "request identifier": "accepted",
  "target STag": "0100 0102",
  "target TO high": "0101",
  "target TO low": "0101 0207 accepted",
  "value high": "accepted",
  "value low": "accepted",
  "mask high": "accepted",
  "mask low": "accepted",
  "comparison high": "accepted",
  "comparison low": "accepted",
  "comparison's mask high": "accepted",
  "comparison's mask low": "accepted",
};
/** What is a Write by its opcode names memory that may not be written. */
const READ_RESPONSE = {
  ...TAGGED,
  ...PAYLOAD,
  T: "1201",
  L: "1101",
  STag: "1100",
  "TO high": "1101",
  "TO low": "1101",
  size: "1101 2003",
  opcode: "0102 0206",
};
const TERMINATE = {
  ...UNTAGGED,
  L: "over",
  "DDP reserved": "over",
  "RDMAP reserved": "over",
  opcode: "0206",
  STag: "over",
  MSN: "over",
  MO: "over",
  size: "2003 over",
  layer: "over",
  "error type": "over",
  "error code": "over",
  "header flags": "over",
  reserved: "over",
  "segment length": "over",
  "quoted header": "over",
};

/** With CRCs. Without, a wrong CRC and what a wrong length makes of the bytes behind it are let pass. */
export const OUTCOMES: Readonly<Record<string, Outcomes>> = {
  "Write, first segment": WRITE,
  Write: { ...WRITE, padding: "accepted" },
  // The last segment may bear none of the other Sends' opcodes; the first may, and is one then.
  "Send, first segment": { ...SEND, opcode: "0206 02ff accepted" },
  Send: { ...SEND, opcode: "0206" },
  "Read Request": {
    ...READ_REQUEST,
    "read size": "0101 accepted",
    "source STag": "0100 0102",
    "source TO high": "0101",
    "source TO low": "0101 accepted",
  },
  "Read Response, first segment": { ...READ_RESPONSE, size: "1101 2003 accepted" },
  "Read Response": READ_RESPONSE,
  "Send with Invalidate": { ...SEND, opcode: "0206 02ff accepted", STag: "0109 accepted" },
  "Send with Solicited Event": { ...SEND, opcode: "0109 0206 02ff accepted" },
  // The other region that may be invalidated has been.
  "Send with Solicited Event and Invalidate": { ...SEND, opcode: "0206 02ff accepted", STag: "0109" },
  // Nothing is written wherever it is; with a byte more it is somewhere.
  "Write of nothing": {
    ...TAGGED,
    T: "2003",
    L: "accepted",
    STag: "accepted",
    "TO high": "accepted",
    "TO low": "accepted",
    size: "1100 2003",
    opcode: "0206 1100",
  },
  "Read Request of nothing": {
    ...READ_REQUEST,
    "read size": "0100",
    "source STag": "accepted",
    "source TO high": "accepted",
    "source TO low": "accepted",
  },
  "Read Response of nothing": {
    ...TAGGED,
    T: "2003",
    L: "1101",
    STag: "1100",
    "TO high": "1101",
    "TO low": "1101",
    size: "1101 2003",
    opcode: "0206 accepted",
  },
  "Immediate Data": IMMEDIATE,
  "Immediate Data with Solicited Event": IMMEDIATE,
  "Atomic Request, Fetch and Add": ATOMIC_REQUEST,
  "Atomic Request, Compare and Swap": ATOMIC_REQUEST,
  "Atomic Response": {
    ...UNTAGGED,
    L: "02ff",
    STag: "accepted",
    size: "02ff 2003",
    opcode: "0206",
    "request identifier": "02ff",
    "value high": "accepted",
    "value low": "accepted",
  },
  Terminate: TERMINATE,
  "Terminate of Linux siw": TERMINATE,
};
