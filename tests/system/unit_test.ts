// Services that unit/main.ts makes, for sets of permissions: the program can do all that
// its set allows. Another program in its place, which Deno allows everything, can do
// nothing else: the unit alone refuses it.

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { eventually } from "../support/eventually.ts";
import { TempDir } from "../support/temp_dir.ts";
import { Machine, REPOSITORY } from "./machine.ts";

const PROGRAM = `${import.meta.dirname}/unit_program.ts`;
const SOCKET = "/run/target/target.socket";
const PORT = 7777;

/** A service, and the attempts that succeed in it. */
interface Case {
  permissions: string[];
  options?: string[];
  /** Those that the permissions allow, which the program makes. */
  allowed?: string[];
  /** Those that only Deno refuses: the limits of the table. */
  limits?: string[];
  exposure?: number;
}

/** The runtime itself needs threads and its executable. */
const ALWAYS = ["count", "run itself", "have 64 processes"];
const NO_JIT = "--no-jit";
const PROBES = ["", NO_JIT];
const BIN = "/usr/local/bin";

const JIT = [
  "map memory to write and execute",
  "make written memory executable",
];
const NET = [
  ...["connect over TCP", "listen on TCP", "listen on UDP"],
  ...["open a TCP socket", "open a UDP socket"],
];
const ABSTRACT = "connect to an abstract socket";

const CASES: Record<string, Case> = {
  none: { permissions: [] },
  strict: { permissions: [], options: ["--no-jit"], exposure: 0.1 },
  read: {
    permissions: ["--allow-read=/etc/kept"],
    allowed: ["read /etc/kept/file", "list /etc/kept"],
  },
  state: {
    permissions: [
      "--allow-read=/var/lib/kept,/var/cache/kept,/run/kept,/var/log/kept",
      "--allow-write=/var/lib/kept,/var/cache/kept,/var/log/kept,/run/kept",
    ],
    allowed: [
      ...["write to /var/lib/kept", "write to /var/cache/kept"],
      ...["write to /var/log/kept", "write to /run/kept"],
    ],
  },
  temporary: {
    permissions: ["--allow-write=/tmp"],
    allowed: ["write to /tmp"],
    limits: ["write to /var/tmp"],
  },
  elsewhere: {
    permissions: ["--allow-read=/etc/kept", "--allow-write=/srv/kept"],
    options: ["--user", "kept"],
    allowed: [
      ...["read /etc/kept/file", "list /etc/kept", "write to /srv/kept"],
    ],
  },
  net: {
    permissions: [`--allow-net=target.example:${PORT},127.0.0.1,0.0.0.0`],
    allowed: ["connect to a host by its name", "connect over TCP"],
    limits: [...NET, ABSTRACT],
    exposure: 1,
  },
  unix: {
    permissions: [
      `--allow-net=unix:${SOCKET}`,
      `--allow-read=${SOCKET}`,
      `--allow-write=${SOCKET}`,
    ],
    allowed: ["connect to a unix socket"],
  },
  run: {
    permissions: ["--allow-run=/usr/bin/printf"],
    allowed: ["run /usr/bin/printf"],
    limits: ["run /usr/bin/printf by ld.so"],
  },
  ffi: {
    permissions: [`--allow-ffi=/lib/${Deno.build.arch}-linux-gnu/libz.so.1`],
    options: ["--no-jit"],
    allowed: ["load a library"],
    limits: JIT,
  },
  all: {
    permissions: ["--allow-read", "--allow-write"],
    allowed: [
      ...["read /etc/kept/file", "list /etc/kept", "read /etc/other/file"],
      ...["list /etc/other", "list /usr/bin", "write to /tmp", "list /home"],
      ...["read /etc/passwd", "read /etc/machine-id"],
    ],
    limits: [
      ...["import /etc/passwd as text", "import /etc/machine-id as text"],
      ...["write to /var/tmp", "list /sys"],
    ],
  },
  everything: {
    permissions: ["--allow-all"],
    allowed: [
      ...["read /etc/kept/file", "list /etc/kept", "read /etc/other/file"],
      ...["list /etc/other", "list /usr/bin", "list /home", "list /sys"],
      ...["read /etc/passwd", "read /etc/machine-id", "read kernel settings"],
      ...["write to /tmp", "write to /var/tmp", "run what it wrote to /tmp"],
      ...["run /bin/sh", "run /usr/bin/env", "run /usr/bin/printf"],
      "run /etc/kept/program",
      ...["load a library", "list network interfaces", "list processors"],
      ...["connect to a host by its name", ...NET],
    ],
    limits: [
      ...["import /etc/passwd as text", "import /etc/machine-id as text"],
      ...["run what it wrote to /tmp by ld.so", "open a netlink socket"],
      ...["run /usr/bin/printf by ld.so", "run /etc/kept/program by ld.so"],
      ABSTRACT,
    ],
    exposure: 1.2,
  },
  sys: {
    permissions: ["--allow-sys=networkInterfaces,cpus"],
    allowed: ["list network interfaces", "list processors"],
    limits: ["open a netlink socket", "read kernel settings"],
  },
};

