// The messages of docs/troubleshooting.md that take systemd, and their fixes.

import { assertEquals } from "@std/assert";
import { eventually } from "../support/eventually.ts";
import { REPOSITORY } from "../support/program.ts";
import { assertHas, BY_SYSTEMD } from "../support/troubleshooting.ts";
import { Machine } from "./machine.ts";

const DENO =
  "/usr/local/bin/deno run --quiet --no-check --no-prompt --no-config --no-lock --unstable-net";
const ENV = "--allow-env=LISTEN_PID,LISTEN_FDS,LISTEN_FDNAMES";
const NOTIFY =
  `${ENV},NOTIFY_SOCKET --allow-net=unix:/run/systemd/notify --allow-write=/run/systemd/notify`;

const machine = new Machine({
  prepare: ({ root, run }) =>
    run(`cd ${REPOSITORY}; mkdir ${root}/srv/ipc
      cp -r mod.ts runtime activation daemon serve ${root}/srv/ipc
      install -D ${Deno.execPath()} ${root}/usr/local/bin/deno`),
});
Deno.test.beforeAll(async () => {
  await machine.write(
    "/srv/serve.ts",
    `import { serve } from "/srv/ipc/mod.ts"; await serve(() => new Response());`,
  );
  await machine.write("/srv/throw.ts", 'throw new Error("for the journal");');
});

/** Writes the units of a service, whose command is a run of Deno. */
function install(name: string, command: string, ...lines: string[]) {
  return machine.units({
    [`${name}.socket`]: `[Socket]\nListenStream=/run/${name}/web.socket\n`,
    [`${name}.service`]: `[Service]
Environment=DENO_DIR=/var/cache/deno
ExecStart=${DENO} ${command}
${lines.join("\n")}
`,
  });
}

/** Waits until the journal of a service has a message. */
async function logs(unit: string, message: string, output = "short") {
  const log = await eventually(
    `the journal has "${message}"`,
    () => machine.run(`journalctl --output=${output} --unit=${unit}`),
    (text) => text.includes(message),
    { within: 20_000 },
  );
  assertHas(log, message);
}

/** A wrong and a right command of a service, and its settings. */
const CASES: [message: string, wrong: string, right: string, line: string][] = [
  [BY_SYSTEMD.timeout, ENV, NOTIFY, "TimeoutStartSec=2s"],
  [
    ...[BY_SYSTEMD.jit, NOTIFY] as const,
    `--v8-flags=--lite-mode,--single-threaded ${NOTIFY}`,
    "MemoryDenyWriteExecute=yes",
  ],
];
for (const [message, wrong, right, line] of CASES) {
  Deno.test(message, async () => {
    const lines = ["Type=notify", line];
    await install("wrong", `${wrong} /srv/serve.ts`, ...lines);
    // A slow machine needs more time than the tested one.
    lines.push("TimeoutStartSec=1min");
    await install("right", `${right} /srv/serve.ts`, ...lines);
    await machine.systemctl("start", "wrong.socket", "right.socket");
    const { code } = await machine.attempt("systemctl start wrong.service");
    assertEquals(code, 1);
    await logs("wrong.service", message);
    await machine.systemctl("start", "right.service");
    await machine.reaches("right.service", "active (running)");
    await machine.run("systemctl stop wrong.socket right.socket right.service");
  });
}

Deno.test(`uncaught errors with colours: ${BY_SYSTEMD.colours}`, async () => {
  await install("coloured", "/srv/throw.ts");
  await install("plain", "/srv/throw.ts", "Environment=NO_COLOR=1");
  await machine.systemctl("start", "coloured.service", "plain.service");
  await logs("coloured.service", BY_SYSTEMD.colours, "json");
  await logs("plain.service", '"MESSAGE":"error: Uncaught', "json");
});

Deno.test(`a socket in the RuntimeDirectory=: ${BY_SYSTEMD.vanished}`, async () => {
  const [socket, unit] = ["vanishing.socket", "vanishing.service"];
  for (const preserve of ["no", "yes"]) {
    await install(
      ...["vanishing", `${ENV} /srv/serve.ts`] as const,
      "RuntimeDirectory=vanishing",
      `RuntimeDirectoryPreserve=${preserve}`,
    );
    await machine.systemctl("start", socket, unit);
    await machine.systemctl("stop", unit);
    await machine.reaches(socket, "active (listening)");
    const { stdout } = await machine.attempt(
      `DENO_DIR=/var/cache/deno deno eval 'await Deno.connect({
        transport: "unix", path: "/run/vanishing/web.socket" })' 2>&1`,
    );
    if (preserve === "no") assertHas(stdout, BY_SYSTEMD.vanished);
    else assertEquals(stdout, "");
    await machine.systemctl("stop", socket, unit);
  }
});
