// The messages of docs/troubleshooting.md that take systemd, and their fixes.

import { assertEquals } from "@std/assert";
import { eventually } from "../support/eventually.ts";
import { assertHas, BY_SYSTEMD } from "../support/troubleshooting.ts";
import { TempDir } from "../support/temp_dir.ts";
import { Machine, REPOSITORY } from "./machine.ts";

const DENO =
  "/usr/local/bin/deno run --quiet --no-check --no-prompt --no-config --no-lock --unstable-net";
const LIBRARY = "/srv/ipc";
const PROGRAMS = {
  "serve.ts": `import { serve } from "${LIBRARY}/mod.ts";
await serve(() => new Response());`,
  "throw.ts": 'throw new Error("for the journal");',
};

let machine: Machine;
Deno.test.beforeAll(async () => {
  machine = await Machine.boot({
    prepare: async (tree) => {
      const { root } = tree;
      const deno = Deno.execPath();
      await tree.run("install", "-D", deno, `${root}/usr/local/bin/deno`);
      await tree.run("mkdir", "-p", `${root}${LIBRARY}`);
      const library = ["mod.ts", "runtime", "activation", "daemon", "serve"]
        .map((name) => `${REPOSITORY}/${name}`);
      await tree.run("cp", "-r", ...library, `${root}${LIBRARY}`);
      using directory = new TempDir();
      for (const [name, source] of Object.entries(PROGRAMS)) {
        await Deno.writeTextFile(directory.join(name), source);
        const program = directory.join(name);
        await tree.run("install", program, `${root}/srv/${name}`);
      }
    },
  });
});
Deno.test.afterAll(() => machine?.[Symbol.asyncDispose]());

/** Writes the units of a service; its socket is at the path. */
async function install(
  name: string,
  socket: string,
  ...service: string[]
): Promise<void> {
  const directory = "/etc/systemd/system";
  await machine.write(
    `${directory}/${name}.socket`,
    `[Socket]\nListenStream=${socket}\n`,
  );
  await machine.write(
    `${directory}/${name}.service`,
    ["[Service]", "Environment=DENO_DIR=/var/cache/deno", ...service, ""]
      .join("\n"),
  );
  await machine.systemctl("daemon-reload");
}

/** Waits until the journal of a service has a message. */
async function logs(unit: string, message: string, output = "short") {
  const log = await eventually(
    `the journal has "${message}"`,
    () => machine.run("journalctl", `--output=${output}`, `--unit=${unit}`),
    (text) => text.includes(message),
    { within: 20_000 },
  );
  assertHas(log, message);
}

const ENV = "--allow-env=LISTEN_PID,LISTEN_FDS,LISTEN_FDNAMES";
const NOTIFY =
  `${ENV},NOTIFY_SOCKET --allow-net=unix:/run/systemd/notify --allow-write=/run/systemd/notify`;

Deno.test(`Type=notify without NOTIFY_SOCKET in --allow-env: ${BY_SYSTEMD.timeout}`, async () => {
  const [unit, socket] = ["silent.service", "/run/silent.socket"];
  const lines = (permissions: string) => [
    ...["Type=notify", "TimeoutStartSec=2s"],
    `ExecStart=${DENO} ${permissions} /srv/serve.ts`,
  ];
  await install("silent", socket, ...lines(ENV));
  await machine.systemctl("start", "silent.socket");
  const { code } = await machine.attempt("systemctl", "start", unit);
  assertEquals(code, 1);
  await logs(unit, BY_SYSTEMD.timeout);
  await install("silent", socket, ...lines(NOTIFY));
  await machine.systemctl("start", unit);
  await machine.reaches(unit, "active (running)");
  await machine.systemctl("stop", "silent.socket", unit);
});

Deno.test(`MemoryDenyWriteExecute=yes with a JIT: ${BY_SYSTEMD.jit}`, async () => {
  const [unit, socket] = ["jit.service", "/run/jit.socket"];
  const lines = (flags: string) => [
    ...["Type=notify", "MemoryDenyWriteExecute=yes"],
    `ExecStart=${DENO} ${flags} ${NOTIFY} /srv/serve.ts`,
  ];
  await install("jit", socket, ...lines(""));
  await machine.systemctl("start", "jit.socket");
  await machine.attempt("systemctl", "start", unit);
  await logs(unit, BY_SYSTEMD.jit);
  await machine.systemctl("stop", "jit.socket");
  await machine.systemctl("reset-failed", unit);
  const flags = "--v8-flags=--lite-mode,--single-threaded";
  await install("jit", socket, ...lines(flags));
  await machine.systemctl("start", "jit.socket", unit);
  await machine.reaches(unit, "active (running)");
  await machine.systemctl("stop", "jit.socket", unit);
});

Deno.test(`uncaught errors with colours: ${BY_SYSTEMD.colours}`, async () => {
  const start = `ExecStart=${DENO} /srv/throw.ts`;
  await install("coloured", "/run/coloured.socket", start);
  await install("plain", "/run/plain.socket", start, "Environment=NO_COLOR=1");
  await machine.systemctl("start", "coloured.service", "plain.service");
  await logs("coloured.service", BY_SYSTEMD.colours, "json");
  await logs("plain.service", '"MESSAGE":"error: Uncaught', "json");
});

Deno.test(`a socket in the RuntimeDirectory=: ${BY_SYSTEMD.vanished}`, async () => {
  const [unit, socket] = ["vanishing.service", "/run/vanishing/web.socket"];
  const connect = () =>
    machine.attempt(
      ...["sh", "-c"] as const,
      `DENO_DIR=/var/cache/deno deno eval 'await Deno.connect({ transport: "unix", path: "${socket}" })' 2>&1`,
    );
  for (const preserve of ["no", "yes"]) {
    await install(
      "vanishing",
      socket,
      "RuntimeDirectory=vanishing",
      `RuntimeDirectoryPreserve=${preserve}`,
      `ExecStart=${DENO} ${ENV} /srv/serve.ts`,
    );
    await machine.systemctl("start", "vanishing.socket", unit);
    await machine.systemctl("stop", unit);
    await machine.reaches("vanishing.socket", "active (listening)");
    const { stdout } = await connect();
    if (preserve === "no") assertHas(stdout, BY_SYSTEMD.vanished);
    else assertEquals(stdout, "");
    await machine.systemctl("stop", "vanishing.socket", unit);
  }
});
