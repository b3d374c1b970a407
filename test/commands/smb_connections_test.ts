import { NtStatus, NtStatusError } from "../../src/smb/mod.ts";
import { assert, assertEquals, assertMatch } from "../assert.ts";
import { Stage } from "./smb_run.ts";

/** The options that `ls` with these arguments connected with, and to whom. */
async function connected(
  args: string[],
  variables: Record<string, string> = {},
  secret?: string,
): Promise<Record<string, unknown>> {
  const stage = new Stage();
  const { code, reported } = await stage.run(["ls", ...args], (outside) => {
    for (const [name, value] of Object.entries(variables)) outside.variables.set(name, value);
    outside.secret = secret;
  });
  assertEquals([code, reported, stage.connections.length], [0, [], 1]);
  const [hostname, { registry, signal, log, ...options }] = stage.connections[0] ?? ["", {}];
  assert(registry !== undefined && signal !== undefined && log !== undefined);
  return { hostname, questions: stage.outside.questions, ...options };
}

/** A configuration file that goes when the test ends. */
async function withConfig(config: unknown, body: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "verbena-config-" });
  try {
    await Deno.writeTextFile(`${folder}/verbena.json`, typeof config === "string" ? config : JSON.stringify(config));
    await Deno.writeTextFile(`${folder}/secret`, "from the file\n");
    await body(`${folder}/verbena.json`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("the password is the URL's, else the environment's, else the one that is asked for", async () => {
  const variables = { VERBENA_SMB_PASSWORD: "from outside" };
  const table: [string, Record<string, string>, string | undefined, string, number][] = [
    ["smb://ada:near@nas/data", variables, "asked", "near", 0],
    ["smb://ada:@nas/data", variables, "asked", "", 0],
    ["smb://ada@nas/data", variables, "asked", "from outside", 0],
    ["smb://ada@nas/data", {}, "asked", "asked", 1],
  ];
  for (const [url, environment, secret, password, asked] of table) {
    assertEquals(await connected([url], environment, secret), {
      hostname: "nas",
      questions: asked === 0 ? [] : ["Password of ada at nas: "],
      credentials: { user: "ada", password },
    });
  }
});

Deno.test("user, domain, guest and anonymous come from flags where the URL does not say", async () => {
  const table: [string[], unknown][] = [
    [["smb://nas/data", "--user", "ada", "--domain", "LAB"], { user: "ada", domain: "LAB", password: "pw" }],
    [["smb://NEAR;bob@nas/data", "--user", "ada", "--domain", "LAB"], { user: "bob", domain: "NEAR", password: "pw" }],
    [["smb://nas/data", "--guest"], { guest: true }],
    [["smb://nas/data", "--anonymous"], { anonymous: true }],
  ];
  for (const [args, credentials] of table) {
    assertEquals((await connected(args, { VERBENA_SMB_PASSWORD: "pw" })).credentials, credentials);
  }
});

Deno.test("who logs on must be said, and once; a password nobody can be asked for, too", async () => {
  const table: [string[], string][] = [
    [
      ["smb://nas/data"],
      "smb://nas/data: who logs on? smb://USER@nas/data, --user, --kerberos, --guest or --anonymous",
    ],
    [["smb://ada:x@nas/data", "--guest"], "smb://ada@nas/data: it names a user, --guest goes without"],
    [["smb://nas/data", "--guest", "--anonymous"], "--guest and --anonymous exclude each other"],
    [["smb://nas/data", "--guest", "--user", "ada"], "--guest goes without --user"],
    [["smb://nas/data", "--kerberos", "--domain", "LAB"], "--kerberos goes without --domain"],
    [
      ["smb://ada@nas/data"],
      "smb://ada@nas/data: no password: set VERBENA_SMB_PASSWORD, or run this on a terminal to be asked",
    ],
    [["smb://ada:x@nas/data", "--rdma", "maybe"], '--rdma: got "maybe", want auto, verbs, iwarp or off'],
  ];
  for (const [args, line] of table) {
    assertEquals(await new Stage().run(["ls", ...args]), {
      code: 2,
      printed: [],
      reported: [`verbena ls: ${line}; see verbena ls --help`],
    });
  }
});

Deno.test("settings come from flag, environment, server and file, in this order", async () => {
  const config = {
    smb: {
      readSize: 8192,
      writeSize: 8192,
      timeout: 1,
      rdma: "off",
      servers: {
        NAS: { host: "10.0.0.5", port: 1445, user: "ada", passwordFile: "secret", readSize: 16384, timeout: 2 },
      },
    },
  };
  await withConfig(config, async (path) => {
    const variables = { VERBENA_SMB_TIMEOUT: "3", VERBENA_SMB_RDMA: "iwarp" };
    assertEquals(await connected(["--config", path, "--rdma", "verbs", "smb://nas/data"], variables), {
      hostname: "10.0.0.5",
      questions: [],
      port: 1445,
      credentials: { user: "ada", password: "from the file" },
      readSize: 16384,
      writeSize: 8192,
      timeout: 3,
      rdma: "verbs",
    });
    // its file's password is of its own user only, and a URL's port is nearer
    assertEquals(await connected(["--config", path, "smb://bob@Nas:77/data"], {}, "bob's"), {
      hostname: "10.0.0.5",
      questions: ["Password of bob at Nas: "],
      port: 77,
      credentials: { user: "bob", password: "bob's" },
      readSize: 16384,
      writeSize: 8192,
      timeout: 2,
      rdma: "off",
    });
  });
});

Deno.test("a setting of the environment that makes no sense is named", async () => {
  const ran = await new Stage().run(
    ["ls", "smb://a:b@nas/data"],
    ({ variables }) => void variables.set("VERBENA_SMB_READ_SIZE", "1"),
  );
  assertEquals([ran.code, ran.reported], [2, [
    'verbena ls: VERBENA_SMB_READ_SIZE: got "1", want a whole number from 4096 to 8388608; see verbena ls --help',
  ]]);
});

Deno.test("one server is logged on to once, however many URLs name it, and told of with --stats", async () => {
  const stage = new Stage();
  stage.server.data.put("a", "x");
  const { code, reported } = await stage.run(["ls", "--stats", "smb://a:b@nas/data", "smb://a:b@NAS/Data/a"]);
  assertEquals([code, stage.connections.length, stage.server.closed], [0, 1, 1]);
  assertEquals(reported.map((line) => JSON.parse(line)), [{
    server: "nas",
    dialect: "3.1.1",
    signing: "aes-gmac",
    encryption: "none",
    passedOver: [{ name: "verbs", reason: "there is no device" }],
    reads: 3,
    transport: "tcp",
  }]);
});

Deno.test("a log-on that fails is told once for each URL, and nobody is asked again", async () => {
  const stage = new Stage();
  stage.refusal = new NtStatusError("log on to nas as ada", NtStatus.LOGON_FAILURE);
  const { code, reported } = await stage.run(["ls", "smb://ada@nas/data", "smb://ada@nas/data/x"], (outside) => {
    outside.secret = "wrong";
  });
  assertEquals([code, reported.length, stage.outside.questions.length, stage.connections.length], [1, 2, 1, 1]);
  assertMatch(reported[0] ?? "", /^verbena ls: log on to nas as ada: STATUS_LOGON_FAILURE: /);
});

Deno.test("a configuration file that is not there, or wrong, is named", async () => {
  const missing = await new Stage().run(["ls", "--config", "/nowhere/x.json", "smb://a:b@nas/data"]);
  assertEquals(missing.code, 2);
  assertMatch(missing.reported.join(), /^verbena ls: --config \/nowhere\/x\.json: .*; see verbena ls --help$/);
  await withConfig({ smb: { servers: { nas: { user: "ada", passwordFile: "gone" } } } }, async (path) => {
    const { code, reported } = await new Stage().run(["ls", "--config", path, "smb://nas/data"]);
    assertEquals(code, 2);
    assertMatch(reported.join(), /^verbena ls: passwordFile \/.*\/gone: /);
  });
});
