// The server's output; tests/server has the cases of a line and of the log.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { eventually } from "../support/eventually.ts";
import { echoOf, receiveAllText } from "../support/peer.ts";
import { IPC_SERVER, Lines, run } from "../support/program.ts";
import { TempDir } from "../support/temp_dir.ts";
import { ActivatedServer } from "./activated_server.ts";

/** A server with redirected outputs: `$0` is a pipe, which is open and not read. */
async function redirected(redirections: string, ...options: string[]) {
  await using parts = new AsyncDisposableStack();
  const path = parts.use(new TempDir()).join("output");
  assertEquals((await run("mkfifo", [path])).code, 0);
  const pipe = await Deno.open(path, { read: true, write: true });
  parts.defer(() => {
    // Reading closes it at the end.
    if (!pipe.readable.locked) pipe.close();
  });
  const script = `exec "$@" ${redirections}`;
  const command = ["/bin/sh", "-c", script, path, IPC_SERVER, ...options];
  const server = parts.use(await ActivatedServer.listen({ command }));
  const all = parts.move();
  return { server, pipe, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

Deno.test("--quiet prints no line for received bytes", async () => {
  await using server = await ActivatedServer.with("--quiet");
  using conn = await server.dial();
  assertEquals(await echoOf(conn, "secret\n"), "secret\n");
  server.kill("SIGTERM");
  await server.exits(0);
  assertEquals(server.stdout.seen, ["server start"]);
  assertEquals(server.complaints(), []);
});

Deno.test("a full disk under its output does not stop the service, and is reported once", async () => {
  await using had = await redirected(">/dev/full");
  const { server } = had;
  using conn = await server.dial();
  for (const line of ["1\n", "2\n", "3\n"]) {
    assertEquals(await echoOf(conn, line), line);
  }
  await server.stderr.line(/^ipc-server: .*No space left/);
  assertEquals(server.complaints().length, 1, server.complaints().join("\n"));
  server.kill("SIGTERM");
  await server.exits(0);
});

Deno.test("a closed reader of its output does not stop the service", async () => {
  await using server = await ActivatedServer.listen();
  using conn = await server.dial();
  assertEquals(await echoOf(conn, "1\n"), "1\n");
  await server.stdout.line("server recv: 1");
  await server.stdout.close();
  const echoMore = async () => {
    assertEquals(await echoOf(conn, "more\n"), "more\n");
    return server.complaints().length;
  };
  await eventually("the closed output is reported", echoMore, (n) => n > 0);
  for (let more = 0; more < 3; more++) assertEquals(await echoMore(), 1);
  server.kill("SIGTERM");
  await server.exits(0);
  const [, rest, ...others] = server.complaints();
  assertMatch(rest!, /Broken pipe .*; lines lost: \d+$/);
  assertEquals(others, []);
});

const LINE = `${"x".repeat(127)}\n`;

/** A complete line of the expected output. */
const WHOLE =
  /^(server start|server recv: x{127}|ipc-server: warning: (Closed|Cannot) .*)$/;

Deno.test("with blocked outputs it serves and refuses, and later reports the lost lines in whole lines", async () => {
  const limits = ["--max-connections", "1", "--max-waiting", "0"];
  await using had = await redirected('>"$0" 2>&1', ...limits);
  const { server, pipe } = had;
  using conn = await server.dial();
  // More lines than a pipe and the server hold.
  for (let sent = 0; sent < 10_000; sent++) await echoOf(conn, LINE);
  using refused = await server.dial();
  assertEquals(await receiveAllText(refused), "");
  assertEquals(await echoOf(conn, LINE), LINE);

  const output = new Lines("the pipe", pipe.readable);
  await output.line(/^ipc-server: warning: Closed 1 connection: /);
  await output.line(/^ipc-server: warning: .* lines lost: \d+$/);
  assertEquals(output.seen.filter((line) => !WHOLE.test(line)), []);
  await output.close();
});

const BLOCKED = { outputs: '>"$0" 2>&1', stdout: '>"$0"' };

for (const [what, redirections] of Object.entries(BLOCKED)) {
  Deno.test(`with blocked ${what} it stops in time, and reports the unwritten lines if it can`, async () => {
    await using had = await redirected(redirections, "--drain-timeout=200ms");
    const { server } = had;
    using conn = await server.dial();
    const sent = 2_000;
    for (let line = 0; line < sent; line++) await echoOf(conn, LINE);
    server.kill("SIGTERM");
    await server.exits(0);
    if (what === "outputs") return;
    const [, lost] = /^ipc-server: warning: .* too slow; lines lost: (\d+)$/m
      .exec(server.complaints().join("\n"))!;
    // The pipe holds 64 KiB of them.
    const written = Math.floor(64 * 1024 / `server recv: ${LINE}`.length);
    assert(Number(lost) >= sent - written - 1, `${lost} of ${sent}`);
    assert(Number(lost) <= sent, `${lost} of ${sent}`);
  });
}
