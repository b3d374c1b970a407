/**
 * Membership of multicast groups.
 *
 * @module
 */
import { checkField } from "./address_vector.ts";
import { checkVerb } from "./failure.ts";
import { checkGid, gidText } from "./gid.ts";
import { verbs } from "./libraries.ts";
import type { QueuePair } from "./queue_pair.ts";
import { Resource } from "./resource.ts";

/** That a queue pair receives what is sent to a group. Disposing it leaves the group. */
export class MulticastMembership extends Resource {
  /** Attaches a queue pair to the group `gid`, on InfiniBand at local identifier `lid`. Throws VerbsError. */
  static attach(queuePair: QueuePair, gid: Uint8Array, lid: number): MulticastMembership {
    checkGid(gid);
    checkField("lid", lid, 0xffff);
    const own = Uint8Array.from(gid);
    checkVerb(`ibv_attach_mcast(${gidText(gid)})`, verbs().ibv_attach_mcast(queuePair.handle, own, lid));
    return new MulticastMembership(queuePair, own, lid);
  }

  private constructor(
    /** The member. */ readonly queuePair: QueuePair,
    /** The group. */ readonly gid: Uint8Array<ArrayBuffer>,
    /** Its local identifier, on InfiniBand. */ readonly lid: number,
  ) {
    super([queuePair]);
  }

  /** Leaves the group. */
  protected override destroy(): void {
    const { queuePair, gid, lid } = this;
    checkVerb(`ibv_detach_mcast(${gidText(gid)})`, verbs().ibv_detach_mcast(queuePair.handle, gid, lid));
  }
}
