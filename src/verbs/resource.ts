/**
 * What every verbs object is: something of the kernel's, that belongs to others and has others that belong to it.
 *
 * @module
 */
import { VerbsError } from "../rdma/errors.ts";

/**
 * An object that C made and that must be destroyed, after everything that was made from it. Disposing one disposes its
 * children first, the youngest first; so `using` in any order, or on the outermost alone, leaves nothing behind.
 */
export abstract class Resource implements Disposable {
  #parents: readonly Resource[];
  readonly #children = new Set<Resource>();
  #disposed = false;

  /** Belongs to `parents` from now on. Call this when C has made the object, so that nothing half made is ever theirs. */
  constructor(parents: readonly Resource[] = []) {
    this.#parents = [...new Set(parents)];
    for (const parent of this.#parents) parent.#children.add(this);
  }

  /** Whether it is gone. */
  get disposed(): boolean {
    return this.#disposed;
  }

  /** Objects that belong to it now. */
  get childCount(): number {
    return this.#children.size;
  }

  /** Destroys its children, then itself. Throws VerbsError when the kernel refuses; it then lives on. Idempotent. */
  [Symbol.dispose](): void {
    if (this.#disposed) return;
    for (const child of [...this.#children].reverse()) child[Symbol.dispose]();
    this.destroy();
    this.#disposed = true;
    for (const parent of this.#parents) parent.#children.delete(this);
  }

  /** Gives the object back to C. */
  protected abstract destroy(): void;

  /** Belongs to `parent`, too, from now on. */
  protected addParent(parent: Resource): void {
    this.#parents = [...new Set([...this.#parents, parent])];
    parent.#children.add(this);
  }

  /** Belongs to `to` from now on, and no longer to `from`. */
  protected moveParent(from: Resource, to: Resource): void {
    this.#parents = [...new Set(this.#parents.map((parent) => parent === from ? to : parent))];
    from.#children.delete(this);
    to.#children.add(this);
  }

  /** Belongs to `parent` no longer. */
  protected removeParent(parent: Resource): void {
    this.#parents = this.#parents.filter((each) => each !== parent);
    parent.#children.delete(this);
  }

  /** Throws unless it still lives: C would follow a pointer to freed memory. */
  ensureAlive(call: string): void {
    if (this.#disposed) throw new VerbsError(call, "disposed", `this ${this.constructor.name} has been disposed`);
  }
}
