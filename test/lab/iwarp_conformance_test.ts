/**
 * The contract of providers between our iWARP and the kernel's, both ways round.
 *
 * @module
 */
import { conformance } from "../rdma/conformance.ts";
import { openMixedStage } from "./provider_stage.ts";

conformance("iwarp to siw", () => openMixedStage("iwarp"), { readsUnchecked: true });
conformance("siw to iwarp", () => openMixedStage("verbs"));
