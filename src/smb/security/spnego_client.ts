/**
 * SPNEGO from the client's side (RFC 4178 §3, §5): which mechanism, its tokens, and the codes that show that nobody
 * changed the list of mechanisms on the way.
 *
 * @module
 */
import { CapabilityError, ConfigError, WireError } from "../../rdma/errors.ts";
import type { SecurityMechanism } from "./mechanism.ts";
import {
  decodeNegTokenInit,
  decodeNegTokenResp,
  encodeMechanismList,
  encodeNegTokenInit,
  encodeNegTokenResp,
  NegState,
  type NegTokenResp,
  sameIdentifier,
} from "./spnego_tokens.ts";

const has = (mechanism: SecurityMechanism, identifier: Uint8Array): boolean =>
  mechanism.identifiers.some((own) => sameIdentifier(own, identifier));

/** The mechanisms, of `mechanisms`, that the server has too. */
function common(mechanisms: readonly SecurityMechanism[], offer: Uint8Array): readonly SecurityMechanism[] {
  // an empty offer says nothing of what the server has (MS-SMB2 3.2.4.2.1)
  if (offer.length === 0) return mechanisms;
  const theirs = decodeNegTokenInit(offer).mechanisms;
  return mechanisms.filter((mechanism) => theirs.some((identifier) => has(mechanism, identifier)));
}

/** One negotiation; its tokens go into SESSION_SETUP requests, and those of the responses into it. */
export class SpnegoClient {
  readonly #mechanisms: readonly SecurityMechanism[];
  readonly #identifiers: readonly Uint8Array[];
  #mechanism: SecurityMechanism;
  /** The server answered, and named the mechanism. */
  #named = false;
  #started = false;
  #complete = false;
  /** This side's code of the list was sent. */
  #signed = false;
  /** The server's code of the list was right. */
  #verified = false;
  #codesRequired = false;

  /**
   * Takes the server's offer and what this side has.
   *
   * @param offer The security buffer of the NEGOTIATE response, may be empty.
   * @param mechanisms What this side has, the one it likes best first.
   * @throws WireError when the offer breaks a rule.
   * @throws CapabilityError when the server has none of the mechanisms.
   */
  constructor(offer: Uint8Array, mechanisms: readonly SecurityMechanism[]) {
    this.#mechanisms = common(mechanisms, offer);
    const [first] = this.#mechanisms;
    if (first === undefined) {
      throw new CapabilityError(
        "the SMB server offers none of the mechanisms to log on by that were asked for: allow NTLM or Kerberos on it",
      );
    }
    this.#mechanism = first;
    this.#identifiers = this.#mechanisms.flatMap(({ identifiers }) => identifiers);
  }

  /** Whether both sides are done, and the list of mechanisms is as it was sent. */
  get complete(): boolean {
    return this.#complete;
  }

  /** The mechanism taken; the first one until the server says. */
  get mechanism(): SecurityMechanism {
    return this.#mechanism;
  }

  /**
   * The token of the first SESSION_SETUP request.
   *
   * @throws ConfigError when it was asked for before.
   */
  async start(): Promise<Uint8Array> {
    if (this.#started) throw new ConfigError("a SPNEGO negotiation starts once: make another");
    this.#started = true;
    return encodeNegTokenInit(this.#identifiers, await this.#mechanism.step(undefined));
  }

  /**
   * Takes the token of a SESSION_SETUP response and gives that of the next request, or undefined when none is owed.
   *
   * @throws WireError when the answer breaks a rule, refuses, or shows that the list of mechanisms was changed.
   */
  async next(received: Uint8Array): Promise<Uint8Array | undefined> {
    if (this.#complete) throw new WireError("spnego", "no token follows the last", `${received.length} bytes`);
    const response = decodeNegTokenResp(received);
    if (response.state === NegState.REJECT) throw new WireError("spnego", "negState accepts", "reject");
    const started = await this.#choose(response);
    const token = started ?? await this.#step(response);
    if (response.listCode !== undefined) this.#verify(response.listCode);
    if (response.state === NegState.ACCEPT_COMPLETED) {
      this.#finish(token);
      return undefined;
    }
    const listCode = this.#sign();
    if (token === undefined && listCode === undefined) {
      throw new WireError("spnego", "negState is accept-completed when nothing is owed", response.state ?? "none");
    }
    return encodeNegTokenResp({ token, listCode });
  }

  /** Takes the mechanism that the server names in its first answer; gives a token where that one starts only now. */
  async #choose(response: NegTokenResp): Promise<Uint8Array | undefined> {
    if (this.#named) {
      if (response.mechanism !== undefined && !has(this.#mechanism, response.mechanism)) {
        throw new WireError("spnego", "supportedMech stays what it was", response.mechanism.toHex());
      }
      if (response.state === NegState.REQUEST_MIC) {
        throw new WireError("spnego", "request-mic is in the first answer only", response.state);
      }
      return undefined;
    }
    this.#named = true;
    this.#codesRequired = response.state === NegState.REQUEST_MIC;
    const name = response.mechanism;
    if (name === undefined || has(this.#mechanism, name)) return undefined;
    const other = this.#mechanisms.find((mechanism) => has(mechanism, name));
    if (other === undefined) throw new WireError("spnego", "supportedMech is one that was offered", name.toHex());
    // a mechanism that was not the first choice may be an attacker's choice: the codes tell (RFC 4178 §5)
    this.#codesRequired = true;
    this.#mechanism = other;
    return await other.step(undefined);
  }

  async #step(response: NegTokenResp): Promise<Uint8Array | undefined> {
    if (this.#mechanism.complete && response.token === undefined) return undefined;
    return await this.#mechanism.step(response.token);
  }

  /** This side's code of the list, once, when the mechanism has keys. */
  #sign(): Uint8Array | undefined {
    if (this.#signed || !this.#mechanism.complete || !this.#mechanism.integrity) return undefined;
    this.#signed = true;
    return this.#mechanism.sign(encodeMechanismList(this.#identifiers));
  }

  #verify(code: Uint8Array): void {
    const { complete, integrity } = this.#mechanism;
    if (!complete || this.#verified) throw new WireError("spnego", "mechListMIC comes once, after the keys", "another");
    // nobody's codes are made with a key that everybody knows
    if (!integrity) return;
    if (!this.#mechanism.verify(encodeMechanismList(this.#identifiers), code)) {
      throw new WireError("spnego", "mechListMIC fits the mechanisms that were offered", "another");
    }
    this.#verified = true;
  }

  #finish(token: Uint8Array | undefined): void {
    if (!this.#mechanism.complete || token !== undefined) {
      throw new WireError("spnego", "accept-completed comes when the mechanism is done", "it is not");
    }
    if (this.#codesRequired && !this.#verified) {
      throw new WireError("spnego", "mechListMIC comes where the first mechanism was not taken", "none");
    }
    this.#complete = true;
  }
}