let machine: Machine;
let query = "";
Deno.test.beforeAll(async () => {
  machine = await Machine.boot({ prepare: async () => {} });
  await machine.run("useradd", "--system", "kept");
  for (const folder of ["/etc/kept", "/etc/other", "/srv/kept", "/srv/other"]) {
    await machine.run("mkdir", folder);
    await machine.write(`${folder}/file`, "text\n");
    await machine.run("cp", "/usr/bin/printf", `${folder}/program`);
  }
  await machine.run("chown", "kept", "/srv/kept");
  await machine.write("/etc/hosts", "127.0.0.1 localhost target.example\n");
  await machine.run("mkdir", "/run/target");
  const servers = {
    victim: ["sleep", "infinity"],
    tcp: ["socat", `TCP-LISTEN:${PORT},fork`, "/dev/null"],
    unix: ["socat", `UNIX-LISTEN:${SOCKET},fork,mode=666`, "/dev/null"],
    abstract: ["socat", "ABSTRACT-LISTEN:probe-abstract,fork", "/dev/null"],
  };
  for (const [name, command] of Object.entries(servers)) {
    await machine.run("systemd-run", `--unit=${name}`, ...command);
  }
  const pid = await machine.mainPid("victim.service");
  query = `?port=${PORT}&socket=${SOCKET}&pid=${pid}`;
  for (const probe of PROBES) {
    const options = probe === NO_JIT ? [NO_JIT] : [];
    await make(`probe${probe}`, ["--listen", "1", ...options], ["-A"]);
  }
});
Deno.test.afterAll(() => machine?.[Symbol.asyncDispose]());

/** Makes a service, and installs it in the machine. Returns what the program printed. */
async function make(
  name: string,
  options: readonly string[],
  permissions: readonly string[],
): Promise<string> {
  using directory = new TempDir();
  const output = ["--name", name, "--output", directory.path];
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--no-check", "-A", `${REPOSITORY}/unit/main.ts`, PROGRAM],
      ...[...output, ...options, "--", ...permissions],
    ],
  }).output();
  const text = new TextDecoder().decode(stdout);
  assert(success, `${text}${new TextDecoder().decode(stderr)}`);
  for (const file of Deno.readDirSync(directory.path)) {
    const folder = file.name === name ? BIN : "/etc/systemd/system";
    const target = machine.path(`${folder}/${file.name}`);
    await Deno.copyFile(directory.join(file.name), target);
  }
  return text;
}

/** Returns the response of a service. */
function get(port: number, attempt = ""): Promise<string> {
  const url = `http://127.0.0.1:${port}/${encodeURIComponent(attempt)}${query}`;
  const options = ["--silent", "--show-error", "--fail", "--max-time", "20"];
  return machine.run("curl", ...options, url);
}

