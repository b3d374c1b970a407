import { NeedleError, type NeedleErrorCode } from "../../src/seaweed/mod.ts";
import { assertEquals, assertThrows } from "../assert.ts";
import { noise, NOW, readWhole, utf8, Volumes } from "./volumes.ts";

function codeOf(run: () => unknown): NeedleErrorCode {
  return assertThrows(run, NeedleError).code;
}

Deno.test("a store serves several directories, collections, and indices in a directory of their own", () => {
  using volumes = new Volumes();
  const [one, two, indexDirectory] = ["one", "two", "index"].map((name) => volumes.directoryNamed(name)) as [
    string,
    string,
    string,
  ];
  const ids = [
    volumes.writer(1, {}, one).append({ key: 1n, cookie: 1, data: utf8("1") }, NOW),
    volumes.writer(2, { collection: "photos" }, one).append({ key: 1n, cookie: 1, data: utf8("2") }, NOW),
    volumes.writer(3, { collection: "a_b", indexDirectory }, two).append({ key: 1n, cookie: 1, data: utf8("3") }, NOW),
    volumes.writer(4, {}, two).append({ key: 1n, cookie: 1, data: utf8("4") }, NOW),
  ];
  const store = volumes.store({}, [one, { directory: two, indexDirectory }]);
  for (const id of ids) assertEquals(readWhole(store, id), utf8(`${id.volume}`));
  assertEquals(
    store.volumes(NOW).map((
      { id, collection, directory, state, needles },
    ) => [id, collection, directory, state, needles]),
    [
      [1, "", Deno.realPathSync(one), "open", 1],
      [2, "photos", Deno.realPathSync(one), "open", 1],
      [3, "a_b", Deno.realPathSync(two), "open", 1],
      [4, "", Deno.realPathSync(two), "open", 1],
    ],
  );
});

Deno.test("names that are no volumes, links and directories are left aside", () => {
  using volumes = new Volumes();
  const elsewhere = volumes.directoryNamed("elsewhere");
  const served = volumes.directoryNamed("served");
  const id = volumes.writer(9, {}, elsewhere).append({ key: 1n, cookie: 1, data: utf8("x") }, NOW);
  for (const ending of ["dat", "idx", "vif"]) Deno.symlinkSync(`${elsewhere}/9.${ending}`, `${served}/9.${ending}`);
  for (const name of ["0.dat", "01.dat", "4294967296.dat", "x.dat", "_1.dat", "1.dat.bak", ".dat", "1.idx"]) {
    Deno.writeFileSync(`${served}/${name}`, noise(100));
  }
  Deno.mkdirSync(`${served}/7.dat`);
  const store = volumes.store({}, [served]);
  assertEquals(store.volumes(NOW), []);
  assertEquals(codeOf(() => store.open(id, NOW)), "not-found");
});

Deno.test("a volume file that becomes a link after it was listed is not followed", () => {
  using volumes = new Volumes();
  const served = volumes.directoryNamed("served");
  const id = volumes.writer(9, {}, served).append({ key: 1n, cookie: 1, data: utf8("x") }, NOW);
  const store = volumes.store({}, [served]);
  assertEquals(store.volumes(NOW).length, 1);
  Deno.renameSync(`${served}/9.dat`, volumes.path("9.dat"));
  Deno.symlinkSync(volumes.path("9.dat"), `${served}/9.dat`);
  assertEquals(codeOf(() => store.open(id, NOW)), "changing");
});

Deno.test("an erasure-coded, a remote, and an indexless volume are refused with the reason", () => {
  using volumes = new Volumes();
  const id = { volume: 0, key: 1n, cookie: 1 };
  Deno.writeFileSync(volumes.path("1.ecx"), noise(16));
  Deno.writeFileSync(volumes.path("1.ec00"), noise(16));
  Deno.writeTextFileSync(volumes.path("2.vif"), `{"files":[{"backendType":"s3"}]}`);
  volumes.writer(3).append({ key: 1n, cookie: 1, data: utf8("x") }, NOW);
  Deno.writeTextFileSync(volumes.path("3.vif"), `{"files":[{"backendType":"s3"}]}`);
  volumes.writer(4).append({ key: 1n, cookie: 1, data: utf8("x") }, NOW);
  Deno.writeFileSync(volumes.path("4.ecx"), noise(16));
  volumes.writer(5).append({ key: 1n, cookie: 1, data: utf8("x") }, NOW);
  Deno.removeSync(volumes.path("5.idx"));
  const store = volumes.store();
  const reasons = [1, 2, 3, 4, 5].map((volume) => {
    const error = assertThrows(() => store.open({ ...id, volume }, NOW), NeedleError);
    assertEquals(error.code, "unsupported");
    return error.message.replaceAll(Deno.realPathSync(volumes.directory), "DIR");
  });
  assertEquals(reasons, [
    "volume 1: it is erasure-coded (.ecx)",
    "volume 2: it has no .dat here, as when it is on a remote tier",
    "volume 3: its data is on a remote tier, as DIR/3.vif says",
    "volume 4: it is erasure-coded (.ecx)",
    "volume 5: DIR/5.idx is missing: `weed fix` makes it anew",
  ]);
  assertEquals(store.volumes(NOW).map(({ state }) => state), ["refused", "refused", "idle", "refused", "idle"]);
});

