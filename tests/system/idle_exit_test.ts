// Services that exit when idle: systemd starts them again, and no connection is lost.

import { assert, assertMatch } from "@std/assert";
import { soon } from "../support/eventually.ts";
import { receiveAllText, send } from "../support/peer.ts";
import { withRandom } from "../support/random.ts";
import { SOAK_MINUTES } from "../support/soak.ts";
import { Machine, SERVER, SOCKET } from "./machine.ts";
import { installService, service } from "./programs.ts";

const ROUNDS = SOAK_MINUTES === undefined ? 50 : 1_000;
const IDLE_MS = 50;

const machine = new Machine();
Deno.test.beforeAll(async () => {
  await machine.startLimitInterval("0");
  const options = `--quiet --idle-timeout ${IDLE_MS}ms`;
  await machine.options("ipc-server", options);
  await installService(machine);
  await machine.units({
    "web.socket":
      "[Socket]\nListenStream=/run/web.socket\nListenStream=127.0.0.1:8080\n",
    "web.service": `[Unit]\nStartLimitIntervalSec=0\n${
      service(`posting '{"idleTimeoutMs":${IDLE_MS},"notify":false}'`)
    }`,
  });
  await machine.systemctl("start", SOCKET, "web.socket");
});

/** Each has the service, and a connection with one request. */
const CASES: Record<string, [unit: string, request: () => Promise<unknown>]> = {
  "ipc-server": [SERVER, () => machine.assertServed()],
  "serve() over a unix socket": ["web.service", async () => {
    using conn = await machine.connect("/run/web.socket");
    await send(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assertMatch(await receiveAllText(conn), /^HTTP\/1\.1 200 OK\r\n/);
  }],
  "serve() over TCP": [
    "web.service",
    () => machine.run("curl -sSf http://127.0.0.1:8080/"),
  ],
};

for (const [name, [unit, request]] of Object.entries(CASES)) {
  Deno.test(`the idle exit of ${name} loses no request, at any moment`, async () => {
    const starts = async () =>
      (await machine.journal(unit)).filter((line) => /start$/.test(line))
        .length;
    const before = await starts();
    await withRandom(async (random) => {
      for (let round = 0; round < ROUNDS; round++) {
        await soon(`the response of round ${round}`, request());
        // Not a wait: the pause is the tested condition, close to the time-out.
        const pause = IDLE_MS - 10 + random.next() % 50;
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    });
    await machine.reaches(unit, "inactive (dead)");
    await machine.shows(unit, { Result: "success", NRestarts: "0" });
    const more = await starts() - before;
    assert(more > ROUNDS / 5, `it was idle for ${more} times only`);
  });
}
