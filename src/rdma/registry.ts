/**
 * The providers a process has, and the choice between them. `main.ts` hands them in: this file knows none.
 *
 * @module
 */
import { formatAddress } from "./address.ts";
import { CapabilityError, ConfigError, reasonOf } from "./errors.ts";
import type { ProtectionDomain, Provider, RdmaAddress } from "./provider.ts";

/** A provider that was looked at and not taken. */
export interface PassedOver {
  /** Its name. */
  readonly name: string;
  /** Why, in a sentence that says what to do where something can be done. */
  readonly reason: string;
}

/** The provider taken, and why each one before it was not. */
export interface Choice {
  /** The provider. */
  readonly provider: Provider;
  /** Its protection domain for the address. */
  readonly domain: ProtectionDomain;
  /** Those that would have been preferred. */
  readonly passedOver: readonly PassedOver[];
}

/** Providers in order of preference. */
export class ProviderRegistry {
  /** Hands the providers in, the preferred one first. */
  constructor(/** The providers. */ readonly providers: readonly Provider[]) {}

  /** The names that {@linkcode choose} takes. */
  get names(): string[] {
    return ["auto", ...this.providers.map(({ name }) => name)];
  }

  /**
   * Opens a protection domain for `address` with the provider called `name`, or with `auto` the first that can.
   *
   * Throws ConfigError for a name it does not have, CapabilityError with every reason when none can.
   */
  async choose(name: string, address: RdmaAddress): Promise<Choice> {
    const passedOver: PassedOver[] = [];
    for await (const opened of this.#open(name, address, passedOver)) return { ...opened, passedOver };
    throw noneReaches(address, passedOver);
  }

  /**
   * Opens a protection domain for `address` with each provider that can: for who listens to peers of every kind, or does
   * not know the peer's. At least one; throws as {@linkcode choose} does.
   */
  async chooseAll(name: string, address: RdmaAddress): Promise<[Choice, ...Choice[]]> {
    const passedOver: PassedOver[] = [];
    const choices: Choice[] = [];
    using opening = new DisposableStack();
    for await (const opened of this.#open(name, address, passedOver)) {
      opening.use(opened.domain);
      choices.push({ ...opened, passedOver });
    }
    opening.move();
    const [first, ...others] = choices;
    if (first === undefined) throw noneReaches(address, passedOver);
    return [first, ...others];
  }

  async *#open(
    name: string,
    address: RdmaAddress,
    passedOver: PassedOver[],
  ): AsyncGenerator<{ provider: Provider; domain: ProtectionDomain }> {
    const candidates = name === "auto" ? this.providers : this.providers.filter((provider) => provider.name === name);
    if (candidates.length === 0) throw new ConfigError(`provider: ${name} is not one of ${this.names.join(", ")}`);
    for (const provider of candidates) {
      const reason = await provider.unavailable(address);
      if (reason !== undefined) {
        passedOver.push({ name: provider.name, reason });
        continue;
      }
      try {
        yield { provider, domain: await provider.open(address) };
      } catch (error) {
        if (!(error instanceof CapabilityError)) throw error;
        passedOver.push({ name: provider.name, reason: reasonOf(error) });
      }
    }
  }
}

function noneReaches(address: RdmaAddress, passedOver: readonly PassedOver[]): CapabilityError {
  const reasons = passedOver.map((each) => `${each.name}: ${each.reason}`).join("; ");
  return new CapabilityError(`no RDMA provider reaches ${formatAddress(address)} (${reasons})`);
}
