import { assert, assertEquals, assertRejects } from "@std/assert";
import { ClientError } from "../../client/client_error.ts";
import { count, type CountOptions } from "../../client/count.ts";
import { soon } from "../support/eventually.ts";
import { send } from "../support/peer.ts";
import { echo, packet, silence, withPeer } from "./peers.ts";

const QUICK: CountOptions = {
  addressText: "/run/job.socket",
  count: 3,
  intervalMs: 0,
  timeoutMs: 5_000,
};

const LOST = 'Lost the connection to "/run/job.socket": ';
const NO_REPLY =
  'No reply from "/run/job.socket" within 100 ms: "1" was sent; use a longer --timeout';

/** Returns the printed lines, and the message of the error that ended the count. */
async function counted(
  script: (conn: Deno.Conn) => Promise<unknown>,
  options: Partial<CountOptions> = {},
): Promise<{ lines: string[]; failure: string | undefined }> {
  const lines: string[] = [];
  let failure: string | undefined;
  await withPeer(script, async (conn) => {
    try {
      await soon(
        "counting has ended",
        count(conn, { ...QUICK, ...options }, (line) => lines.push(line)),
      );
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
      failure = error.message;
    }
  });
  return { lines, failure };
}

Deno.test("count: sends the numbers and close, and prints each with its reply", async () => {
  assertEquals(await counted(echo), {
    lines: [
      "input data: 1",
      "recv:1",
      "input data: 2",
      "recv:2",
      "input data: 3",
      "recv:3",
      "input data: close",
      "recv:close",
    ],
    failure: undefined,
  });
});

Deno.test("count: of no numbers, only close is sent", async () => {
  assertEquals(await counted(echo, { count: 0 }), {
    lines: ["input data: close", "recv:close"],
    failure: undefined,
  });
});

Deno.test("count: sends one line a time, each with its newline", async () => {
  const packets: string[] = [];
  await counted(async (conn) => {
    for (;;) {
      const text = await packet(conn);
      if (text === "") return;
      packets.push(text);
      await send(conn, text);
    }
  });
  assertEquals(packets, ["1\n", "2\n", "3\n", "close\n"]);
});

Deno.test("count: pauses between one number and the next", async () => {
  const arrivals: number[] = [];
  const { failure } = await counted(async (conn) => {
    for (;;) {
      const text = await packet(conn);
      if (text === "") return;
      arrivals.push(performance.now());
      await send(conn, text);
    }
  }, { intervalMs: 60 });
  assertEquals(failure, undefined);
  const pauses = arrivals.slice(1).map((at, i) => at - arrivals[i]!);
  assertEquals(pauses.length, 3);
  // Timers may be a millisecond early, and arrivals be noticed late.
  assert(pauses.every((pause) => pause > 40 && pause < 2_000), `${pauses}`);
});

Deno.test("count: the last reply may end with the connection", async () => {
  assertEquals(
    await counted(async (conn) => {
      await send(conn, await packet(conn));
      await packet(conn);
      await send(conn, "close");
      await conn.closeWrite();
    }, { count: 1 }),
    {
      lines: ["input data: 1", "recv:1", "input data: close", "recv:close"],
      failure: undefined,
    },
  );
});

Deno.test("count: a reply in pieces is one reply", async () => {
  const { lines, failure } = await counted(async (conn) => {
    for (;;) {
      const text = await packet(conn);
      if (text === "") return;
      for (const piece of text) {
        await send(conn, piece);
        await new Promise((resolve) => setTimeout(resolve));
      }
    }
  }, { count: 1 });
  assertEquals(failure, undefined);
  assertEquals(lines, [
    "input data: 1",
    "recv:1",
    "input data: close",
    "recv:close",
  ]);
});

/** Answers each line with `reply(line)`. */
const answering =
  (reply: (line: string) => string | Uint8Array) => async (conn: Deno.Conn) => {
    for (let line; (line = await packet(conn)) !== "";) {
      await send(conn, reply(line));
    }
  };

