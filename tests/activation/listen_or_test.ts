import { assert, assertEquals } from "@std/assert";
import { listenOr } from "../../activation/listen_or.ts";
import { activate, dial, printed } from "../support/activate.ts";
import { receiveAllText } from "../support/peer.ts";
import { TempDir } from "../support/temp_dir.ts";

Deno.test("when not activated, the listener is Deno's own", async () => {
  using tcp = await listenOr({ hostname: "127.0.0.1", port: 0, name: "web" });
  assert(tcp.addr.transport === "tcp" && tcp.addr.port > 0);
  using directory = new TempDir();
  const path = directory.join("socket");
  using unix = await listenOr({ transport: "unix", path, backlog: 1 });
  assertEquals(unix.addr, { transport: "unix", path });
});

Deno.test("the socket of a name is taken among several, without a permission to listen", async () => {
  await using program = await activate({
    sockets: 2,
    names: ["other", "web"],
    script: `using listener = await listenOr({ name: "web", port: 0 });
      using conn = await listener.accept();
      await conn.write(new TextEncoder().encode("hello"));`,
  });
  const conns = await Promise.all(program.addresses.map(dial));
  const received = conns.map((conn) => receiveAllText(conn).catch(() => ""));
  assertEquals(await Promise.all(received), ["", "hello"]);
  for (const conn of conns) conn.close();
});

const SEVERAL = "wrong-name: Cannot choose among several sockets (passed:";
const CHOICES: [passed: string, name: string | undefined, outcome: string][] = [
  ["unix=any", undefined, "adopted"],
  ["udp=web,file=web,unix=web", "web", "adopted"],
  ["file=conf,connection=other,unix=web", "web", "adopted"],
  [
    "file=conf,connection=other,unix=web",
    undefined,
    `${SEVERAL} 4 "other", 5 "web"); name the one to take`,
  ],
  [
    "unix=other",
    "web",
    'wrong-name: Cannot take the socket "web": it was not passed (passed: 3 "other"); set FileDescriptorName=web in the socket unit',
  ],
  [
    "unix=a,tcp=b",
    undefined,
    `${SEVERAL} 3 "a", 4 "b"); name the one to take`,
  ],
  [
    "unix=a,tcp=a",
    "a",
    `${SEVERAL} 3 "a", 4 "a"); give each a FileDescriptorName= of its own`,
  ],
];
Deno.test("the only socket is taken: that of the name, or without one of all", async () => {
  for (const [passed, name, outcome] of CHOICES) {
    const script = `const options = ${JSON.stringify({ name, port: 0 })};
      console.log(await failure(listenOr(options)));`;
    assertEquals(await printed(passed, script), [outcome]);
  }
});
