/**
 * What passes to and from GSS-API's C bindings (RFC 2744): buffers, object identifiers and statuses.
 *
 * @module
 */
import { libgssapi, libraryFault, Struct, viewAt } from "../../../ffi/mod.ts";
import { CapabilityError } from "../../rdma/errors.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** GSS_S_CONTINUE_NEEDED: the peer owes a token (RFC 2744 §3.9.1). */
export const CONTINUE_NEEDED = 1;

/** Routine errors in order of their numbers, which begin at 1 (RFC 2744 §3.9.1). */
const ROUTINE_ERRORS: readonly string[] = [
  "BAD_MECH",
  "BAD_NAME",
  "BAD_NAMETYPE",
  "BAD_BINDINGS",
  "BAD_STATUS",
  "BAD_MIC",
  "NO_CRED",
  "NO_CONTEXT",
  "DEFECTIVE_TOKEN",
  "DEFECTIVE_CREDENTIAL",
  "CREDENTIALS_EXPIRED",
  "CONTEXT_EXPIRED",
  "FAILURE",
  "BAD_QOP",
  "UNAUTHORIZED",
  "UNAVAILABLE",
  "DUPLICATE_ELEMENT",
  "NAME_NOT_MN",
];
/** The size of `gss_OID_desc`, `gss_buffer_desc` and `gss_buffer_set_desc`: a length, and an address at 8. */
const DESCRIPTOR = 16;
/** gss_display_status's kinds of status. */
const GSS_CODE = 1;
const MECHANISM_CODE = 2;
/** Messages that one status is told in at most. */
const MOST_MESSAGES = 8;

/** libgssapi_krb5's functions. Throws CapabilityError that says what to install or to allow. */
export function gssapi(): ReturnType<typeof libgssapi> {
  const fault = libraryFault("libgssapi_krb5.so.2", "libgssapi-krb5-2", libgssapi);
  if (fault !== undefined) throw new CapabilityError(`Kerberos: ${fault}`);
  return libgssapi();
}

/** An object identifier for C: `gss_OID_desc`, and the DER content behind it. Made without FFI, and used with it. */
export class ObjectIdentifier {
  readonly #content: Uint8Array;
  #descriptor: Bytes | undefined;

  /** Takes the content. */
  constructor(content: Uint8Array) {
    this.#content = content;
  }

  /** The struct, for `buffer` parameters; good while the object is referred to. */
  get descriptor(): Bytes {
    if (this.#descriptor === undefined) {
      const struct = new Struct(DESCRIPTOR + this.#content.length);
      struct.view.setUint32(0, this.#content.length, true);
      this.#descriptor = describe(struct, this.#content);
    }
    return this.#descriptor;
  }
}

/** Bytes for C: `gss_buffer_desc`, and a copy of the bytes behind it. */
export class GivenBuffer {
  /** The struct, for `buffer` parameters; good while the object is referred to. */
  readonly descriptor: Bytes;

  /** Copies them. */
  constructor(bytes: Uint8Array) {
    const struct = new Struct(DESCRIPTOR + bytes.length);
    struct.view.setBigUint64(0, BigInt(bytes.length), true);
    this.descriptor = describe(struct, bytes);
  }
}

function describe(struct: Struct, bytes: Uint8Array): Bytes {
  struct.bytes.set(bytes, DESCRIPTOR);
  struct.view.setBigUint64(8, struct.address + BigInt(DESCRIPTOR), true);
  return struct.bytes;
}

/** A `gss_buffer_desc` that C fills with a buffer of its own. */
export class TakenBuffer {
  readonly #struct = new Struct(DESCRIPTOR);

  /** The struct, for `buffer` parameters. */
  get descriptor(): Bytes {
    return this.#struct.bytes;
  }

  /** A copy of what C put there, empty when that is nothing; C's own is released. */
  take(): Bytes {
    const bytes = copyOf(this.#struct.view);
    libgssapi().gss_release_buffer(new Uint8Array(4), this.#struct.bytes);
    return bytes;
  }
}

/** A copy of the first buffer in a `gss_buffer_set_desc`, undefined when there is none. `set` holds its address. */
export function firstOfSet(set: Struct): Bytes | undefined {
  const address = set.view.getBigUint64(0, true);
  if (address === 0n) return undefined;
  const descriptor = viewAt(address, DESCRIPTOR);
  if (descriptor.getBigUint64(0, true) === 0n) return undefined;
  return copyOf(viewAt(descriptor.getBigUint64(8, true), DESCRIPTOR));
}

/** A copy of what a `gss_buffer_desc` describes. */
function copyOf(descriptor: DataView<ArrayBuffer>): Bytes {
  const length = Number(descriptor.getBigUint64(0, true));
  const address = descriptor.getBigUint64(8, true);
  if (length === 0 || address === 0n) return new Uint8Array(0);
  return new Uint8Array(viewAt(address, length).buffer).slice();
}

/** Whether a call failed: a calling or a routine error, and no mere information. */
export function failed(major: number): boolean {
  return (major >>> 16) !== 0;
}

/** The name of a failure, `GSS_S_NO_CRED`. */
export function nameOfFailure(major: number): string {
  const routine = (major >>> 16) & 0xff;
  return `GSS_S_${ROUTINE_ERRORS[routine - 1] ?? (routine === 0 ? `CALL_${major >>> 24}` : routine)}`;
}

/**
 * The library's words for a failure. It keeps the details, such as which file it looked in, for the thread that met them,
 * so that a failure elsewhere is told without.
 */
export function wordsOf(major: number, minor: number, mechanism: ObjectIdentifier): string {
  // what the mechanism says is to the point, and may be that there is nothing to say
  const particular = minor === 0 ? "" : messagesOf(minor, MECHANISM_CODE, mechanism);
  return particular === "" || particular === "Success" ? messagesOf(major, GSS_CODE, mechanism) : particular;
}

function messagesOf(status: number, kind: number, mechanism: ObjectIdentifier): string {
  const gss = libgssapi();
  const minor = new Struct(4);
  const more = new Struct(4);
  const messages: string[] = [];
  do {
    const message = new TakenBuffer();
    const major = gss.gss_display_status(
      minor.bytes,
      status,
      kind,
      mechanism.descriptor,
      more.bytes,
      message.descriptor,
    );
    const text = new TextDecoder().decode(message.take());
    if (failed(major)) break;
    messages.push(text);
  } while (more.view.getUint32(0, true) !== 0 && messages.length < MOST_MESSAGES);
  return messages.join("; ");
}
