import { assertEquals } from "@std/assert";
import { recvLine } from "../../server/recv_line.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

const LINES: [what: string, received: Uint8Array, line: string][] = [
  ["a number and its newline", bytes("1\n"), "1"],
  ["text without a newline", bytes("close"), "close"],
  ["a newline alone", bytes("\n"), ""],
  ["two newlines, of which one is dropped", bytes("a\n\n"), "a\\n"],
  [
    "a newline in the middle",
    bytes("1\nserver recv: 2\n"),
    "1\\nserver recv: 2",
  ],
  ["the line end of other systems", bytes("1\r\n"), "1\\r"],
  ["text of any script", bytes("héllo 日本\n"), "héllo 日本"],
  ["a terminal's escape sequence", bytes("\x1b[31mred"), "\\x1b[31mred"],
  ["bytes that are no text", Uint8Array.of(0xff, 0x0a), "\\xff"],
  ["128 characters", bytes("x".repeat(128)), "x".repeat(128)],
  [
    "128 characters and a newline",
    bytes("x".repeat(128) + "\n"),
    "x".repeat(128),
  ],
  [
    "129 characters",
    bytes("x".repeat(129)),
    `${"x".repeat(128)}\\... (129 bytes)`,
  ],
  [
    "129 characters and a newline",
    bytes("x".repeat(129) + "\n"),
    `${"x".repeat(128)}\\... (130 bytes)`,
  ],
  ["128 characters of four bytes", bytes("👍".repeat(128)), "👍".repeat(128)],
  [
    "129 characters of four bytes",
    bytes("👍".repeat(129)),
    `${"👍".repeat(128)}\\... (516 bytes)`,
  ],
  [
    "128 newlines of 130",
    bytes("\n".repeat(130)),
    `${"\\n".repeat(128)}\\... (130 bytes)`,
  ],
  [
    "a whole buffer",
    new Uint8Array(65_536).fill(0x61),
    `${"a".repeat(128)}\\... (65536 bytes)`,
  ],
];
for (const [what, received, line] of LINES) {
  Deno.test(`received: ${what}`, () => {
    assertEquals(recvLine(received), `server recv: ${line}`);
  });
}

Deno.test("received: the bytes stay as they are, for the echo", () => {
  const received = bytes("\x1b1\n");
  recvLine(received);
  assertEquals(received, bytes("\x1b1\n"));
});

Deno.test("received: no client can imitate the mark of a cut line", () => {
  const { length } = recvLine(bytes("x".repeat(129)));
  const mark = recvLine(bytes("x".repeat(129))).slice(length - 17);
  assertEquals(mark, "\\... (129 bytes)".padStart(17, "x"));
  const imitated = recvLine(bytes(`x${mark}`));
  assertEquals(imitated, `server recv: x${mark.replace("\\", "\\\\")}`);
});
