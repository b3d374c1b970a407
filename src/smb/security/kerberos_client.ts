/**
 * Kerberos from the client's side by the system's GSS-API (RFC 4121), with the tickets that `kinit` left.
 *
 * @module
 */
import { cString, Struct } from "../../../ffi/mod.ts";
import { CapabilityError, ConfigError, SystemError, VerbenaError, WireError } from "../../rdma/errors.ts";
import {
  CONTINUE_NEEDED,
  failed,
  firstOfSet,
  GivenBuffer,
  gssapi,
  nameOfFailure,
  ObjectIdentifier,
  TakenBuffer,
  wordsOf,
} from "./gss.ts";
import type { SecurityMechanism } from "./mechanism.ts";

/** Kerberos's object identifier, 1.2.840.113554.1.2.2, as DER content (RFC 4121 §1). */
export const KERBEROS_IDENTIFIER: Uint8Array = Uint8Array.of(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 2);
/** What Windows 2000 took it for, 1.2.840.48018.1.2.2, and servers still answer to (MS-SPNG 3.1.5.2). */
export const WINDOWS_KERBEROS_IDENTIFIER: Uint8Array = Uint8Array.of(0x2a, 0x86, 0x48, 0x82, 0xf7, 0x12, 1, 2, 2);

const MECHANISM = new ObjectIdentifier(KERBEROS_IDENTIFIER);
/** GSS_C_NT_HOSTBASED_SERVICE, 1.2.840.113554.1.2.1.4 (RFC 2743 §4.1). */
const HOST_BASED = new ObjectIdentifier(Uint8Array.of(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 1, 4));
/** GSS_C_INQ_SSPI_SESSION_KEY, 1.2.840.113554.1.2.2.5.5. */
const SESSION_KEY = new ObjectIdentifier(Uint8Array.of(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 2, 5, 5));

const Flag = { MUTUAL: 2, REPLAY: 4, SEQUENCE: 8, INTEGRITY: 32 };
const ASKED = Flag.MUTUAL | Flag.REPLAY | Flag.SEQUENCE | Flag.INTEGRITY;
/** Without these the server has not shown who it is. */
const NEEDED = Flag.MUTUAL | Flag.INTEGRITY;
/** These routine errors are for want of tickets (RFC 2744 §3.9.1). */
const WANT_OF_TICKETS: readonly string[] = ["GSS_S_NO_CRED", "GSS_S_CREDENTIALS_EXPIRED"];

/** One authentication by Kerberos, of the user whose tickets are in the default cache, `KRB5CCNAME`. */
export class KerberosClient implements SecurityMechanism, Disposable {
  /** Kerberos's, and the other one. */
  readonly identifiers: readonly Uint8Array[] = [KERBEROS_IDENTIFIER, WINDOWS_KERBEROS_IDENTIFIER];
  readonly #gss = gssapi();
  readonly #service: string;
  readonly #minor = new Struct(4);
  /** gss_name_t of the server. */
  readonly #name = new Struct(8);
  /** gss_ctx_id_t. */
  readonly #context = new Struct(8);
  /** The server's token, while C may read it. */
  #received: GivenBuffer | undefined;
  #stepping = false;
  #disposed = false;
  #complete = false;
  #sessionKey: Uint8Array | undefined;

