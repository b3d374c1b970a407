/**
 * The credits of one connection (MS-SMBD 3.1.5.1, 3.1.5.9): how many messages each side may send before it hears more.
 *
 * @module
 */
import { WireError } from "../rdma/errors.ts";

/** The most credits a peer may heap up: CreditsGranted is a 16-bit field, and no one asks for more than it holds. */
const MOST_SEND_CREDITS = 0xffff;

/**
 * Counts credits. It grants only what receives are posted for, and spends the last send credit only on a message that
 * gives credits back: otherwise two sides could each be left with nothing to say so with.
 */
export class Credits {
  /** Messages this side may send now. */
  sendCredits = 0;
  /** Messages the peer may send now; some may be on their way. */
  receiveCredits = 0;
  /** Credits the peer wishes to hold, from its latest message. */
  receiveCreditTarget = 0;
  /** Receives posted and not yet consumed. */
  receivesPosted = 0;

  /** Starts with none on either side. */
  constructor(
    /** Credits to ask for. */ readonly sendCreditTarget: number,
    /** Credits the peer may hold at most. */ readonly receiveCreditMax: number,
  ) {}

  /** Credits the peer is to hold when all is well. */
  get ceiling(): number {
    return Math.min(this.receiveCreditMax, this.receiveCreditTarget);
  }

  /** Credits a message sent now would grant. */
  get grantable(): number {
    return Math.max(0, Math.min(this.ceiling, this.receivesPosted) - this.receiveCredits);
  }

  /** Whether a message may be sent now: not with the last credit, unless the message gives some back. */
  get maySend(): boolean {
    return this.sendCredits > 1 || (this.sendCredits === 1 && this.grantable > 0);
  }

  /**
   * Whether the peer should be given credits even by a message without payload. That is at half, early enough for peers
   * that know no last-credit rule (Linux before 7.0); and at one at the least, because a peer that does know it cannot
   * spend the last one while it has nothing to grant.
   */
  get grantDue(): boolean {
    const ceiling = this.ceiling;
    return this.receiveCredits <= (ceiling < 2 ? 0 : Math.max(1, ceiling >> 1)) && this.grantable > 0;
  }

  /**
   * Whether two such sides would answer grant with grant for ever: with so few credits every message makes the next grant
   * due. With three and more a grant gives two credits and costs one, and the exchange dies down.
   */
  get scarce(): boolean {
    return this.ceiling < 3;
  }

  /** Takes up the negotiated beginning. */
  begin(sendCredits: number, receiveCredits: number, receiveCreditTarget: number): void {
    this.sendCredits = sendCredits;
    this.receiveCredits = receiveCredits;
    this.receiveCreditTarget = receiveCreditTarget;
  }

  /** Spends one send credit ({@linkcode maySend}) and returns the credits that the message grants. */
  spend(): number {
    const granted = this.grantable;
    this.sendCredits--;
    this.receiveCredits += granted;
    return granted;
  }

  /** Accounts for a message received. Throws WireError when the peer had no credit for it, or grants beyond all measure. */
  received(creditsRequested: number, creditsGranted: number): void {
    if (this.receiveCredits === 0) throw new WireError("smbd", "message without a credit for it", 1);
    this.receiveCredits--;
    this.receiveCreditTarget = creditsRequested;
    this.sendCredits += creditsGranted;
    if (this.sendCredits > MOST_SEND_CREDITS) {
      throw new WireError("smbd", `credits granted in all are at most ${MOST_SEND_CREDITS}`, this.sendCredits);
    }
  }
}
