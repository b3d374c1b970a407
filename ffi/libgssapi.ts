/**
 * libgssapi_krb5, MIT's GSS-API: Kerberos with the tickets that the user has.
 *
 * The structs of its C bindings (RFC 2744 §3) are a length and an address, 16 bytes on every architecture of 64 bits: of
 * bytes in `gss_buffer_desc` and `gss_OID_desc`, of `gss_buffer_desc`s in `gss_buffer_set_desc`.
 *
 * @module
 */
import { lazily } from "./library.ts";

/** Its symbols, each behind its declaration in C. */
export const LIBGSSAPI = {
  // OM_uint32 gss_import_name(OM_uint32 *minor_status, gss_buffer_t input_name_buffer, gss_OID input_name_type,
  //                           gss_name_t *output_name);
  gss_import_name: { parameters: ["buffer", "buffer", "buffer", "buffer"], result: "u32" },
  // OM_uint32 gss_release_name(OM_uint32 *minor_status, gss_name_t *input_name);
  gss_release_name: { parameters: ["buffer", "buffer"], result: "u32" },
  // OM_uint32 gss_init_sec_context(OM_uint32 *minor_status, gss_cred_id_t claimant_cred_handle,
  //                                gss_ctx_id_t *context_handle, gss_name_t target_name, gss_OID mech_type,
  //                                OM_uint32 req_flags, OM_uint32 time_req, gss_channel_bindings_t bindings,
  //                                gss_buffer_t input_token, gss_OID *actual_mech_type, gss_buffer_t output_token,
  //                                OM_uint32 *ret_flags, OM_uint32 *time_rec);
  gss_init_sec_context_elsewhere: {
    name: "gss_init_sec_context",
    parameters: [
      "buffer",
      "usize",
      "buffer",
      "usize",
      "buffer",
      "u32",
      "u32",
      "usize",
      "buffer",
      "usize",
      "buffer",
      "buffer",
      "usize",
    ],
    result: "u32",
    nonblocking: true,
  },
  // OM_uint32 gss_delete_sec_context(OM_uint32 *minor_status, gss_ctx_id_t *context_handle, gss_buffer_t output_token);
  gss_delete_sec_context: { parameters: ["buffer", "buffer", "usize"], result: "u32" },
  // OM_uint32 gss_get_mic(OM_uint32 *minor_status, gss_ctx_id_t context_handle, gss_qop_t qop_req,
  //                       gss_buffer_t message_buffer, gss_buffer_t message_token);
  gss_get_mic: { parameters: ["buffer", "usize", "u32", "buffer", "buffer"], result: "u32" },
  // OM_uint32 gss_verify_mic(OM_uint32 *minor_status, gss_ctx_id_t context_handle, gss_buffer_t message_buffer,
  //                          gss_buffer_t message_token, gss_qop_t *qop_state);
  gss_verify_mic: { parameters: ["buffer", "usize", "buffer", "buffer", "usize"], result: "u32" },
  // OM_uint32 gss_inquire_sec_context_by_oid(OM_uint32 *minor_status, const gss_ctx_id_t context_handle,
  //                                          const gss_OID desired_object, gss_buffer_set_t *data_set);
  gss_inquire_sec_context_by_oid: { parameters: ["buffer", "usize", "buffer", "buffer"], result: "u32" },
  // OM_uint32 gss_release_buffer(OM_uint32 *minor_status, gss_buffer_t buffer);
  gss_release_buffer: { parameters: ["buffer", "buffer"], result: "u32" },
  // OM_uint32 gss_release_buffer_set(OM_uint32 *minor_status, gss_buffer_set_t *buffer_set);
  gss_release_buffer_set: { parameters: ["buffer", "buffer"], result: "u32" },
  // OM_uint32 gss_display_status(OM_uint32 *minor_status, OM_uint32 status_value, int status_type, gss_OID mech_type,
  //                              OM_uint32 *message_context, gss_buffer_t status_string);
  gss_display_status: { parameters: ["buffer", "u32", "i32", "buffer", "buffer", "buffer"], result: "u32" },
} as const satisfies Deno.ForeignLibraryInterface;

/** libgssapi_krb5's functions. Throws NotCapable without `--allow-ffi`, and the loader's error where it is not installed. */
export const libgssapi: () => Deno.StaticForeignLibraryInterface<typeof LIBGSSAPI> = lazily(() =>
  Deno.dlopen("libgssapi_krb5.so.2", LIBGSSAPI).symbols
);
