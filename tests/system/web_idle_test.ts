// A web service with idleTimeoutMs: systemd starts it again, and no request is lost.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { compile } from "../support/compile.ts";
import { soon } from "../support/eventually.ts";
import { receiveAllText, send } from "../support/peer.ts";
import { withRandom } from "../support/random.ts";
import { SOAK_MINUTES } from "../support/soak.ts";
import { TempDir } from "../support/temp_dir.ts";
import { Machine, REPOSITORY } from "./machine.ts";

const ROUNDS = SOAK_MINUTES === undefined ? 40 : 1_000;
const IDLE_MS = 50;
const PATH = "/run/web.socket";
const PORT = 8080;

const UNITS = {
  "web.socket": `[Socket]
ListenStream=${PATH}
ListenStream=127.0.0.1:${PORT}
`,
  "web.service": `[Unit]
StartLimitIntervalSec=0
[Service]
ExecStart=/usr/local/bin/web '{"idleTimeoutMs":${IDLE_MS},"notify":false}'
`,
};

let machine: Machine;
Deno.test.beforeAll(async () => {
  machine = await Machine.boot({
    prepare: async (tree) => {
      using directory = new TempDir();
      const executable = directory.join("web");
      const program = `${REPOSITORY}/tests/serve/service_program.ts`;
      await compile(program, executable, [
        "--allow-env=LISTEN_PID,LISTEN_FDS,LISTEN_FDNAMES",
      ]);
      await tree.run("install", executable, `${tree.root}/usr/local/bin/web`);
      for (const [name, text] of Object.entries(UNITS)) {
        const unit = directory.join(name);
        Deno.writeTextFileSync(unit, text);
        await tree.run(
          ...["install", "-D", "--mode=644", unit] as const,
          `${tree.root}/etc/systemd/system/${name}`,
        );
      }
    },
  });
  await machine.systemctl("start", "web.socket");
});
Deno.test.afterAll(() => machine?.[Symbol.asyncDispose]());

/** Each returns the response to one request, over a connection of its own. */
const REQUESTS: Record<string, () => Promise<string>> = {
  async "unix path"() {
    using conn = await machine.connect(PATH);
    await send(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    return await receiveAllText(conn);
  },
  TCP: () =>
    machine.run(
      ...["curl", "--silent", "--show-error", "--fail", "--include"] as const,
      `http://127.0.0.1:${PORT}/`,
    ),
};

for (const [kind, request] of Object.entries(REQUESTS)) {
  Deno.test(`no request over ${kind} is lost to the idle exit, at any moment`, async () => {
    await withRandom(async (random) => {
      for (let round = 0; round < ROUNDS; round++) {
        const response = await soon(`response ${round}`, request());
        assertMatch(response, /^HTTP\/1\.1 200 OK\r\n/);
        // Not a wait: the pause is the tested condition.
        const pause = IDLE_MS - 10 + random.next() % 70;
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    });
    await machine.reaches("web.service", "inactive (dead)");
    await machine.reaches("web.socket", "active (listening)");
    const { NRestarts, Result } = await machine.show(
      "web.service",
      "NRestarts",
      "Result",
    );
    assertEquals({ NRestarts, Result }, { NRestarts: "0", Result: "success" });
    const starts = (await machine.journal("web.service"))
      .filter(({ message }) => message === "listening: unix").length;
    assert(starts > ROUNDS / 5, `it was idle for ${starts} times only`);
  });
}
