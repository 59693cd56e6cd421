import { assert, assertEquals, assertRejects } from "@std/assert";
import { ClientError } from "../../client/client_error.ts";
import { interact, type InteractOptions } from "../../client/interact.ts";
import { eventually, soon } from "../support/eventually.ts";
import { assertSameBytes, receiveAll, send } from "../support/peer.ts";
import { Random } from "../support/random.ts";
import { echo, packet, silence, withPeer } from "./peers.ts";

const OPTIONS: InteractOptions = {
  addressText: "/run/job.socket",
  timeoutMs: 2_000,
};
const LOST = 'Lost the connection to "/run/job.socket": ';

const bytes = (text: string) => new TextEncoder().encode(text);

/** Input: these chunks, then EOF. */
function piped(...chunks: (string | Uint8Array)[]): ReadableStream<Uint8Array> {
  return ReadableStream.from(
    chunks.map((each) => typeof each === "string" ? bytes(each) : each),
  );
}

/** Input: these lines, and then nothing, without EOF. */
function typed(...lines: string[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const line of lines) controller.enqueue(bytes(line));
    },
  });
}

/** Collects the output. */
class Output {
  readonly #chunks: Uint8Array<ArrayBuffer>[] = [];
  readonly #most: number;

  constructor(most = Infinity) {
    this.#most = most;
  }

