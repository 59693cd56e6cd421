import { assert, assertEquals, assertRejects } from "@std/assert";
import { count, type CountOptions } from "../../client/count.ts";
import { readText, send, sendBlocking } from "../support/peer.ts";
import { echo, failureOf, type Peer, replying } from "./peers.ts";

const QUICK: CountOptions = {
  addressText: "/s",
  count: 3,
  intervalMs: 30,
  timeoutMs: 3_000,
};

/** Returns the printed lines, and the message of the error that ended the count. */
async function counted(peer: Peer, options: Partial<CountOptions> = {}) {
  const lines: string[] = [];
  const failure = await failureOf(
    peer,
    (conn) => count(conn, { ...QUICK, ...options }, (line) => lines.push(line)),
  );
  return [lines.join("|"), failure] as const;
}

const text = (packet: Uint8Array) => new TextDecoder().decode(packet);

const LOST = 'Lost the connection to "/s": ';
const WRONG = 'Wrong reply from "/s": ';
const NO_REPLY =
  'No reply from "/s" within 3000 ms: "1" was sent; use a longer --timeout';
const ONE = "input data: 1|recv:1|";
const CLOSE = "input data: close|recv:close";

const COUNTS: [what: string, peer: Peer, lines: string, failure: string][] = [
  [
    "three numbers, whose first reply comes while the client is stopped",
    async (conn) => {
      const one = (await readText(conn))!;
      await sendBlocking(conn, one, performance.now() + 3_200, 3_200);
      await echo(conn);
    },
    `${ONE}input data: 2|recv:2|input data: 3|recv:3|${CLOSE}`,
    "",
  ],
  [
    "control characters, and no text",
    replying(() => Uint8Array.of(0xff, 0x1b, 0x5b, 0x0d, 0x0a)),
    "input data: 1|recv:\\xff\\x1b[\\r",
    `${WRONG}"1" was sent, and "\\xff\\x1b[\\r" came back`,
  ],
  [
    "a long line",
    replying(() => `${"x".repeat(100_000)}\n`),
    `input data: 1|recv:${"x".repeat(100_000)}`,
    `${WRONG}"1" was sent, and "${"x".repeat(80)}…" came back`,
  ],
  [
    "another line and the right one, later",
    replying((line) => text(line).replace("2", "1\n2")),
    `${ONE}input data: 2|recv:1`,
    `${WRONG}"2" was sent, and "1" came back`,
  ],
  [
    "a greeting",
    async (conn) => {
      await send(conn, "220 welcome\n");
      await echo(conn);
    },
    "input data: 1|recv:220 welcome",
    '"/s" greets with "220 welcome" before it echoes "1": it is not a plain echo server',
  ],
  ["half a reply", replying(() => "1"), "input data: 1", NO_REPLY],
  [
    "the end before a reply",
    async (conn) => {
      await readText(conn);
      await conn.closeWrite();
    },
    "input data: 1",
    `${LOST}the server closed the connection before the reply to "1"`,
  ],
  [
    "the end between two numbers",
    async (conn) => {
      await send(conn, (await readText(conn))!);
      conn.close();
    },
    `${ONE}input data: 2`,
    `${LOST}Broken pipe (os error 32)`,
  ],
  [
    "a reset, which closing with unread input is",
    (conn) => Promise.resolve(conn.close()),
    "input data: 1",
    `${LOST}Connection reset by peer (os error 104)`,
  ],
  [
    "an endless line",
    async (conn) => {
      for (;;) await send(conn, new Uint8Array(64 * 1024).fill(0x61));
    },
    "input data: 1",
    `${LOST}A line has more than 1048576 bytes`,
  ],
];

for (const [what, peer, lines, failure] of COUNTS) {
  // A timer that is left would keep the client from exiting.
  Deno.test(`count: ${what}`, { sanitizeOps: true }, async () => {
    assertEquals(await counted(peer), [lines, failure]);
  });
}

Deno.test("count: sends one line at a time, and pauses after each", async () => {
  assertEquals(await counted(echo, { count: 0 }), [CLOSE, ""]);
  const [packets, arrivals]: [string[], number[]] = [[], []];
  await counted(
    replying((packet) => {
      packets.push(text(packet));
      arrivals.push(performance.now());
      return packet;
    }),
    { intervalMs: 60 },
  );
  assertEquals(packets, ["1\n", "2\n", "3\n", "close\n"]);
  const pauses = arrivals.slice(1).map((at, i) => at - arrivals[i]!);
  // Timers may be a millisecond early. One arrival may be noticed late, not each.
  assert(Math.min(...pauses) > 40 && Math.min(...pauses) < 2_000, `${pauses}`);
});

Deno.test("count: the time-out is for each reply", async () => {
  const slow = replying(async (packet) => {
    await new Promise((resolve) => setTimeout(resolve, 400));
    return packet;
  });
  assertEquals((await counted(slow, { timeoutMs: 1_500, count: 4 }))[1], "");
});

Deno.test("count: an error in printing is not a lost connection", async () => {
  const print = () => {
    throw new RangeError("gone");
  };
  const failing = failureOf(echo, (conn) => count(conn, QUICK, print));
  await assertRejects(() => failing, RangeError, "gone");
});
