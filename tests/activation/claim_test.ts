import { assertEquals } from "@std/assert";
import { claim } from "../../activation/claim.ts";
import type { ChunkConn } from "../../activation/_conn.ts";
import { printed } from "../support/activate.ts";

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

const CLAIMS: [
  rule: string,
  passed: string,
  kinds: Record<string, string>,
  outcome: string,
  codes: string[],
][] = [
  [
    "sockets are claimed by name and kind, and closed together; others stay available",
    "unix=stray,tcp=web,tcp=any,unix=control",
    { control: "unix", web: "tcp", any: "stream" },
    "control: unix, web: tcp, any: tcp",
    ["adopted", "closed", "closed", "closed"],
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
      `await claim(${JSON.stringify(kinds)}).then((claimed) => {
        const all = Object.entries(claimed);
        console.log(
          all.map(([name, { addr }]) => \`\${name}: \${addr.transport}\`).join(", "),
        );
        claimed[Symbol.dispose]();
      }, ({ code, message }) => console.log(\`\${code}: \${message}\`));
      for (const { fd } of listenFds()) {
        console.log((await failure(listen(fd))).split(":")[0]);
      }`,
    );
    assertEquals(lines, [outcome, ...codes]);
  });
}