Object.entries(CASES).forEach(([key, it], index) => {
  const name = `set-${key}`;
  const unit = `${name}.service`;
  const port = 9000 + index;
  const { permissions, options = [], allowed = [], limits = [] } = it;

  const given = [...options, ...permissions].join(" ") || "no permissions";
  Deno.test(`the unit of a program with ${given} allows what they allow, and nothing else`, async () => {
    const made = await make(
      name,
      ["--listen", `${port}`, "--idle", "2s", ...options],
      permissions,
    );
    const exposure = Number(/\(exposure ([\d.]+)\)/.exec(made)?.[1]);
    assert(exposure <= (it.exposure ?? 0.3), made);
    await machine.run("mkdir", "-p", `/run/systemd/system/${unit}.d`);
    await machine.write(
      `/run/systemd/system/${unit}.d/watchdog.conf`,
      "[Service]\nWatchdogSec=2s\n",
    );
    await machine.systemctl("daemon-reload");
    await machine.systemctl("start", `${name}.socket`);
    await machine.reaches(unit, "inactive (dead)");

    // Each request starts it or keeps it from being idle.
    for (const attempt of ["count", ...allowed]) {
      assertEquals(await get(port, attempt), "done", attempt);
    }
    await machine.reaches(unit, "active (running)");
    await machine.pinged(unit, 2);
    const pid = await machine.mainPid(unit);
    assertNotEquals(pid, 0);
    await machine.run("kill", "-KILL", `${pid}`);
    assertEquals(await get(port, "count"), "done");
    assertNotEquals(await machine.mainPid(unit), pid);
    assertEquals((await machine.show(unit, "NRestarts")).NRestarts, "1");
    await machine.reaches(unit, "inactive (dead)");
    assertEquals((await machine.show(unit, "Result")).Result, "success");

    const probe = options.includes(NO_JIT) ? NO_JIT : "";
    await machine.run("ln", "-f", `${BIN}/probe${probe}`, `${BIN}/${name}`);
    const outcomes: Record<string, string> = JSON.parse(await get(port));
    const done = Object.keys(outcomes).filter((it) => outcomes[it] === "done");
    const expected = [...ALWAYS, ...allowed, ...limits];
    if (!options.includes(NO_JIT)) expected.push(...JIT);
    for (const attempt of expected) {
      assertEquals(outcomes[attempt], "done", attempt);
    }
    assertEquals(done.sort(), [...new Set(expected)].sort());
    assert(Object.keys(outcomes).length > 80);
    await machine.systemctl("stop", `${name}.socket`, unit);
  });
});

Deno.test("instances serve one port, and restarts of one lose no request", async () => {
  await make("shared", ["--listen", "9100", "--instances", "2"], []);
  await machine.systemctl("daemon-reload");
  const numbers = [1, 2];
  const services = numbers.map((number) => `shared@${number}.service`);
  const sockets = numbers.map((number) => `shared@${number}.socket`);
  await machine.systemctl("start", ...sockets);
  const ask = (count: number) =>
    machine.run(
      ...["sh", "-c"] as const,
      `for i in $(seq ${count}); do curl -sSf http://127.0.0.1:9100/pid || echo lost; done`,
    ).then((text) => text.trimEnd().split("\n"));
  // The kernel chooses by the port of the client.
  await eventually("both instances have answered", async () => {
    const answers = new Set(await ask(4));
    const pids = await Promise.all(services.map((it) => machine.mainPid(it)));
    return pids.every((pid) => answers.has(`${pid}`));
  }, (both) => both);
  const [restarted, stays] = services as [string, string];
  const before = await machine.mainPid(restarted);
  const asking = ask(150);
  for (let times = 0; times < 2; times++) {
    await machine.systemctl("restart", restarted);
  }
  const answers = await asking;
  assertEquals(answers.length, 150);
  assertEquals(answers.filter((answer) => !/^\d+$/.test(answer)), []);
  const after = await machine.mainPid(restarted);
  assertNotEquals(after, before);
  for (const pid of [after, await machine.mainPid(stays)]) {
    assert(answers.includes(`${pid}`), `${pid}: ${answers}`);
  }
  await machine.systemctl("stop", ...sockets, ...services);
});
