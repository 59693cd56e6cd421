// The server serves on while its outputs block.

import { assert, assertEquals } from "@std/assert";
import { echoOf, receiveAllText } from "../support/peer.ts";
import { IPC_SERVER, Lines, run } from "../support/program.ts";
import { TempDir } from "../support/temp_dir.ts";
import { ActivatedServer } from "./activated_server.ts";

/** More lines than a pipe and the server hold. */
const LINES = 10_000;
const LINE = `${"x".repeat(127)}\n`;

/** A complete line of the expected output. */
const WHOLE =
  /^(server start|server recv: x{127}|ipc-server: warning: (Closed|Cannot) .*)$/;

/** Redirections of a shell to the pipe. */
const BOTH_OUTPUTS = '>"$0" 2>&1', STDOUT = '>"$0"';

/** A server with these outputs redirected to a pipe, which is open and not read. */
async function blocked(redirections: string, ...options: string[]) {
  await using parts = new AsyncDisposableStack();
  const path = parts.use(new TempDir()).join("output");
  assertEquals((await run("mkfifo", [path])).code, 0);
  const pipe = await Deno.open(path, { read: true, write: true });
  const server = parts.use(
    await ActivatedServer.listen({
      command: [
        ...["/bin/sh", "-c", `exec "$@" ${redirections}`, path],
        ...[IPC_SERVER, ...options],
      ],
    }),
  );
  const moved = parts.move();
  return { server, pipe, [Symbol.asyncDispose]: () => moved.disposeAsync() };
}

Deno.test("with blocked outputs it serves and refuses, and later reports the lost lines in whole lines", async () => {
  const limits = ["--max-connections", "1", "--max-waiting", "0"];
  await using had = await blocked(BOTH_OUTPUTS, ...limits);
  const { server, pipe } = had;
  using conn = await server.connect();
  for (let sent = 0; sent < LINES; sent++) await echoOf(conn, LINE);
  using refused = await server.connect();
  assertEquals(await receiveAllText(refused), "");
  for (let sent = 0; sent < 100; sent++) {
    assertEquals(await echoOf(conn, LINE), LINE);
  }

  const output = new Lines("the pipe", pipe.readable);
  await output.line(/^ipc-server: warning: Closed 1 connection: /);
  await output.line(/^ipc-server: warning: .* lines lost: \d+$/);
  const broken = output.seen.filter((line) => !WHOLE.test(line));
  assertEquals(broken, []);
  await output.close();
});

Deno.test("with blocked outputs it stops in time", async () => {
  await using had = await blocked(BOTH_OUTPUTS, "--drain-timeout", "200ms");
  using _pipe = had.pipe;
  const { server } = had;
  using conn = await server.connect();
  for (let sent = 0; sent < 1_000; sent++) await echoOf(conn, LINE);
  server.program.kill("SIGTERM");
  await server.program.exits(0);
});

Deno.test("lines that were not written are reported when the server exits", async () => {
  await using had = await blocked(STDOUT, "--drain-timeout", "200ms");
  using _pipe = had.pipe;
  const { server } = had;
  using conn = await server.connect();
  const sent = 2_000;
  for (let line = 0; line < sent; line++) await echoOf(conn, LINE);
  server.program.kill("SIGTERM");
  await server.program.exits(0);
  const [, lost] = /^ipc-server: warning: .* too slow; lines lost: (\d+)$/
    .exec(server.complaints().join("\n"))!;
  // The pipe holds 64 KiB of them.
  const written = Math.floor(64 * 1024 / "server recv: ".concat(LINE).length);
  assert(Number(lost) >= sent - written - 1, `${lost} of ${sent}`);
  assert(Number(lost) <= sent, `${lost} of ${sent}`);
});
