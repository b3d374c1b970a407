/**
 * The other side of Kerberos by the same library: who holds a service's key.
 *
 * @module
 */
import { Struct } from "../../ffi/mod.ts";
import { GivenBuffer, TakenBuffer } from "../../src/smb/security/gss.ts";

const SYMBOLS = {
  // OM_uint32 gss_accept_sec_context(OM_uint32 *minor_status, gss_ctx_id_t *context_handle,
  //                                  gss_cred_id_t acceptor_cred_handle, gss_buffer_t input_token_buffer,
  //                                  gss_channel_bindings_t input_chan_bindings, gss_name_t *src_name,
  //                                  gss_OID *mech_type, gss_buffer_t output_token, OM_uint32 *ret_flags,
  //                                  OM_uint32 *time_rec, gss_cred_id_t *delegated_cred_handle);
  gss_accept_sec_context: {
    parameters: [
      "buffer",
      "buffer",
      "usize",
      "buffer",
      "usize",
      "usize",
      "usize",
      "buffer",
      "usize",
      "usize",
      "usize",
    ],
    result: "u32",
  },
  // OM_uint32 gss_delete_sec_context(OM_uint32 *minor_status, gss_ctx_id_t *context_handle, gss_buffer_t output_token);
  gss_delete_sec_context: { parameters: ["buffer", "buffer", "usize"], result: "u32" },
  // OM_uint32 gss_get_mic(OM_uint32 *minor_status, gss_ctx_id_t context_handle, gss_qop_t qop_req,
  //                       gss_buffer_t message_buffer, gss_buffer_t message_token);
  gss_get_mic: { parameters: ["buffer", "usize", "u32", "buffer", "buffer"], result: "u32" },
  // OM_uint32 gss_verify_mic(OM_uint32 *minor_status, gss_ctx_id_t context_handle, gss_buffer_t message_buffer,
  //                          gss_buffer_t message_token, gss_qop_t *qop_state);
  gss_verify_mic: { parameters: ["buffer", "usize", "buffer", "buffer", "usize"], result: "u32" },
} as const satisfies Deno.ForeignLibraryInterface;

/** Believes whoever has a ticket for a key in `KRB5_KTNAME`. */
export class GssAcceptor implements Disposable {
  readonly #library = Deno.dlopen("libgssapi_krb5.so.2", SYMBOLS);
  readonly #minor = new Struct(4);
  readonly #context = new Struct(8);

  /** Takes the client's AP-REQ; the AP-REP. */
  accept(request: Uint8Array): Uint8Array {
    const given = new GivenBuffer(request);
    const reply = new TakenBuffer();
    const { gss_accept_sec_context: accept } = this.#library.symbols;
    const [minor, context] = [this.#minor.bytes, this.#context.bytes];
    const major = accept(minor, context, 0n, given.descriptor, 0n, 0n, 0n, reply.descriptor, 0n, 0n, 0n);
    if (major !== 0) throw new Error(`gss_accept_sec_context: 0x${major.toString(16)}`);
    return reply.take();
  }

  /** The integrity code of its next message. */
  sign(message: Uint8Array): Uint8Array {
    const code = new TakenBuffer();
    const { descriptor } = new GivenBuffer(message);
    const major = this.#library.symbols.gss_get_mic(this.#minor.bytes, this.#handle, 0, descriptor, code.descriptor);
    if (major !== 0) throw new Error(`gss_get_mic: 0x${major.toString(16)}`);
    return code.take();
  }

  /** Whether `code` is the client's for its next message. */
  verify(message: Uint8Array, code: Uint8Array): boolean {
    const [text, given] = [new GivenBuffer(message), new GivenBuffer(code)];
    const { gss_verify_mic: verify } = this.#library.symbols;
    return verify(this.#minor.bytes, this.#handle, text.descriptor, given.descriptor, 0n) === 0;
  }

  get #handle(): bigint {
    return this.#context.view.getBigUint64(0, true);
  }

  /** Forgets the client. */
  [Symbol.dispose](): void {
    this.#library.symbols.gss_delete_sec_context(this.#minor.bytes, this.#context.bytes, 0n);
    this.#library.close();
  }
}