const WRONG = 'Wrong reply from "/run/job.socket": ';
const WRONG_REPLIES: [
  what: string,
  reply: (line: string) => string | Uint8Array,
  lines: string[],
  quoted: string,
][] = [
  ["another line", () => "one\n", ["input data: 1", "recv:one"], "one"],
  ["an empty line", () => "\n", ["input data: 1", "recv:"], ""],
  [
    "an additional carriage return",
    (line) => line.replace("\n", "\r\n"),
    ["input data: 1", "recv:1\\r"],
    "1\\r",
  ],
  [
    "no text",
    () => Uint8Array.of(0xff, 0x1b, 0x5b, 0x0a),
    ["input data: 1", "recv:\\xff\\x1b["],
    "\\xff\\x1b[",
  ],
  [
    "a long line",
    () => `${"x".repeat(100_000)}\n`,
    ["input data: 1", `recv:${"x".repeat(100_000)}`],
    `${"x".repeat(80)}…`,
  ],
];
for (const [what, reply, lines, quoted] of WRONG_REPLIES) {
  Deno.test(`count: ${what} is a wrong reply, which is printed and quoted`, async () => {
    assertEquals(await counted(answering(reply)), {
      lines,
      failure: `${WRONG}"1" was sent, and "${quoted}" came back`,
    });
  });
}

Deno.test("count: a wrong reply to a later line is reported with that line", async () => {
  const { lines, failure } = await counted(
    answering((line) => line === "2\n" ? "1\n2\n" : line),
  );
  assertEquals(lines.at(-1), "recv:1");
  assertEquals(failure, `${WRONG}"2" was sent, and "1" came back`);
});

Deno.test("count: a greeting is distinguished from a wrong reply", async () => {
  const { lines, failure } = await counted(async (conn) => {
    await send(conn, "220 welcome\n");
    await echo(conn);
  });
  assertEquals(lines, ["input data: 1", "recv:220 welcome"]);
  assertEquals(
    failure,
    '"/run/job.socket" greets with "220 welcome" before it echoes "1": it is not a plain echo server',
  );
});

Deno.test("count: a silent server times out", async () => {
  const { lines, failure } = await counted(silence, { timeoutMs: 100 });
  assertEquals(lines, ["input data: 1"]);
  assertEquals(failure, NO_REPLY);
});

Deno.test("count: half a reply is no reply", async () => {
  const { lines, failure } = await counted(async (conn) => {
    await packet(conn);
    await send(conn, "1");
    await silence(conn);
  }, { timeoutMs: 100 });
  assertEquals(lines, ["input data: 1"]);
  assertEquals(failure, NO_REPLY);
});

Deno.test("count: the time-out is for each reply", async () => {
  const { failure } = await counted(async (conn) => {
    for (let text; (text = await packet(conn)) !== "";) {
      await new Promise((resolve) => setTimeout(resolve, 200));
      await send(conn, text);
    }
  }, { timeoutMs: 600, count: 4 });
  assertEquals(failure, undefined);
});

const BEFORE_REPLY = `${LOST}the server closed the connection before the reply`;
const ENDS: [
  when: string,
  script: (conn: Deno.Conn) => Promise<unknown>,
  lines: string[],
  failure: string,
][] = [
  [
    "at once",
    async (conn) => {
      await packet(conn);
      await conn.closeWrite();
    },
    ["input data: 1"],
    `${BEFORE_REPLY} to "1"`,
  ],
  [
    "midway",
    async (conn) => {
      for (let i = 0; i < 2; i++) await send(conn, await packet(conn));
      await packet(conn);
      await conn.closeWrite();
    },
    ["recv:2", "input data: 3"],
    `${BEFORE_REPLY} to "3"`,
  ],
  [
    "between two numbers",
    async (conn) => {
      await send(conn, await packet(conn));
      conn.close();
    },
    ["recv:1", "input data: 2"],
    LOST,
  ],
  // Closed with the number unread, a unix socket resets its peer.
  [
    "with a reset",
    (conn) => Promise.resolve(conn.close()),
    ["input data: 1"],
    LOST,
  ],
];
for (const [when, script, lines, expected] of ENDS) {
  Deno.test(`count: a server that closes ${when} is reported`, async () => {
    const counting = await counted(script, { intervalMs: 50 });
    assertEquals(counting.lines.slice(-lines.length), lines);
    const { failure = "" } = counting;
    assert(failure.startsWith(expected) && !failure.includes("\n"), failure);
  });
}

Deno.test("count: an endless reply is reported, not kept", async () => {
  const { lines, failure } = await counted(async (conn) => {
    for (;;) await send(conn, new Uint8Array(64 * 1024).fill(0x61));
  });
  assertEquals(lines, ["input data: 1"]);
  assert(failure?.startsWith(LOST), failure);
});

Deno.test("count: an error in printing is not a lost connection", async () => {
  await withPeer(echo, async (conn) => {
    const print = () => {
      throw new Error("Cannot write output: gone");
    };
    const error = await assertRejects(() => count(conn, QUICK, print), Error);
    assertEquals(error.message, "Cannot write output: gone");
  });
});
