/**
 * The contract of providers, over the guest's RDMA devices.
 *
 * @module
 */
import { conformance } from "../rdma/conformance.ts";
import { openStage } from "./provider_stage.ts";

conformance("verbs to verbs on rxe0", () => openStage("rxe0"));
// siw_qp_sq_proc_tx() of siw_qp_tx.c asks siw_check_sgl_tx() for no right when it answers an RDMA Read.
conformance("verbs to verbs on siw0", () => openStage("siw0"), { readsUnchecked: true });
