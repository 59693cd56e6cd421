import { assertEquals } from "@std/assert";
import { recvLine } from "../../server/recv_line.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

const LINES: [received: string, line: string][] = [
  ["close", "close"],
  ["\n", ""],
  ["a\n\n", "a\\n"],
  ["1\nserver recv: 2\r\n", "1\\nserver recv: 2\\r"],
  [`${"x".repeat(128)}\n`, "x".repeat(128)],
  ["x".repeat(129), `${"x".repeat(128)}\\... (129 bytes)`],
  [`${"x".repeat(129)}\n`, `${"x".repeat(128)}\\... (130 bytes)`],
  ["👍".repeat(129), `${"👍".repeat(128)}\\... (516 bytes)`],
  ["a".repeat(65_536), `${"a".repeat(128)}\\... (65536 bytes)`],
];

Deno.test("received: a chunk is one line, escaped and cut", () => {
  for (const [received, line] of LINES) {
    assertEquals(recvLine(bytes(received)), `server recv: ${line}`);
  }
  const invalid = Uint8Array.of(0xff, 0x0a);
  assertEquals(recvLine(invalid), "server recv: \\xff");
  // The bytes stay as they are, for the echo.
  assertEquals(invalid, Uint8Array.of(0xff, 0x0a));
});

Deno.test("received: no client can imitate the mark of a cut line", () => {
  const mark = recvLine(bytes("x".repeat(129))).slice(-17);
  assertEquals(mark, "x\\... (129 bytes)");
  const imitated = recvLine(bytes(mark));
  assertEquals(imitated, "server recv: x\\\\... (129 bytes)");
});
