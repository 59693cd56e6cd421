// Services that unit/main.ts makes, for sets of permissions: the program can do all that
// its set allows. Another program in its place, which Deno allows everything, can do
// nothing else: the unit alone refuses it. The shipped units refuse it everything.

import { assert, assertEquals } from "@std/assert";
import { eventually } from "../support/eventually.ts";
import { Lines, output, REPOSITORY } from "../support/program.ts";
import { denoEnv } from "../support/script.ts";
import { TempDir } from "../support/temp_dir.ts";
import { CLIENT, Machine, SERVER } from "./machine.ts";

const PROGRAM = `${import.meta.dirname}/unit_program.ts`;
const TARGET = "/run/target/target.socket";
const PORT = 7777;

const BIN = "/usr/local/bin";
const PROBE = "/usr/libexec/ipc/probe";
const NO_JIT = "--no-jit";
const PROBES = ["", NO_JIT];

/** A service, and the attempts that succeed in it. */
interface Case {
  options?: string;
  permissions?: string;
  /** Those that the permissions allow, which the program makes. */
  allowed?: string;
  /** Those that only Deno refuses: the limits of the table. */
  limits?: string;
  exposure?: number;
}

/** The runtime itself needs its executable. */
const ALWAYS = "count, run itself";
const JIT = "map memory to write and execute, make written memory executable";
const READ = "read /etc/kept/file, list /etc/kept";
const READ_ALL = `${READ}, read /etc/other/file, list /etc/other, \
see /usr/bin/env, list /home, read /etc/passwd, read /etc/machine-id, write to /tmp`;
const IMPORT = "import /etc/passwd as text, import /etc/machine-id as text";
const CONNECT = "connect to a host by its name, connect over TCP";
const NET =
  `listen on TCP, listen on UDP, open a TCP socket, open a UDP socket`;
const ABSTRACT = "connect to an abstract socket";
const SYS = "list network interfaces, list processors";
const KEPT = "/var/lib/kept,/var/cache/kept,/run/kept,/var/log/kept";

const CASES: Record<string, Case> = {
  none: {},
  strict: { options: NO_JIT, exposure: 0.1 },
  read: { permissions: "--allow-read=/etc/kept", allowed: READ },
  state: {
    permissions: `--allow-read=${KEPT} --allow-write=${KEPT},/tmp`,
    allowed: `write to ${KEPT},/tmp`.replaceAll(",", ", write to "),
    limits: "write to /var/tmp",
  },
  elsewhere: {
    options: "--user kept",
    permissions: "--allow-read=/etc/kept --allow-write=/srv/kept",
    allowed: `${READ}, write to /srv/kept`,
  },
  net: {
    permissions: `--allow-net=target.example:${PORT},127.0.0.1,0.0.0.0`,
    ...{ allowed: CONNECT, limits: `${NET}, ${ABSTRACT}`, exposure: 1 },
  },
  unix: {
    permissions:
      `--allow-net=unix:${TARGET} --allow-read=${TARGET} --allow-write=${TARGET}`,
    allowed: "connect to a unix socket",
  },
  run: {
    permissions: "--allow-run=/usr/bin/printf",
    allowed: "run /usr/bin/printf",
    limits: "run /usr/bin/printf by ld.so",
  },
  ffi: {
    permissions: `--allow-ffi=/lib/${Deno.build.arch}-linux-gnu/libz.so.1`,
    ...{ options: NO_JIT, allowed: "load a library", limits: JIT },
  },
  all: {
    permissions: "--allow-read --allow-write",
    ...{ allowed: READ_ALL, limits: `${IMPORT}, write to /var/tmp, list /sys` },
  },
  everything: {
    permissions: "--allow-all",
    allowed: `${READ_ALL}, list /sys, read kernel settings, write to /var/tmp, \
run what it wrote to /tmp, run /bin/sh, run /usr/bin/env, run /usr/bin/printf, \
run /etc/kept/program, load a library, ${SYS}, ${CONNECT}, ${NET}`,
    limits: `${IMPORT}, ${ABSTRACT}, open a netlink socket, \
run what it wrote to /tmp by ld.so, run /usr/bin/printf by ld.so, \
run /etc/kept/program by ld.so`,
    exposure: 1.2,
  },
  sys: {
    permissions: "--allow-sys=networkInterfaces,cpus",
    ...{ allowed: SYS, limits: "open a netlink socket, read kernel settings" },
  },
};

