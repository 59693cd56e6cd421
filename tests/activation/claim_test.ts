import { assertEquals } from "@std/assert";
import { claim } from "../../activation/claim.ts";
import type { ChunkConn } from "../../activation/_conn.ts";
import { activate, dial, freePorts, printed } from "../support/activate.ts";
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

Deno.test("sockets are claimed by name and kind", async () => {
  using directory = new TempDir();
  await using program = await activate({
    addresses: [
      `127.0.0.1:${freePorts("127.0.0.1", 1)}`,
      directory.join("control"),
      directory.join("either"),
    ],
    names: ["web", "control", "either"],
    script: `
      const kinds = { control: "unix", web: "tcp", either: "stream" };
      using claimed = await claim(kinds);
      for (const [name, listener] of Object.entries(claimed)) {
        using conn = await listener.accept();
        await conn.write(new TextEncoder().encode(name));
      }`,
  });
  const conns = await Promise.all(program.addresses.map(dial));
  const received = await Promise.all(conns.map(receiveAllText));
  for (const conn of conns) conn.close();
  assertEquals(received, ["web", "control", "either"]);
});

const HINT =
  ". Each socket unit passes its FileDescriptorName=, by default its own name";

const CLAIMS: [
  rule: string,
  passed: string,
  kinds: Record<string, string>,
  outcome: string,
  codes: string[],
][] = [
  [
    "claimed sockets are closed together, others stay available",
    "unix=stray,tcp=web,unix=control",
    { web: "tcp", control: "stream" },
    "adopted",
    ["adopted", "closed", "closed"],
  ],
  [
    "all unknown names are reported together, and nothing is adopted",
    "unix=web,tcp=web,unix=stray,tcp=control",
    { web: "tcp", control: "unix", absent: "stream", gone: "unix" },
    'wrong-name: Cannot claim the sockets: "web" was passed more than once (fd 3, fd 4); ' +
    '"absent" was not passed; "gone" was not passed; ' +
    `passed: 3 "web", 4 "web", 5 "stray", 6 "control"${HINT}`,
    ["adopted", "adopted", "adopted", "adopted"],
  ],
  [
    "all sockets of a wrong kind are reported together, and everything is closed",
    "unix=web,tcp=control,unix=right",
    { web: "tcp", control: "unix", right: "stream" },
    'wrong-kind: Cannot claim the sockets: "web" (fd 3) is a unix socket, not tcp; ' +
    `"control" (fd 4) is a tcp socket, not unix${HINT}`,
    ["closed", "closed", "closed"],
  ],
];
for (const [rule, passed, kinds, outcome, codes] of CLAIMS) {
  Deno.test(rule, async () => {
    const lines = await printed(
      passed,
      `const claiming = claim(${JSON.stringify(kinds)});
      console.log(await failure(claiming));
      await claiming.then((claimed) => claimed[Symbol.dispose](), () => {});
      for (const { fd } of listenFds()) {
        console.log((await failure(listen(fd))).split(":")[0]);
      }`,
    );
    assertEquals(lines, [outcome, ...codes]);
  });
}