  write(data: Uint8Array): Promise<number> {
    const part = data.slice(0, this.#most);
    this.#chunks.push(part);
    return Promise.resolve(part.length);
  }

  async bytes(): Promise<Uint8Array> {
    return await new Blob(this.#chunks).bytes();
  }
}

interface Had {
  output: string;
  failure: string | undefined;
}

/** Runs `interact`, and returns its output. */
async function had(
  script: (conn: Deno.Conn) => Promise<unknown>,
  input: ReadableStream<Uint8Array>,
  options: Partial<InteractOptions> = {},
): Promise<Had> {
  const output = new Output();
  let failure: string | undefined;
  await withPeer(script, async (conn) => {
    try {
      await soon(
        "the conversation has ended",
        interact(conn, { ...OPTIONS, ...options }, { input, output }),
      );
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
      failure = error.message;
    }
  });
  return { output: new TextDecoder().decode(await output.bytes()), failure };
}

Deno.test("interact: piped input is output again, and nothing else", async () => {
  assertEquals(await had(echo, piped("a\n", "b\n")), {
    output: "a\nb\n",
    failure: undefined,
  });
});

Deno.test("interact: a last line without a newline is echoed too", async () => {
  assertEquals(await had(echo, piped("a\nb")), {
    output: "a\nb",
    failure: undefined,
  });
});

Deno.test("interact: empty input ends without an error", async () => {
  assertEquals(await had(echo, piped()), { output: "", failure: undefined });
});

Deno.test("interact: the end of the input half-closes", async () => {
  assertEquals(
    await had(async (conn) => {
      const all = await receiveAll(conn);
      await send(conn, `${all.length} bytes`);
      await conn.closeWrite();
    }, piped("four")),
    { output: "4 bytes", failure: undefined },
  );
});

Deno.test("interact: each typed line is answered before the next", async () => {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const typing = writable.getWriter();
  const output = new Output();
  await withPeer(echo, async (conn) => {
    const done = interact(conn, OPTIONS, { input: readable, output });
    for (const line of ["one\n", "two\n", "three\n"]) {
      await typing.write(bytes(line));
      await eventually(
        `${line.trim()} is echoed`,
        async () => new TextDecoder().decode(await output.bytes()),
        (text) => text.endsWith(line),
      );
    }
    await typing.close();
    await soon("the conversation has ended", done);
  });
});

Deno.test("interact: megabytes pass byte for byte", async () => {
  const random = new Random(1);
  const sent = random.bytes(5_000_000);
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < sent.length;) {
    const size = random.size();
    chunks.push(sent.subarray(at, at + size));
    at += size;
  }
  const output = new Output(10_000);
  await withPeer(echo, async (conn) => {
    await soon(
      "everything is echoed",
      interact(conn, OPTIONS, { input: piped(...chunks), output }),
    );
  });
  assertSameBytes(await output.bytes(), sent);
});

const CLOSE: [how: string, lines: string[]][] = [
  ["on a line", ["a\n", "close\n"]],
  ["amid a line", ["enclosed\n"]],
  ["in pieces", ["clo", "se"]],
];
for (const [how, lines] of CLOSE) {
  Deno.test(`interact: close ${how} ends it, though more could be typed`, async () => {
    assertEquals(
      await had(async (conn) => {
        let said = "";
        while (!said.includes("close")) {
          const text = await packet(conn);
          said += text;
          await send(conn, text);
        }
        await conn.closeWrite();
      }, typed(...lines)),
      { output: lines.join(""), failure: undefined },
    );
  });
}

Deno.test("interact: after close, unread input is no error", async () => {
  assertEquals(
    await had(async (conn) => {
      await packet(conn);
      await send(conn, "close\n");
      conn.close();
    }, piped("close\n", "more\n", "and more\n")),
    { output: "close\n", failure: undefined },
  );
});

Deno.test("interact: after close, a reset counts as EOF", async () => {
  assertEquals(
    await had(async (conn) => {
      // Closed with input unread, which resets the other side.
      await conn.read(new Uint8Array(1));
      await send(conn, "close\n");
      conn.close();
    }, typed("close\n")),
    { output: "close\n", failure: undefined },
  );
});

Deno.test("interact: a server that closes during typing is reported", async () => {
  assertEquals(
    await had(async (conn) => {
      await send(conn, await packet(conn));
      await conn.closeWrite();
    }, typed("a\n")),
    { output: "a\n", failure: `${LOST}the server closed it` },
  );
});

Deno.test("interact: a server that closes midway is reported", async () => {
  const { failure } = await had(async (conn) => {
    await packet(conn);
    conn.close();
  }, piped(...Array.from({ length: 50 }, () => new Uint8Array(65_536))));
  assert(failure?.startsWith(LOST), failure);
  assertEquals(failure?.includes("\n"), false);
});

Deno.test("interact: missing replies at the end are reported", async () => {
  assertEquals(
    await had(async (conn) => {
      await receiveAll(conn);
      await send(conn, "ab");
      await conn.closeWrite();
    }, piped("abcd")),
    { output: "ab", failure: `${LOST}2 of 4 bytes came back` },
  );
});

Deno.test("interact: replies that stop time out", async () => {
  assertEquals(
    await had(
      async (conn) => {
        await send(conn, "ab");
        // Not even EOF arrives during the test.
        await silence(conn);
      },
      piped("abcd"),
      { timeoutMs: 100 },
    ),
    {
      output: "ab",
      failure:
        'No reply from "/run/job.socket" within 100 ms: 2 of 4 bytes came back; use a longer --timeout',
    },
  );
});

Deno.test("interact: a server that has echoed everything need not close", async () => {
  const text = "0123456789".repeat(10_000);
  assertEquals(
    await had(async (conn) => {
      await send(conn, await receiveAll(conn));
      await silence(conn);
    }, piped(text)),
    { output: text, failure: undefined },
  );
});

Deno.test("interact: a server that sends more than it received, and does not close, times out", async () => {
  const { output, failure } = await had(
    async (conn) => {
      await send(conn, "welcome\n");
      await send(conn, await receiveAll(conn));
      await new Promise((resolve) => setTimeout(resolve, 100));
      await send(conn, "bye\n");
      await silence(conn);
    },
    piped("a\n"),
    { timeoutMs: 1_000 },
  );
  assertEquals({ output, failure }, {
    output: "welcome\na\nbye\n",
    failure: undefined,
  });
});

Deno.test("interact: the time-out restarts with each reply", async () => {
  const text = "0123456789";
  assertEquals(
    await had(
      async (conn) => {
        await receiveAll(conn);
        for (const character of text) {
          await new Promise((resolve) => setTimeout(resolve, 50));
          await send(conn, character);
        }
        await conn.closeWrite();
      },
      piped(text),
      { timeoutMs: 300 },
    ),
    { output: text, failure: undefined },
  );
});

Deno.test("interact: typing is not subject to the reply time-out", async () => {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const typing = writable.getWriter();
  const output = new Output();
  await withPeer(echo, async (conn) => {
    const done = interact(conn, { ...OPTIONS, timeoutMs: 20 }, {
      input: readable,
      output,
    });
    await new Promise((resolve) => setTimeout(resolve, 100));
    await typing.write(bytes("late\n"));
    await eventually(
      "the late line is echoed",
      async () => new TextDecoder().decode(await output.bytes()),
      (text) => text === "late\n",
    );
    await typing.close();
    await soon("the conversation has ended", done);
  });
});

Deno.test("interact: unreadable input is reported", async () => {
  const broken = new ReadableStream<Uint8Array>({
    pull() {
      throw new Error("Is a directory (os error 21)");
    },
  });
  assertEquals(await had(echo, broken), {
    output: "",
    failure: "Cannot read standard input: Is a directory (os error 21)",
  });
});

Deno.test("interact: unwritable output is reported", async () => {
  await withPeer(echo, async (conn) => {
    const output = {
      write: () => Promise.reject(new Error("Cannot write output: gone")),
    };
    const error = await soon<Error>(
      "the conversation has ended",
      assertRejects(
        () => interact(conn, OPTIONS, { input: typed("a\n"), output }),
        Error,
      ),
    );
    assertEquals(error.message, "Cannot write output: gone");
  });
});

Deno.test("interact: no promise is left pending", async () => {
  let unhandled: unknown;
  const onUnhandled = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    unhandled = event.reason;
  };
  globalThis.addEventListener("unhandledrejection", onUnhandled);
  const many = Array.from({ length: 50 }, () => new Uint8Array(65_536));
  await had(async (conn) => {
    await packet(conn);
    conn.close();
  }, piped(...many));
  await had(silence, piped("x"), { timeoutMs: 20 });
  // Unhandled rejections are reported after the current task.
  await new Promise((resolve) => setTimeout(resolve));
  globalThis.removeEventListener("unhandledrejection", onUnhandled);
  assertEquals(unhandled, undefined);
});