Deno.test("an incomplete copy is not there, and one volume in two directories is served from neither", () => {
  using volumes = new Volumes();
  const [one, two] = [volumes.directoryNamed("one"), volumes.directoryNamed("two")];
  const id = volumes.writer(1, {}, one).append({ key: 1n, cookie: 1, data: utf8("x") }, NOW);
  volumes.writer(1, {}, two).append({ key: 1n, cookie: 1, data: utf8("stale") }, NOW);
  Deno.writeTextFileSync(`${two}/1.note`, "copying");
  const store = volumes.store({}, [one, two]);
  assertEquals(readWhole(store, id), utf8("x"));
  Deno.removeSync(`${two}/1.note`);
  assertEquals(readWhole(store, id, NOW + 9_999), utf8("x"));
  assertThrows(() => store.open(id, NOW + 10_000), NeedleError, "it is there twice");
  Deno.removeSync(`${one}/1.dat`);
  assertEquals(readWhole(store, id, NOW + 20_000), utf8("stale"));
});

Deno.test("a .vif, or a shard's index, on another disk does not hide a volume, but shards do", () => {
  using volumes = new Volumes();
  const [one, two] = [volumes.directoryNamed("one"), volumes.directoryNamed("two")];
  const id = volumes.writer(1, {}, two).append({ key: 1n, cookie: 1, data: utf8("x") }, NOW);
  Deno.writeTextFileSync(`${one}/1.vif`, "{}");
  const store = volumes.store({}, [one, two]);
  assertEquals(readWhole(store, id), utf8("x"));
  Deno.writeTextFileSync(`${one}/1.ecx`, "");
  assertThrows(() => store.open(id, NOW + 10_000), NeedleError, "erasure-coded");
});

Deno.test("an unknown volume is looked for once a second, not with every question", () => {
  using volumes = new Volumes();
  const store = volumes.store();
  const id = { volume: 5, key: 1n, cookie: 1 };
  for (let question = 0; question < 10; question++) assertEquals(codeOf(() => store.open(id, NOW)), "not-found");
  assertEquals(store.statistics().listings, 1);
  volumes.writer(5).append({ key: 1n, cookie: 1, data: utf8("new") }, NOW);
  assertEquals(codeOf(() => store.open(id, NOW + 999)), "not-found");
  assertEquals(readWhole(store, id, NOW + 1000), utf8("new"));
  assertEquals(store.statistics().listings, 2);
});

Deno.test("volumes used longest ago are closed to keep to the ceilings, and opened again", () => {
  using volumes = new Volumes();
  const ids = [1, 2, 3, 4].map((id) => volumes.writer(id).append({ key: 1n, cookie: 1, data: utf8(`${id}`) }, NOW));
  const store = volumes.store({ openVolumes: 2 });
  for (const id of [...ids, ...ids]) assertEquals(readWhole(store, id), utf8(`${id.volume}`));
  assertEquals([store.statistics().openVolumes, store.statistics().loads], [2, 8]);
  assertEquals(store.volumes(NOW).map(({ state }) => state), ["idle", "idle", "open", "open"]);
  const { indexBytes } = store.statistics();
  const narrow = volumes.store({ indexBytes: indexBytes / 2 });
  for (const id of ids) assertEquals(readWhole(narrow, id), utf8(`${id.volume}`));
  assertEquals(narrow.statistics().openVolumes, 1);
  const none = volumes.store({ indexBytes: indexBytes / 2 - 1 });
  assertThrows(() => none.open(ids[0] as typeof ids[0] & object, NOW), NeedleError, "raise indexBytes");
});

Deno.test("a store that was closed holds no file, and opens them again when asked", () => {
  using volumes = new Volumes();
  const id = volumes.writer(1).append({ key: 1n, cookie: 1, data: noise(50_000) }, NOW);
  const store = volumes.store();
  const needle = store.open(id, NOW);
  store[Symbol.dispose]();
  assertEquals(store.statistics().openVolumes, 0);
  assertEquals(codeOf(() => needle.read(0, new Uint8Array(10))), "changing");
  assertEquals(readWhole(store, id), noise(50_000));
});
