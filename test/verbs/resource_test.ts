/**
 * Objects that belong to each other are disposed in order, each once.
 *
 * @module
 */
import { VerbsError } from "../../src/rdma/errors.ts";
import { Resource } from "../../src/verbs/mod.ts";
import { assertEquals, assertThrows } from "../assert.ts";

/** Where objects note that they were destroyed. */
type Log = string[];

class Thing extends Resource {
  refusal: Error | undefined;

  constructor(readonly name: string, readonly log: Log, parents: Resource[] = []) {
    super(parents);
  }

  use(): void {
    this.ensureAlive("use");
  }

  adopt(child: Thing): void {
    child.addParent(this);
  }

  forget(child: Thing): void {
    child.removeParent(this);
  }

  protected override destroy(): void {
    if (this.refusal !== undefined) throw this.refusal;
    this.log.push(this.name);
  }
}

Deno.test("disposing a parent disposes its children first, the youngest first, at every level", () => {
  const log: Log = [];
  const root = new Thing("root", log);
  const first = new Thing("first", log, [root]);
  new Thing("grandchild", log, [first]);
  new Thing("second", log, [root]);
  root[Symbol.dispose]();
  assertEquals(log, ["second", "grandchild", "first", "root"]);
});

Deno.test("what belongs to two goes with the first of them, and is not disposed again with the other", () => {
  const log: Log = [];
  const [left, right] = [new Thing("left", log), new Thing("right", log)];
  const both = new Thing("both", log, [left, right, left]);
  assertEquals([left.childCount, right.childCount], [1, 1]);
  left[Symbol.dispose]();
  assertEquals([both.disposed, right.childCount], [true, 0]);
  right[Symbol.dispose]();
  both[Symbol.dispose]();
  assertEquals(log, ["both", "left", "right"]);
});

Deno.test("an object can come to belong to another, and cease to", () => {
  const log: Log = [];
  const [owner, child] = [new Thing("owner", log), new Thing("child", log)];
  owner.adopt(child);
  owner.forget(child);
  assertEquals(owner.childCount, 0);
  owner.adopt(child);
  owner[Symbol.dispose]();
  assertEquals(log, ["child", "owner"]);
});

Deno.test("what the kernel refuses to destroy lives on, and its parents with it", () => {
  const log: Log = [];
  const parent = new Thing("parent", log);
  const child = new Thing("child", log, [parent]);
  child.refusal = new VerbsError("destroy", "EBUSY");
  assertThrows(() => parent[Symbol.dispose](), VerbsError, "EBUSY");
  assertEquals([parent.disposed, child.disposed, parent.childCount], [false, false, 1]);
  child.use();
  child.refusal = undefined;
  parent[Symbol.dispose]();
  assertEquals(log, ["child", "parent"]);
});

Deno.test("use after disposal is an error that names the class", () => {
  const thing = new Thing("thing", []);
  thing.use();
  {
    using _scope = thing;
  }
  const error = assertThrows(() => thing.use(), VerbsError, "use: disposed: this Thing has been disposed");
  assertEquals(error.code, "disposed");
});
