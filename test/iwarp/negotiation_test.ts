import { VerbsError, WireError } from "../../src/rdma/errors.ts";
import type { MpaEnhanced, MpaFrame } from "../../src/iwarp/mpa.ts";
import {
  agreeAsInitiator,
  agreeAsResponder,
  type MpaWishes,
  rejectFrame,
  requestFrame,
} from "../../src/iwarp/negotiation.ts";
import { assertEquals, assertThrows } from "../assert.ts";

const none = new Uint8Array(0);

function wishes(more: Partial<MpaWishes> = {}): MpaWishes {
  return { crc: false, readDepth: 16, revision: 2, privateData: none, ...more };
}

function enhanced(more: Partial<MpaEnhanced> = {}): MpaEnhanced {
  return { ird: 16, ord: 16, peerToPeer: true, rtrSend: false, rtrWrite: true, rtrRead: false, ...more };
}

function frame(more: Partial<MpaFrame> = {}): MpaFrame {
  return { markers: false, crc: false, reject: false, revision: 2, privateData: none, ...more };
}

Deno.test("a request offers peer to peer with a Write or a Read, and never markers", () => {
  assertEquals(requestFrame(wishes({ crc: true })), frame({ crc: true, enhanced: enhanced({ rtrRead: true }) }));
  assertEquals(requestFrame(wishes({ revision: 1 })), frame({ revision: 1 }));
});

Deno.test("CRCs are used when either side wants them, and the reply says so", () => {
  for (const [near, far] of [[false, false], [false, true], [true, false], [true, true]] as const) {
    const crc = near || far;
    const { reply, agreement } = agreeAsResponder(wishes({ crc: near }), frame({ crc: far }));
    assertEquals([reply.crc, agreement.crc], [crc, crc]);
    assertEquals(agreeAsInitiator(wishes({ crc: near }), frame({ crc: far }), "a:1").crc, crc);
  }
});

Deno.test("each side's Reads are the fewer of what it wants and what the other holds", () => {
  const cases: [number, number, number, number, number][] = [
    // own depth, peer's IRD, peer's ORD; the agreed IRD and ORD
    [16, 8, 4, 4, 8],
    [16, 128, 128, 16, 16],
    [16, 0x3fff, 0x3fff, 16, 16],
    [16, 0, 0, 0, 0],
    [0, 16, 16, 0, 0],
  ];
  for (const [readDepth, peerIrd, peerOrd, ird, ord] of cases) {
    const peer = frame({ enhanced: enhanced({ ird: peerIrd, ord: peerOrd }) });
    const near = agreeAsInitiator(wishes({ readDepth }), peer, "a:1");
    const { reply, agreement } = agreeAsResponder(wishes({ readDepth }), peer);
    assertEquals([near.ird, near.ord, agreement.ird, agreement.ord], [ird, ord, ird, ord]);
    assertEquals([reply.enhanced?.ird, reply.enhanced?.ord], [ird, ord]);
  }
});

Deno.test("a peer of revision 1 says nothing of Reads: it may have many, and this side its own number", () => {
  const near = agreeAsInitiator(wishes({ readDepth: 5 }), frame({ revision: 1 }), "a:1");
  const { reply, agreement } = agreeAsResponder(wishes({ readDepth: 5 }), frame({ revision: 1 }));
  for (const each of [near, agreement]) assertEquals([each.ird, each.ord, each.readyToReceive], [128, 5, "none"]);
  assertEquals(reply, frame({ revision: 1 }));
});

Deno.test("a responder picks one of the frames offered: the Write before the Read before the Send", () => {
  for (let offer = 0; offer < 8; offer++) {
    const offered = { rtrWrite: (offer & 4) !== 0, rtrRead: (offer & 2) !== 0, rtrSend: (offer & 1) !== 0 };
    const expected = offered.rtrWrite ? "write" : offered.rtrRead ? "read" : offered.rtrSend ? "send" : "none";
    const { reply, agreement } = agreeAsResponder(wishes(), frame({ enhanced: enhanced(offered) }));
    assertEquals(agreement.readyToReceive, expected);
    assertEquals(reply.enhanced, {
      ird: 16,
      ord: 16,
      peerToPeer: expected !== "none",
      rtrSend: expected === "send",
      rtrWrite: expected === "write",
      rtrRead: expected === "read",
    });
    // And an initiator makes of that reply what the responder meant.
    assertEquals(agreeAsInitiator(wishes(), reply, "a:1").readyToReceive, expected);
  }
});

Deno.test("without the peer-to-peer flag no ready-to-receive frame is awaited", () => {
  const { reply, agreement } = agreeAsResponder(wishes(), frame({ enhanced: enhanced({ peerToPeer: false }) }));
  assertEquals([agreement.readyToReceive, reply.enhanced?.rtrWrite], ["none", false]);
});

Deno.test("a refusal is an error that gives the peer's words, made harmless", () => {
  const words = (text: string) => frame({ reject: true, privateData: new TextEncoder().encode(text) });
  const error = assertThrows(() => agreeAsInitiator(wishes(), words("no\x1b[31m room\n"), "a:1"), VerbsError);
  assertEquals([error.code, error.message], ["rejected", "connect a:1: rejected: no[31m room"]);
  assertThrows(() => agreeAsInitiator(wishes(), words(""), "a:1"), VerbsError, "the peer refused the connection");
});

Deno.test("markers are refused in both directions", () => {
  assertThrows(() => agreeAsInitiator(wishes(), frame({ markers: true }), "a:1"), WireError, "markers");
  assertThrows(() => agreeAsResponder(wishes(), frame({ markers: true })), WireError, "markers");
});

Deno.test("a reply follows the revision of its request, and so does a refusal", () => {
  for (const revision of [1, 2]) {
    assertEquals(agreeAsResponder(wishes({ revision: 2 }), frame({ revision })).reply.revision, revision);
  }
  assertEquals(rejectFrame(frame({ revision: 1, crc: true }), none), frame({ revision: 1, crc: true, reject: true }));
  assertEquals(
    rejectFrame(frame({ enhanced: enhanced() }), none),
    frame({ reject: true, enhanced: enhanced({ ird: 0, ord: 0, peerToPeer: false, rtrWrite: false }) }),
  );
});
