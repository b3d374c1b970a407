/**
 * The contract of providers, over the guest's RDMA devices.
 *
 * @module
 */
import { conformance } from "../rdma/conformance.ts";
import { openStage } from "./provider_stage.ts";

for (const device of ["rxe0", "siw0"] as const) {
  conformance(`verbs to verbs on ${device}`, () => openStage(device));
}
