// The server's output; tests/server has the cases of a line and of the log.

import { assertEquals, assertMatch } from "@std/assert";
import { eventually } from "../support/eventually.ts";
import { echoOf } from "../support/peer.ts";
import { IPC_SERVER } from "../support/program.ts";
import { ActivatedServer } from "./activated_server.ts";

Deno.test("it prints that it starts, then each chunk on one line, escaped", async () => {
  await using server = await ActivatedServer.listen();
  using conn = await server.connect();
  for (
    const line of ["1\n", "héllo, wörld ✓\n", "a\x1b[31m\nb", "no newline"]
  ) {
    assertEquals(await echoOf(conn, line), line);
  }
  assertEquals(await server.stdout.atLeast(5), [
    "server start",
    "server recv: 1",
    "server recv: héllo, wörld ✓",
    "server recv: a\\x1b[31m\\nb",
    "server recv: no newline",
  ]);
});

Deno.test("--quiet prints no line for received bytes", async () => {
  await using server = await ActivatedServer.with("--quiet");
  const conn = await server.connect();
  assertEquals(await echoOf(conn, "secret\n"), "secret\n");
  assertEquals(await echoOf(conn, "close\n"), "close\n");
  conn.close();
  server.program.kill("SIGTERM");
  await server.program.exits(0);
  assertEquals(server.stdout.seen, ["server start"]);
  assertEquals(server.complaints(), []);
});

Deno.test("a full disk under its output does not stop the service, and is reported once", async () => {
  await using server = await ActivatedServer.listen({
    command: ["/bin/sh", "-c", `exec "$0" >/dev/full`, IPC_SERVER],
  });
  const conn = await server.connect();
  for (const line of ["1\n", "2\n", "3\n"]) {
    assertEquals(await echoOf(conn, line), line);
  }
  conn.close();
  await server.program.stderr.line(/No space left/);
  assertEquals(server.complaints().length, 1, server.complaints().join("\n"));
  assertMatch(server.complaints()[0]!, /^ipc-server: .*No space left/);
  server.program.kill("SIGTERM");
  await server.program.exits(0);
});

Deno.test("a closed reader of its output does not stop the service", async () => {
  await using server = await ActivatedServer.listen();
  const conn = await server.connect();
  assertEquals(await echoOf(conn, "1\n"), "1\n");
  await server.stdout.line("server recv: 1");
  await server.stdout.close();

  await eventually(
    "the server reports that its output is closed",
    async () => {
      assertEquals(await echoOf(conn, "more\n"), "more\n");
      return server.complaints();
    },
    (complaints) => complaints.length > 0,
  );
  for (const line of ["2\n", "3\n", "4\n"]) {
    assertEquals(await echoOf(conn, line), line);
  }
  assertEquals(server.complaints().length, 1, server.complaints().join("\n"));
  conn.close();

  server.program.kill("SIGTERM");
  await server.program.exits(0);
  const [, rest, ...others] = server.complaints();
  assertMatch(rest!, /Broken pipe .*; lines lost: \d+$/);
  assertEquals(others, []);
});