const words = (text: string, separator = ", ") =>
  text.split(separator).filter((word) => word !== "");

const machine = new Machine();
let other = 0;
Deno.test.beforeAll(async () => {
  await machine.run(
    `useradd --system kept; mkdir /run/target
    echo 127.0.0.1 localhost target.example >/etc/hosts
    for folder in /etc/kept /etc/other /srv/kept /srv/other; do
      mkdir $folder; echo text >$folder/file
      cp /usr/bin/printf $folder/program
    done
    chown kept /srv/kept
    # A busy machine delays pings.
    systemctl service-watchdogs no
    systemd-run --unit=victim sleep infinity
    systemd-run --unit=tcp socat TCP-LISTEN:${PORT},fork /dev/null
    systemd-run --unit=unix socat UNIX-LISTEN:${TARGET},fork,mode=666 /dev/null
    systemd-run --unit=abstract socat ABSTRACT-LISTEN:probe-abstract,fork /dev/null`,
  );
  other = await machine.mainPid("victim.service");
  for (const probe of PROBES) {
    await make(`probe${probe}`, `--listen 1 ${probe}`, "-A");
  }
  await machine.run(`cp ${BIN}/probe${NO_JIT} ${PROBE}`);
});

/** Makes a service, and installs it in the machine. Returns what the program printed. */
async function make(
  name: string,
  options: string,
  permissions: string,
): Promise<string> {
  using directory = new TempDir();
  const made = ["--name", name, "--output", directory.path];
  const stdout = await output(Deno.execPath(), [
    ...["run", "--no-check", "-A", `${REPOSITORY}unit/main.ts`, PROGRAM],
    ...[...made, ...words(options, " "), "--", ...words(permissions, " ")],
  ], { env: denoEnv() });
  for (const file of Deno.readDirSync(directory.path)) {
    const folder = file.name === name ? BIN : "/etc/systemd/system";
    await machine.copy(directory.join(file.name), `${folder}/${file.name}`);
  }
  await machine.systemctl("daemon-reload");
  return stdout;
}

/** Returns the response of a service. */
function get(where: number | string, attempt = "", pid = other) {
  const url = typeof where === "number"
    ? `http://127.0.0.1:${where}`
    : `--unix-socket ${where} http://here`;
  return machine.run(
    `curl -sSf --max-time 20 ${url}/${encodeURIComponent(attempt)}?${pid}`,
  );
}

/** Makes all attempts, and asserts which of them succeed. */
async function assertDone(
  expected: string[] | "all",
  where: number | string,
  pid?: number,
): Promise<void> {
  const outcomes: Record<string, string> = JSON.parse(
    await get(where, "", pid),
  );
  const names = Object.keys(outcomes);
  assert(names.length > 75, `${names.length} attempts`);
  const done = names.filter((name) => outcomes[name] === "done");
  const wanted = expected === "all" ? names : [...new Set(expected)];
  assertEquals(done.sort(), wanted.sort(), Deno.inspect(outcomes));
}

Object.entries(CASES).forEach(([key, it], index) => {
  const name = `set-${key}`;
  const unit = `${name}.service`;
  const port = 9000 + index;
  const { options = "", permissions = "", allowed = "", limits = "" } = it;

  const given = `${options} ${permissions}`.trim() || "no permissions";
  Deno.test(`the unit of a program with ${given} allows what they allow, and nothing else`, async () => {
    const made = await make(
      name,
      `--listen ${port} --idle 2s ${options}`,
      permissions,
    );
    const exposure = Number(/\(exposure ([\d.]+)\)/.exec(made)?.[1]);
    assert(exposure <= (it.exposure ?? 0.3), made);
    await machine.dropIn(unit, "[Service]\nWatchdogSec=2s");
    await machine.systemctl("start", `${name}.socket`);
    await machine.reaches(unit, "inactive (dead)");

    // Each request starts it or keeps it from being idle.
    for (const attempt of ["count", ...words(allowed)]) {
      assertEquals(await get(port, attempt), "done", attempt);
    }
    const time = async (name: string) =>
      Number(await machine.show(unit, `${name}TimestampMonotonic`));
    await eventually(
      "systemd has got a ping half a second after READY",
      async () => {
        await get(port, "count");
        return await time("Watchdog") - await time("ActiveEnter");
      },
      (microseconds) => microseconds > 500_000,
    );
    await machine.shows(unit, { ActiveState: "inactive", Result: "success" });

    const isJit = options !== NO_JIT;
    const probe = `${BIN}/probe${isJit ? "" : NO_JIT}`;
    await machine.run(`ln -f ${probe} ${BIN}/${name}`);
    const done = [ALWAYS, allowed, limits, isJit ? JIT : ""];
    await assertDone(done.flatMap((text) => words(text)), port);
    await machine.systemctl("stop", `${name}.socket`, unit);
  });
});

