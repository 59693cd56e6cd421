// The server's output: one line for each chunk, with any bytes in it.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { eventually } from "../support/eventually.ts";
import { echoOf, receive, send } from "../support/peer.ts";
import { IPC_SERVER } from "../support/program.ts";
import { ActivatedServer } from "./activated_server.ts";

/** Control, format, line and paragraph separator characters, and the replacement for bad UTF-8. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\ufffd]/u;

/** Sends some bytes as one chunk, and returns the line that the server prints for it. */
async function lineFor(
  server: ActivatedServer,
  data: string | Uint8Array,
): Promise<string> {
  using conn = await server.connect();
  const bytes = typeof data === "string"
    ? new TextEncoder().encode(data)
    : data;
  await server.stdout.line("server start");
  const before = server.stdout.seen.length;
  await send(conn, bytes);
  assertEquals(await receive(conn, bytes.length), bytes);
  // A further chunk shows that the first one had one line, and no more.
  await echoOf(conn, "mark\n");
  const lines = (await server.stdout.atLeast(before + 2)).slice(before);
  assertEquals(lines.slice(1), ["server recv: mark"], Deno.inspect(lines));
  return lines[0]!;
}

let server: ActivatedServer;
Deno.test.beforeEach(async () => {
  server = await ActivatedServer.listen();
});
Deno.test.afterEach(() => server[Symbol.asyncDispose]());

Deno.test("it prints that it starts, then each line that it receives", async () => {
  using conn = await server.connect();
  for (const line of ["1\n", "2\n", "héllo, wörld ✓\n", "no newline"]) {
    assertEquals(await echoOf(conn, line), line);
  }
  assertEquals(await server.stdout.atLeast(5), [
    "server start",
    "server recv: 1",
    "server recv: 2",
    "server recv: héllo, wörld ✓",
    "server recv: no newline",
  ]);
});

const FORGERIES: [what: string, data: string | Uint8Array, shown: string][] = [
  ["a newline", "evil\nserver recv: forged\n", "forged"],
  ["only newlines", "\n\n\nserver start\n", "server start"],
  ["a carriage return", "evil\rserver recv: forged\n", "forged"],
  ["both", "evil\r\nserver recv: forged\r\n", "forged"],
  ["an escape sequence", "\x1b[2J\x1b[31mred\x1b]0;title\x07\n", "red"],
  ["an 8-bit escape sequence", "\u009b31mred\n", "red"],
  ["NUL, backspace and DEL", "a\0b\x08c\x7fd\n", "a"],
  ["vertical tab and form feed", "a\vb\fc\n", "a"],
  ["line and paragraph separators", "a\u2028b\u2029c\u0085d\n", "a"],
  ["bidi overrides", "\u202egnp.exe\u2066x\u2069\n", "gnp.exe"],
  ["zero-width characters", "pass\u200bword\u2060\ufeff\n", "pass"],
  [
    "invalid UTF-8",
    new Uint8Array([0x61, 0xff, 0xfe, 0xc3, 0x28, 0xe2, 0x82, 0x0a]),
    "a",
  ],
  ["an overlong newline", new Uint8Array([0x61, 0xc0, 0x8a, 0x62]), "b"],
  ["a surrogate", new Uint8Array([0x61, 0xed, 0xa0, 0x80, 0x62]), "b"],
];
for (const [what, data, shown] of FORGERIES) {
  Deno.test(`${what} from a peer makes one harmless line`, async () => {
    const line = await lineFor(server, data);
    assert(line.startsWith("server recv: "), line);
    assert(line.includes(shown), line);
    assertEquals(UNSAFE.exec(line), null, Deno.inspect(line));
  });
}

Deno.test("escaped and spelled-out look different", async () => {
  const escaped = await lineFor(server, "a\x1bb");
  const shown = escaped.slice("server recv: ".length);
  const spelledOut = await lineFor(server, shown);
  assert(escaped !== spelledOut, escaped);
});

Deno.test("one trailing newline is dropped, and one only", async () => {
  const none = await lineFor(server, "text");
  const one = await lineFor(server, "text\n");
  const two = await lineFor(server, "text\n\n");
  assertEquals([none, one], ["server recv: text", "server recv: text"]);
  assertMatch(two, /^server recv: text\S+$/);
});

Deno.test("128 characters are shown whole", async () => {
  const text = "x".repeat(128);
  assertEquals(await lineFor(server, text), `server recv: ${text}`);
  assertEquals(await lineFor(server, `${text}\n`), `server recv: ${text}`);
});

for (const character of ["x", "é", "✓", "😀"]) {
  Deno.test(`of 300 times ${character}, 128 are shown, with the length of it all`, async () => {
    const text = character.repeat(300);
    const { length } = new TextEncoder().encode(text);
    const line = await lineFor(server, text);
    assertEquals(line.split(character).length - 1, 128, line);
    assert(
      line.startsWith(`server recv: ${character.repeat(128)}`),
      line,
    );
    assertMatch(line, new RegExp(`\\b${length}\\b`));
  });
}

Deno.test("128 escaped characters are one line of bounded length", async () => {
  const line = await lineFor(server, "\u{e0001}".repeat(4000));
  assertEquals(UNSAFE.exec(line), null, Deno.inspect(line));
  assert(line.length < 2000, `${line.length} characters`);
});

Deno.test("--connection-numbers attributes each line to a connection", async () => {
  for (
    const [kind, address] of [
      ["unix path", "unix"],
      ["IPv4", String.raw`127\.0\.0\.1:\d+`],
    ] as const
  ) {
    await using server = await ActivatedServer.listen({
      kind,
      command: [IPC_SERVER, "--connection-numbers"],
    });
    using first = await server.connect();
    assertEquals(await echoOf(first, "one\n"), "one\n");
    using second = await server.connect();
    assertEquals(await echoOf(second, "[1] forged\n"), "[1] forged\n");
    assertEquals(await echoOf(first, "x".repeat(200)), "x".repeat(200));
    const lines = await server.stdout.atLeast(6);
    for (
      const [i, pattern] of [
        "server start",
        String.raw`server accept: \[1\] ${address}`,
        String.raw`server recv: \[1\] one`,
        String.raw`server accept: \[2\] ${address}`,
        String.raw`server recv: \[2\] \[1\] forged`,
        String.raw`server recv: \[1\] x{128}\\\.\.\. \(200 bytes\)`,
      ].entries()
    ) assertMatch(lines[i]!, new RegExp(`^${pattern}$`));
  }
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
