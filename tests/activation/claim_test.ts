import { assertEquals, assertRejects } from "@std/assert";
import { claim } from "../../activation/claim.ts";
import type { ChunkConn } from "../../activation/_conn.ts";
import { activate, dial, freePorts } from "../support/activate.ts";
import { receiveAllText } from "../support/peer.ts";
import { TempDir } from "../support/temp_dir.ts";

// The types follow the kinds.
(async () => {
  using sockets = await claim({ web: "tcp", control: "unix", any: "stream" });
  sockets.web satisfies Deno.TcpListener;
  sockets.control satisfies Deno.UnixListener;
  sockets.any satisfies Deno.TcpListener | Deno.UnixListener;
  (await sockets.web.accept()) satisfies ChunkConn;
  // @ts-expect-error: "other" was not claimed.
  sockets.other;
  // @ts-expect-error: "sctp" is not a kind.
  await claim({ web: "sctp" });
});

const HINT =
  ". Each socket unit passes its FileDescriptorName=, by default its own name";

/** Passes sockets, each `NAME=KIND`, and returns what the program printed. */
async function claimed(
  passed: string[],
  kinds: Record<string, string>,
): Promise<{ lines: string[]; received: string[] }> {
  using directory = new TempDir();
  const ports = freePorts("127.0.0.1", passed.length);
  const addresses = passed.map((each, i) =>
    each.endsWith("=tcp")
      ? `127.0.0.1:${ports[i]}`
      : directory.join(`${i}.socket`)
  );
  await using program = await activate({
    addresses,
    names: passed.map((each) => each.split("=")[0]!),
    module: "tests/activation/claim_program.ts",
    args: [JSON.stringify(kinds)],
  });
  using conns = new DisposableStack();
  const received: Promise<string>[] = [];
  for (const address of addresses) {
    const conn = conns.use(await dial(address));
    received.push(receiveAllText(conn).catch(() => ""));
  }
  await program.stdout.line("done");
  // With any result, the program listens on none of them any more.
  for (const address of addresses) {
    await assertRejects(() => dial(address), Deno.errors.ConnectionRefused);
  }
  await program.endInput();
  return {
    lines: (await program.end()).slice(0, -1),
    received: await Promise.all(received),
  };
}

Deno.test("sockets are claimed by name and kind, and closed together", async () => {
  assertEquals(
    await claimed(
      ["web=tcp", "control=unix", "either=unix"],
      { control: "unix", web: "tcp", either: "stream" },
    ),
    {
      lines: [
        "control: unix",
        "web: tcp",
        "either: unix",
        "web was adopted",
        "control was adopted",
        "either was adopted",
      ],
      received: ["web", "control", "either"],
    },
  );
});

Deno.test("all unknown names are reported together, and nothing is adopted", async () => {
  const { lines } = await claimed(
    ["web=unix", "web=tcp", "stray=unix", "control=tcp"],
    { web: "tcp", control: "unix", absent: "stream", gone: "unix" },
  );
  assertEquals(lines, [
    'wrong-name: Cannot claim the sockets: "web" was passed more than once (fd 3, fd 4); ' +
    '"absent" was not passed; "gone" was not passed; ' +
    `passed: 3 "web", 4 "web", 5 "stray", 6 "control"${HINT}`,
    "web was left alone",
    "web was left alone",
    "stray was left alone",
    "control was left alone",
  ]);
});

Deno.test("all sockets of a wrong kind are reported together, and everything is closed", async () => {
  const { lines, received } = await claimed(
    ["web=unix", "control=tcp", "right=unix"],
    { web: "tcp", control: "unix", right: "stream" },
  );
  assertEquals(lines, [
    'wrong-kind: Cannot claim the sockets: "web" (fd 3) is a unix socket, not tcp; ' +
    `"control" (fd 4) is a tcp socket, not unix${HINT}`,
    "web was adopted",
    "control was adopted",
    "right was adopted",
  ]);
  assertEquals(received, ["", "", ""]);
});

Deno.test("sockets that are not claimed stay available", async () => {
  const { lines } = await claimed(["stray=unix", "web=tcp"], { web: "tcp" });
  assertEquals(lines, [
    "web: tcp",
    "stray was left alone",
    "web was adopted",
  ]);
});