const [INSTANCE, SIBLING] = ["probe", "sibling"]
  .map((name) => `ipc-server@${name}.service`) as [string, string];

/** The client of the attempts listens too. */
const CLIENT_SOCKET = `[Socket]
ListenStream=/run/ipc-server/client.socket
Service=${CLIENT}
`;

// The victim of an instance is another instance.
for (
  const [unit, socket, victim] of [
    [SERVER, "job", "victim.service"],
    [INSTANCE, "probe", SIBLING],
    [CLIENT, "client", "victim.service"],
  ] as const
) {
  Deno.test(`under the shipped ${unit} every attempt fails, but to run itself`, async () => {
    await machine.dropIn(unit, `[Service]\nExecStart=\nExecStart=${PROBE}`);
    await machine.units({ "client.socket": CLIENT_SOCKET });
    await machine.systemctl("start", SIBLING, "client.socket", unit);
    const pid = await machine.mainPid(victim);
    const path = `/run/ipc-server/${socket}.socket`;
    await assertDone(["count", "run itself"], path, pid);
    assertEquals(await machine.mainPid(victim), pid);
  });
}

Deno.test("the root directory of a shipped service has its executables, their libraries, and no other file", async () => {
  await machine.systemctl("start", SIBLING);
  const found = await machine.run(
    `cd /proc/${await machine.mainPid(SIBLING)}/root
    find . -regex './\\(proc\\|sys\\|dev\\)' -prune -o ! -type d -print`,
  );
  // systemd 258 and newer mount /run/host; /lib may be a link to /usr/lib.
  const expected =
    /^\.\/(run\/(systemd\/notify|host\/.*)|usr\/libexec\/ipc\/[\w-]+|(usr\/)?lib.*\/(ld-linux-[^/]+|lib(c|dl|gcc_s|m|pthread|rt))\.so\.\d)$/;
  const files = found.trimEnd().split("\n");
  assert(files.length > 9, found);
  assertEquals(files.filter((path) => !expected.test(path)), []);
});

Deno.test("systemd itself rates the exposure of the shipped services", async () => {
  for (const unit of [SERVER, INSTANCE]) {
    await machine.assertExposure(unit, 0.1);
  }
  await machine.assertExposure(CLIENT, 0.2);
});

Deno.test("instances serve one port, and restarts of one lose no request", async () => {
  await make("shared", "--listen 9100 --instances 2", "");
  const services = ["shared@1.service", "shared@2.service"] as const;
  const sockets = ["shared@1.socket", "shared@2.socket"];
  await machine.systemctl("start", ...sockets, ...services);
  const asking = machine.spawn(
    "until [ -e /run/over ]; do curl -sSf http://127.0.0.1:9100/pid || echo lost; done",
  );
  const answers = new Lines("the client", asking.stdout);
  for (let times = 0; times < 2; times++) {
    await answers.atLeast(answers.seen.length + 20);
    await machine.systemctl("restart", services[0]);
  }
  // The kernel chooses the instance by the port of the client.
  for (const service of services) {
    await answers.line(`${await machine.mainPid(service)}`);
  }
  await machine.write("/run/over", "");
  await Promise.all([asking.stdin.close(), answers.ended, asking.status]);
  assertEquals(answers.seen.filter((answer) => !/^\d+$/.test(answer)), []);
  await machine.systemctl("stop", ...sockets, ...services);
});

Deno.test("without a sandbox every attempt succeeds", async () => {
  const path = "/run/free.socket";
  // Not by systemd, whose container may not set the clock.
  await machine.run(
    `mkdir -p /var/lib/kept /var/cache/kept /var/log/kept /run/kept
    systemd-socket-activate --listen=${path} ${PROBE} >/dev/null 2>&1 &`,
  );
  await eventually("it listens", () => machine.has(path), (has) => has);
  await assertDone("all", path);
});
