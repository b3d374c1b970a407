/**
 * The numbers that requests may bear: the server grants them, each request uses up as many as it costs (MS-SMB2 3.2.1.2,
 * 3.2.4.1.2).
 *
 * @module
 */

/** The most credits that are believed: MS-SMB2 3.3.1.2 has servers grant at most 8,192 by default, and a field 65,535. */
const MOST_CREDITS = 65_535;

/** One connection's credits. */
export class CreditWindow {
  #next = 0;
  #available = 1; // for NEGOTIATE
  #underWay = 0;

  /** Wants `target` of them. */
  constructor(/** How many to have. */ readonly target: number) {}

  /** Credits that requests may use now. */
  get available(): number {
    return this.#available;
  }

  /** Credits this side has in all: to use, and used by requests under way. A request that costs more cannot be sent. */
  get total(): number {
    return this.#available + this.#underWay;
  }

  /** Whether requests under way may yet bring credits. */
  get expecting(): boolean {
    return this.#underWay > 0;
  }

  /** The MessageId of a request that costs `charge`, or −1 when there are not as many credits now. */
  take(charge: number): number {
    if (charge > this.#available) return -1;
    const id = this.#next;
    this.#next += charge;
    this.#available -= charge;
    this.#underWay += charge;
    return id;
  }

  /** Takes back what the request that was given its number last has not used: it never left. */
  giveBack(id: number, charge: number): void {
    this.#next = id;
    this.#available += charge;
    this.#underWay -= charge;
  }

  /** How many to ask for with a request that was just given its number: what it cost, and what is missing. */
  asked(charge: number): number {
    return Math.max(1, Math.min(MOST_CREDITS, charge + this.target - this.total));
  }

  /** A response brings `count`. */
  grant(count: number): void {
    this.#available = Math.min(MOST_CREDITS, this.#available + count);
  }

  /** Of what requests under way cost, `charge` credits are no longer expected: they were brought, or a request is over. */
  finished(charge: number): void {
    this.#underWay -= charge;
  }
}
