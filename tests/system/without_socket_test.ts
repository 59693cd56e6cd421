// The server needs the socket that systemd passes: without it, it prints an error and
// gives up.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { echoOf } from "../support/peer.ts";
import { Machine, SOCKET_PATH } from "./machine.ts";

let machine: Machine;
Deno.test.beforeAll(async () => {
  machine = await Machine.boot();
});
Deno.test.afterAll(() => machine?.[Symbol.asyncDispose]());

/** One line that names the missing socket and the command that starts the server. */
function assertExplains(line: string): void {
  assertMatch(line, /^[^\n]+$/);
  assertMatch(line, /ipc-server\.socket/);
  assertMatch(line, /systemctl restart/);
}

Deno.test("as a service without a socket it fails with 78, and is not started again", async () => {
  // The shipped unit without the lines that name its socket.
  const shipped = await machine.systemctl("cat", "ipc-server.service");
  const alone = shipped.split("\n").filter((line) =>
    !line.includes("%N.socket")
  );
  assert(
    alone.length < shipped.split("\n").length,
    "the shipped unit does not name its socket",
  );
  assert(
    alone.includes("Restart=on-failure"),
    "the shipped unit does not restart",
  );
  await machine.write("/run/systemd/system/alone.service", alone.join("\n"));
  await machine.systemctl("daemon-reload");

  // Whether starting it succeeds depends on the unit's Type=.
  await machine.attempt("systemctl", "start", "alone.service");
  await machine.reaches("alone.service", "failed (failed)");

  assertEquals(
    await machine.show(
      "alone.service",
      "Result",
      "ExecMainStatus",
      "NRestarts",
    ),
    { Result: "exit-code", ExecMainStatus: "78", NRestarts: "0" },
  );
  const lines = await machine.journal("alone.service");
  assertEquals(lines.length, 1, Deno.inspect(lines));
  assertExplains(lines[0]!.message);
});

/** How systemd passes no socket although the socket unit is active. */
const WITHOUT_DESCRIPTORS: {
  how: string;
  unit: string;
  dropIn: string;
  /** Where systemd listens once the remedy was applied. */
  listens: string;
}[] = [
  {
    how: "the socket unit was changed and reloaded, but not restarted",
    unit: "ipc-server.socket",
    dropIn:
      "[Socket]\nListenStream=\nListenStream=/run/ipc-server/other.socket\n",
    listens: "/run/ipc-server/other.socket",
  },
  {
    how: "StandardInput=socket is set",
    unit: "ipc-server.service",
    dropIn: "[Service]\nStandardInput=socket\n",
    listens: SOCKET_PATH,
  },
];
for (const { how, unit, dropIn, listens } of WITHOUT_DESCRIPTORS) {
  Deno.test(`where ${how}, the server names that cause and the remedy`, async () => {
    await machine.systemctl("start", "ipc-server.socket");
    const directory = `/run/systemd/system/${unit}.d`;
    await machine.run("mkdir", "-p", directory);
    await machine.write(`${directory}/test.conf`, dropIn);
    await machine.systemctl("daemon-reload");
    await machine.attempt("systemctl", "start", "ipc-server.service");
    await machine.reaches("ipc-server.service", "failed (failed)");
    await machine.reaches("ipc-server.socket", "active (listening)");
    const { message } = (await machine.journal("ipc-server.service")).at(-1)!;
    const [, remedy] =
      /, got none; run "(systemctl .*?)", as after each change of the socket unit, and set no StandardInput=socket /
        .exec(message) ?? [];
    assert(remedy !== undefined, message);

    if (unit.endsWith(".service")) {
      await machine.run("rm", "-r", directory);
      await machine.systemctl("daemon-reload");
    }
    await machine.run("sh", "-c", remedy!);
    {
      using conn = await machine.connect(listens);
      assertEquals(await echoOf(conn, "hello"), "hello");
    }
    await machine.run("rm", "-rf", directory);
    await machine.systemctl("daemon-reload");
    await machine.systemctl("stop", "ipc-server.socket", "ipc-server.service");
  });
}

Deno.test("wrong usage is not started again either", async () => {
  await machine.write(
    "/etc/default/ipc-server",
    "IPC_SERVER_OPTIONS=--no-such-option\n",
  );
  await machine.attempt("systemctl", "start", "ipc-server.service");
  await machine.reaches("ipc-server.service", "failed (failed)");
  assertEquals(
    await machine.show(
      "ipc-server.service",
      "Result",
      "ExecMainStatus",
      "NRestarts",
    ),
    { Result: "exit-code", ExecMainStatus: "64", NRestarts: "0" },
  );
});