  /**
   * Takes the service meant; nobody is asked yet.
   *
   * @param host The server's name, as its tickets have it: an address has none. krb5.conf(5) says whether DNS may give
   * another.
   * @param service The service on it.
   * @throws CapabilityError when the library is not installed or `--allow-ffi` not given; SystemError when the name
   * makes no sense to it.
   */
  constructor(host: string, service = "cifs") {
    this.#service = `${service}@${host}`;
    const name = new GivenBuffer(cString(this.#service).subarray(0, -1));
    const { bytes } = this.#name;
    const major = this.#gss.gss_import_name(this.#minor.bytes, name.descriptor, HOST_BASED.descriptor, bytes);
    if (failed(major)) throw this.#failure("gss_import_name", major);
  }

  /** Whether the server has shown who it is. */
  get complete(): boolean {
    return this.#complete;
  }

  /** Whether there are keys to sign with. */
  get integrity(): boolean {
    return this.#complete;
  }

  /** The key of the session, 8 to 32 bytes by the ticket's cipher; undefined before it is complete. */
  get sessionKey(): Uint8Array | undefined {
    return this.#sessionKey;
  }

  /**
   * AP-REQ the first time, for which a KDC may be asked on another thread; then takes the AP-REP.
   *
   * @throws CapabilityError when the user has no tickets; SystemError when the KDC gives none for the server; WireError
   * when the server's token is not what the ticket's owner would send, or tells of an error.
   */
  async step(received: Uint8Array | undefined): Promise<Uint8Array | undefined> {
    if (this.#disposed || this.#stepping) throw new ConfigError(`Kerberos for ${this.#service}: one step at a time`);
    if (this.#complete) {
      if (received === undefined || received.length === 0) return undefined;
      throw new WireError("kerberos", "no token follows AP-REP", `${received.length} bytes`);
    }
    this.#received = received === undefined ? undefined : new GivenBuffer(received);
    this.#stepping = true;
    const token = new TakenBuffer();
    const flags = new Struct(4);
    try {
      const major = await this.#gss.gss_init_sec_context_elsewhere(
        this.#minor.bytes,
        0n,
        this.#context.bytes,
        this.#name.view.getBigUint64(0, true),
        MECHANISM.descriptor,
        ASKED,
        0,
        0n,
        this.#received?.descriptor ?? null,
        0n,
        token.descriptor,
        flags.bytes,
        0n,
      );
      const next = token.take();
      if (failed(major)) throw this.#refusal(major);
      if ((major & CONTINUE_NEEDED) === 0) this.#finish(flags.view.getUint32(0, true));
      return next.length === 0 ? undefined : next;
    } finally {
      this.#stepping = false;
      this.#received = undefined;
      if (this.#disposed) this.#release();
    }
  }

  #finish(flags: number): void {
    if ((flags & NEEDED) !== NEEDED) {
      throw new WireError("kerberos", "the server shows who it is and has integrity", `flags 0x${flags.toString(16)}`);
    }
    const set = new Struct(8);
    const context = this.#context.view.getBigUint64(0, true);
    const { bytes } = this.#minor;
    const major = this.#gss.gss_inquire_sec_context_by_oid(bytes, context, SESSION_KEY.descriptor, set.bytes);
    if (failed(major)) throw this.#failure("gss_inquire_sec_context_by_oid", major);
    const key = firstOfSet(set);
    this.#gss.gss_release_buffer_set(bytes, set.bytes);
    if (key === undefined || key.length === 0) {
      throw new CapabilityError("Kerberos: libgssapi_krb5 gives no session key: SMB needs a newer one");
    }
    this.#sessionKey = key;
    this.#complete = true;
  }

  /**
   * The integrity code of this side's next message (gss_get_mic(3)).
   *
   * @throws VerbenaError before it is complete and after it is disposed; SystemError when the ticket is over.
   */
  sign(message: Uint8Array): Uint8Array {
    const given = new GivenBuffer(message);
    const code = new TakenBuffer();
    const major = this.#gss.gss_get_mic(this.#minor.bytes, this.#established(), 0, given.descriptor, code.descriptor);
    const bytes = code.take();
    if (failed(major)) throw this.#failure(`gss_get_mic(${message.length})`, major);
    return bytes;
  }

  /**
   * Whether `code` is the server's for its next message (gss_verify_mic(3)).
   *
   * @throws VerbenaError before it is complete and after it is disposed.
   */
  verify(message: Uint8Array, code: Uint8Array): boolean {
    const text = new GivenBuffer(message);
    const given = new GivenBuffer(code);
    const context = this.#established();
    const major = this.#gss.gss_verify_mic(this.#minor.bytes, context, text.descriptor, given.descriptor, 0n);
    return major === 0; // information is of codes that come twice or out of turn
  }

  #established(): bigint {
    if (!this.#complete || this.#disposed) {
      throw new VerbenaError(`Kerberos for ${this.#service} has keys between AP-REP and its disposal only`);
    }
    return this.#context.view.getBigUint64(0, true);
  }

  /** The error of a step. */
  #refusal(major: number): VerbenaError {
    const words = wordsOf(major, this.#minor.view.getUint32(0, true), MECHANISM);
    if (this.#received !== undefined) return new WireError("kerberos", "the server's token is an AP-REP", words);
    if (WANT_OF_TICKETS.includes(nameOfFailure(major))) {
      return new CapabilityError(
        `Kerberos for ${this.#service}: ${words}: kinit first, or point KRB5CCNAME to tickets`,
      );
    }
    return this.#failure("gss_init_sec_context", major);
  }

  #failure(call: string, major: number): SystemError {
    const words = wordsOf(major, this.#minor.view.getUint32(0, true), MECHANISM);
    return new SystemError(`${call} for ${this.#service}`, nameOfFailure(major), words);
  }

  /** Gives the context and the name back, after a step that is under way. The session's key stays. Idempotent. */
  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    if (!this.#stepping) this.#release();
  }

  #release(): void {
    // both leave a null handle, and take one
    this.#gss.gss_delete_sec_context(this.#minor.bytes, this.#context.bytes, 0n);
    this.#gss.gss_release_name(this.#minor.bytes, this.#name.bytes);
  }
}
