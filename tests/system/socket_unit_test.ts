// Socket activation without ipc-client: only the socket exists until a peer connects.

import { assert, assertEquals } from "@std/assert";
import { assertConfined } from "./confinement.ts";
import { soon } from "../support/eventually.ts";
import { install, Machine, SOCKET_PATH } from "./machine.ts";

let machine: Machine;
Deno.test.beforeAll(async () => {
  machine = await Machine.boot({
    prepare: async (tree) => {
      await install(tree);
      await tree.run(
        "systemctl",
        `--root=${tree.root}`,
        "enable",
        "ipc-server.socket",
      );
    },
  });
});
Deno.test.afterAll(() => machine?.[Symbol.asyncDispose]());

Deno.test("an enabled socket listens after the boot, and the server has never run", async () => {
  await machine.reaches("ipc-server.socket", "active (listening)");
  assertEquals(
    await machine.show(
      "ipc-server.service",
      "ActiveState",
      "ExecMainStartTimestampMonotonic",
    ),
    { ActiveState: "inactive", ExecMainStartTimestampMonotonic: "0" },
  );
});

Deno.test("a person at a terminal starts the server, and each line typed comes back", async () => {
  const terminal = machine.spawn("socat", "-", `UNIX-CONNECT:${SOCKET_PATH}`);
  const keyboard = terminal.stdin.getWriter();
  const screen = terminal.stdout.pipeThrough(new TextDecoderStream())
    .getReader();
  let shown = "";
  for (const line of ["hello\n", "how are you?\n", "äöü €\n", "close\n"]) {
    await keyboard.write(new TextEncoder().encode(line));
    const expected = shown + line;
    while (shown.length < expected.length) {
      const { value, done } = await soon(
        `socat shows ${Deno.inspect(line)} again`,
        screen.read(),
      );
      assert(!done, `socat ended after it had shown ${Deno.inspect(shown)}`);
      shown += value;
    }
    assertEquals(shown, expected);
  }
  const status = await soon("socat ends after close", terminal.status);
  assertEquals(status.code, 0);
  assertEquals(await screen.read(), { value: undefined, done: true });
  await keyboard.close().catch(() => {});

  await machine.reaches("ipc-server.service", "active (running)");
  await assertConfined(machine, "ipc-server.service");
});

Deno.test("the socket's path is systemd's: it outlives the server, not the socket unit", async () => {
  const exists = async () =>
    (await machine.attempt("test", "-S", SOCKET_PATH)).code === 0;
  await machine.systemctl("start", "ipc-server.service");
  await machine.reaches("ipc-server.service", "active (running)");
  await machine.systemctl("stop", "ipc-server.service");
  assert(await exists(), "the server has removed the socket");
  await machine.systemctl("stop", "ipc-server.socket");
  // A client is refused at once.
  const refused = await machine.connect().then(
    (conn) => conn.close(),
    (error) => error,
  );
  assert(
    refused instanceof Deno.errors.NotFound ||
      refused instanceof Deno.errors.ConnectionRefused,
    `connecting gave ${refused}`,
  );
});

Deno.test("starting the server starts its socket first", async () => {
  await machine.systemctl("stop", "ipc-server.service", "ipc-server.socket");
  await machine.systemctl("start", "ipc-server.service");
  await machine.reaches("ipc-server.service", "active (running)");
  await machine.reaches("ipc-server.socket", "active (running)");
});
