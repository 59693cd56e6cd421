import { assert, assertEquals } from "@std/assert";
import { listenOr } from "../../activation/listen_or.ts";
import { printed } from "../support/activate.ts";
import { TempDir } from "../support/temp_dir.ts";

Deno.test("when not activated, the listener is Deno's own", async () => {
  using tcp = await listenOr({ hostname: "127.0.0.1", port: 0, name: "web" });
  assert(tcp.addr.transport === "tcp" && tcp.addr.port > 0);
  using directory = new TempDir();
  const path = directory.join("socket");
  using unix = await listenOr({ transport: "unix", path, backlog: 1 });
  assertEquals(unix.addr, { transport: "unix", path });
});

const WRONG = ["wrong-kind", "wrong-kind"];
const NAME_ONE = "name the one to take";
const NAME_EACH = "give each a FileDescriptorName= of its own";
const ABSENT =
  'wrong-name: Cannot take the socket "web": it was not passed (passed: 3 "other"); set FileDescriptorName=web in the socket unit';
const SEVERAL = "wrong-name: Cannot choose among several sockets (passed:";
const MIXED = "file=conf,connection=x,unix=web";
const CHOICES: [
  passed: string,
  name: string | undefined,
  outcome: string,
  ...codesOfListen: string[],
][] = [
  ["unix=any", undefined, "adopted", "owned"],
  ["unix=other,unix=web", "web", "adopted", "adopted", "owned"],
  ["udp=web,file=web,unix=web", "web", "adopted", ...WRONG, "owned"],
  [MIXED, "web", "adopted", ...WRONG, "owned"],
  [MIXED, undefined, `${SEVERAL} 4 "x", 5 "web"); ${NAME_ONE}`],
  ["unix=a,tcp=b", undefined, `${SEVERAL} 3 "a", 4 "b"); ${NAME_ONE}`],
  ["unix=a,tcp=a", "a", `${SEVERAL} 3 "a", 4 "a"); ${NAME_EACH}`],
  ["unix=other", "web", ABSENT],
];
Deno.test("the only socket is adopted: the only one of the name, or without a name of all", async () => {
  for (const [passed, name, outcome, ...codes] of CHOICES) {
    const script = `const options = ${JSON.stringify({ name, port: 0 })};
      console.log(await failure(listenOr(options)));
      for (const { fd } of listenFds()) {
        console.log((await failure(listen(fd))).split(":")[0]);
      }`;
    const lines = await printed(passed, script);
    assertEquals(lines.slice(0, 1 + codes.length), [outcome, ...codes]);
  }
});
