// Operations of a server under an attacker's control, with all the
// permissions that Deno can give: the shipped unit alone must refuse them.

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { compile } from "../support/compile.ts";
import { exposureOf } from "./confinement.ts";
import { eventually } from "../support/eventually.ts";
import { TempDir } from "../support/temp_dir.ts";
import { install, Machine } from "./machine.ts";

const PROBE = "/usr/libexec/ipc/probe";
const SERVER = "ipc-server.service";
const INSTANCE = "ipc-server@probe.service";
const SIBLING = "ipc-server@sibling.service";
const TARGET = "/run/target.socket";
const PORT = "7777";

/** Where it tries to write; in the machine, root can. */
const PLACES = [
  ...["/", "/dev", "/dev/shm", "/etc", "/home", "/root", "/run"],
  ...["/run/ipc-server", "/tmp", "/usr", "/usr/lib", "/usr/libexec/ipc"],
  ...["/var", "/var/lib", "/var/tmp"],
];

/**
 * systemd itself has to run the executable, so nothing can keep it from running
 * again, within the same walls.
 */
const ALLOWED = ["run itself"];

let machine: Machine;
let victim = "";
Deno.test.beforeAll(async () => {
  machine = await Machine.boot({
    prepare: async (tree) => {
      await install(tree);
      using directory = new TempDir();
      const executable = directory.join("probe");
      // Without a JIT, as the programs: a failure must have another reason.
      await compile(`${import.meta.dirname}/sandbox_probe.ts`, executable, [
        "--allow-all",
        "--v8-flags=--lite-mode,--single-threaded",
      ]);
      await tree.run("install", executable, `${tree.root}${PROBE}`);
    },
  });
  await machine.systemctl("start", "ipc-server.socket");
  for (
    const [name, ...command] of [
      ["victim", "sleep", "infinity"],
      ["tcp", "socat", `TCP-LISTEN:${PORT},fork`, "/dev/null"],
      ["unix", "socat", `UNIX-LISTEN:${TARGET},fork`, "/dev/null"],
      [
        "abstract",
        "socat",
        "ABSTRACT-LISTEN:probe-abstract,fork",
        "/dev/null",
      ],
    ] as const
  ) {
    await machine.run("systemd-run", `--unit=${name}`, ...command);
  }
  victim = String(await machine.mainPid("victim.service"));
  await eventually(
    "all three sockets listen",
    async () => (await machine.run("ss", "-lntx")).split("\n"),
    (lines) =>
      [`:${PORT} `, `${TARGET} `, "@probe-abstract "].every((address) =>
        lines.some((line) => line.includes(address))
      ),
  );
});
Deno.test.afterAll(() => machine?.[Symbol.asyncDispose]());

/** The attempt that it ends with. */
const LAST = "become another user";

function outcomesOf(lines: string[]): Record<string, string> {
  return Object.fromEntries(lines.map((line) => JSON.parse(line)));
}

const attempts = (pid = victim) => [PORT, TARGET, pid, ...PLACES];

Deno.test("in the machine, without the unit, every attempt succeeds", async () => {
  const lines = await machine.run(PROBE, ...attempts());
  const outcomes = outcomesOf(lines.trimEnd().split("\n"));
  for (const [name, outcome] of Object.entries(outcomes)) {
    assertEquals(outcome, "done", name);
  }
});

/** Runs the attempts in place of the server, in the sandbox of its unit. */
async function assertAllFail(unit: string, attempts: string[]): Promise<void> {
  const dropIns = `/run/systemd/system/${unit}.d`;
  await machine.run("mkdir", "-p", dropIns);
  await machine.write(
    `${dropIns}/probe.conf`,
    // It does not notify systemd.
    `[Service]\nType=exec\nExecStart=\nExecStart=${PROBE} ${
      attempts.join(" ")
    }\n`,
  );
  await machine.systemctl("daemon-reload");
  await machine.systemctl("start", unit);
  await machine.reaches(unit, "inactive (dead)");
  const entries = await eventually(
    "the journal has its last attempt",
    () => machine.journal(unit),
    (entries) => entries.some(({ message }) => message.includes(LAST)),
  );
  await machine.run("rm", "-r", dropIns);
  await machine.systemctl("daemon-reload");
  const outcomes = outcomesOf(entries.map(({ message }) => message));

  const names = Object.keys(outcomes).filter((name) => !ALLOWED.includes(name));
  assert(names.length > 60, `${names.length} attempts`);
  console.log(names.map((name) => `${name}: ${outcomes[name]}`).join("\n"));
  for (const name of names) assertNotEquals(outcomes[name], "done", name);
  for (const name of ALLOWED) assertEquals(outcomes[name], "done", name);
}

Deno.test("under the server's unit, every attempt fails", () =>
  assertAllFail(SERVER, attempts()));

Deno.test("under the template unit, every attempt fails, also against another instance", async () => {
  await machine.systemctl("start", SIBLING);
  const sibling = String(await machine.mainPid(SIBLING));
  await assertAllFail(INSTANCE, attempts(sibling));
  assertEquals(String(await machine.mainPid(SIBLING)), sibling);
});

Deno.test("the root directory of a service has its executables, their libraries, and no other file", async () => {
  await machine.systemctl("start", SIBLING);
  const root = `/proc/${await machine.mainPid(SIBLING)}/root`;
  const mounted = ["proc", "sys", "dev"].map((name) => `-path ${root}/${name}`);
  const found = await machine.run(
    ...["sh", "-c"] as const,
    `find ${root}/ \\( ${
      mounted.join(" -o ")
    } \\) -prune -o ! -type d -printf '/%P\\n'`,
  );
  const listed = await machine.run("ldd", "/usr/libexec/ipc/ipc-server");
  const programs = ["ipc-client", "ipc-server", "probe"];
  // systemd 258 and newer mount /run/host; /lib may be a link to /usr/lib.
  const files = found.trimEnd().split("\n")
    .filter((path) => !path.startsWith("/run/host/"))
    .map((path) => path.replace(/^\/usr(?=\/lib\/)/, ""));
  assertEquals(
    files.sort(),
    [
      ...Array.from(
        listed.matchAll(/(?:\/usr)?(\/\S+) \(0x/g),
        ([, path]) => path!,
      ),
      ...programs.map((name) => `/usr/libexec/ipc/${name}`),
      "/run/systemd/notify",
    ].sort(),
  );
});

for (
  const [unit, exposure] of [
    [SERVER, 0.1],
    [INSTANCE, 0.1],
    ["ipc-client.service", 0.2],
  ] as const
) {
  Deno.test(`systemd itself rates the exposure of ${unit} at ${exposure} or less`, async () => {
    const level = await exposureOf(machine, unit);
    assert(level <= exposure, `${level}`);
  });
}
