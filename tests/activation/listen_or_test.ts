import { assert, assertEquals } from "@std/assert";
import { listenOr } from "../../activation/listen_or.ts";
import { activate, dial } from "../support/activate.ts";
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

const HELLO = `
  try {
    using listener = await listenOr(JSON.parse(Deno.args[0]));
    console.log(JSON.stringify(listener.addr));
    using conn = await listener.accept();
    await conn.write(new TextEncoder().encode("hello"));
  } catch (error) {
    console.log(\`\${error.code}: \${error.message}\`);
  }
`;

/** Passes sockets of these names; returns what was printed, and what came back. */
async function taken(
  names: string[],
  options: Record<string, unknown>,
): Promise<{ lines: string[]; received: string[] }> {
  const { length: sockets } = names;
  await using program = await activate({
    sockets,
    names,
    script: HELLO,
    args: [
      JSON.stringify({ ...options, port: 0 }),
    ],
  });
  using conns = new DisposableStack();
  const received: Promise<string>[] = [];
  for (const address of program.addresses) {
    const conn = conns.use(await dial(address));
    received.push(receiveAllText(conn).catch(() => ""));
  }
  return { lines: await program.end(), received: await Promise.all(received) };
}

const UNIX = JSON.stringify({ transport: "unix", path: "" });

Deno.test("the only socket is taken, without a permission to listen", async () => {
  assertEquals(await taken(["any"], {}), {
    lines: [UNIX],
    received: ["hello"],
  });
});

Deno.test("the socket of a name is taken among several", async () => {
  assertEquals(await taken(["other", "web"], { name: "web" }), {
    lines: [UNIX],
    received: ["", "hello"],
  });
});

Deno.test("a name that was not passed is an error, also with other sockets there", async () => {
  assertEquals((await taken(["other"], { name: "web" })).lines, [
    'wrong-name: Cannot take the socket "web": it was not passed (passed: 3 "other"); ' +
    "set FileDescriptorName=web in the socket unit",
  ]);
});

Deno.test("several sockets without a name, or of one name, are too many", async () => {
  assertEquals((await taken(["a", "b"], {})).lines, [
    'wrong-name: Cannot choose among several sockets (passed: 3 "a", 4 "b"); ' +
    "name the one to take",
  ]);
  assertEquals((await taken(["a", "a"], { name: "a" })).lines, [
    'wrong-name: Cannot choose among several sockets (passed: 3 "a", 4 "a"); ' +
    "give each a FileDescriptorName= of its own",
  ]);
});
