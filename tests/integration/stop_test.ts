// SIGTERM, SIGINT and SIGHUP: received bytes are echoed, and later connections are not lost.

import { assert, assertEquals } from "@std/assert";
import { eventually } from "../support/eventually.ts";
import { echoOf, receiveAllText, send } from "../support/peer.ts";
import { IPC_SERVER } from "../support/program.ts";
import { ActivatedServer, type ActivationOptions } from "./activated_server.ts";

/**
 * Holds the listening socket, as systemd does, and starts one instance of the
 * server after the other, each at a line on its stdin.
 */
const SOCKET_HOLDER: ActivationOptions = {
  command: [
    "/bin/sh",
    "-c",
    `while read -r _; do
       sh -c 'echo "instance $$"; exec setpriv --pdeathsig KILL env LISTEN_PID=$$ "$0" "$@"' "$@" </dev/null
       echo "instance ended with $?"
     done`,
    "holder",
    IPC_SERVER,
    "--drain-timeout",
    "60s",
  ],
};

/** Makes the server wait with an unread echo. */
async function leaveUnread(server: ActivatedServer): Promise<Deno.Conn> {
  const conn = await server.connect();
  // More than both kernel buffers hold: this ends only when it is cut off.
  send(conn, new Uint8Array(8 * 1024 * 1024)).catch(() => {});
  await server.stdout.line(/^server recv: /);
  return conn;
}

for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
  Deno.test(`${signal} ends idle connections and the server, with 0`, async () => {
    await using server = await ActivatedServer.with("--drain-timeout", "60s");
    using conn = await server.connect();
    assertEquals(await echoOf(conn, "hello\n"), "hello\n");

    server.program.kill(signal);

    assertEquals(await receiveAllText(conn), "");
    await server.program.exits(0);
    assertEquals(server.complaints(), []);
  });
}

Deno.test("a client that connects during the stop waits for the next instance", async () => {
  await using holder = await ActivatedServer.listen(SOCKET_HOLDER);
  await holder.program.type("start\n");
  using idle = await holder.connect();
  const first = await holder.stdout.line(/^instance \d+$/);
  using _deaf = await leaveUnread(holder);

  const pid = Number(first.split(" ")[1]);
  Deno.kill(pid, "SIGTERM");
  assertEquals(await receiveAllText(idle), "");
  // It has stopped accepting by now, and still waits for the peer that does not read.
  using later = await holder.connect();
  await send(later, "hello?\n");
  await interruptUntil(
    "the first instance has ended",
    () => Deno.kill(pid, "SIGINT"),
    () => holder.stdout.seen.includes("instance ended with 0"),
  );
  assert(!holder.stdout.seen.includes("server recv: hello?"));
  const whileNoneRuns = await holder.connect();

  await holder.program.type("start\n");
  assertEquals(
    await echoOf(whileNoneRuns, "and now?\n"),
    "and now?\n",
  );
  await later.closeWrite();
  assertEquals(await receiveAllText(later), "hello?\n");
  const second = holder.stdout.seen.findLast((line) =>
    /^instance \d+$/.test(line)
  )!;
  assert(second !== first, `${second} is the first`);

  whileNoneRuns.close();
  Deno.kill(Number(second.split(" ")[1]), "SIGTERM");
  await holder.program.endInput();
  await holder.program.exits(0);
  assertEquals(holder.stdout.seen.at(-1), "instance ended with 0");
});

Deno.test("a second SIGTERM changes nothing, and SIGINT a second later does not wait for a peer that does not read", async () => {
  await using server = await ActivatedServer.with("--drain-timeout", "60s");
  using idle = await server.connect();
  using _deaf = await leaveUnread(server);
  const start = performance.now();
  server.program.kill("SIGTERM");
  assertEquals(await receiveAllText(idle), "");
  server.program.kill("SIGTERM");
  await interruptUntil(
    "the server has ended",
    () => server.program.kill("SIGINT"),
    () => !server.program.running,
  );
  await server.program.exits(0);
  const elapsed = performance.now() - start;
  assert(elapsed >= 1_000, `it was gone after ${elapsed} ms`);
});

/** Interrupts as a person does who holds Ctrl-C. */
async function interruptUntil(
  what: string,
  interrupt: () => void,
  isOver: () => boolean,
): Promise<void> {
  await eventually(what, () => {
    if (isOver()) return true;
    interrupt();
    return false;
  }, (over) => over);
}

Deno.test("--drain-timeout limits how long a peer that does not read delays the stop", async () => {
  await using server = await ActivatedServer.with("--drain-timeout", "400ms");
  using _deaf = await leaveUnread(server);
  const start = performance.now();
  server.program.kill("SIGTERM");
  await server.program.exits(0);
  const took = performance.now() - start;
  assert(took >= 350, `it was gone after ${took} ms`);
});
