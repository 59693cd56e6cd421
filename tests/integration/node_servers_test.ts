// examples/node-servers, each activated on a TCP and a unix socket.

import { assert, assertEquals } from "@std/assert";
import { CACHE, freePorts, listenFor } from "../support/activate.ts";
import { soon } from "../support/eventually.ts";
import { REPOSITORY, run } from "../support/program.ts";
import { TempDir } from "../support/temp_dir.ts";

const EXAMPLES = `${REPOSITORY}examples/node-servers`;
const CONFIG = `--config=${EXAMPLES}/deno.json`;

Deno.test("the examples with npm packages type-check with their lock file", async () => {
  const modules = [...Deno.readDirSync(EXAMPLES)]
    .filter(({ name }) => name.endsWith(".ts"))
    .map(({ name }) => `${EXAMPLES}/${name}`);
  assertEquals(modules.length, 4);
  const { code, stderr } = await soon(
    "the packages are fetched and the examples type-check",
    new Deno.Command(Deno.execPath(), {
      args: ["check", "--quiet", CONFIG, ...modules],
    }).output(),
    { within: 180_000 },
  );
  assertEquals(code, 0, new TextDecoder().decode(stderr));
});

/** Starts an example with its sockets, and returns their addresses. */
async function activated(name: string, directory: TempDir) {
  const [port] = freePorts("127.0.0.1", 1);
  const path = directory.join("node.socket");
  const authority = `127.0.0.1:${port}`;
  const program = await listenFor({
    addresses: [authority, path],
    env: CACHE,
    command: [
      ...[Deno.execPath(), "run", "--quiet", "--unstable-net", "--no-check"],
      ...["--no-prompt", "--allow-env", "--allow-read", CONFIG],
      `${EXAMPLES}/${name}.ts`,
    ],
  });
  return { program, path, authority };
}

async function curl(...args: string[]): Promise<string> {
  const { stdout, stderr, code } = await run("curl", [
    ...["--silent", "--show-error", "--fail", "--max-time", "20", ...args],
  ]);
  assertEquals(code, 0, stderr);
  return stdout;
}

for (const name of ["express", "fastify", "ws", "hono"]) {
  Deno.test(`examples/node-servers/${name}.ts answers over TCP and a unix socket, and ends on SIGTERM`, async () => {
    using directory = new TempDir();
    const { program, path, authority } = await activated(name, directory);
    await using _program = program;
    assertEquals(await curl(`http://${authority}/`), `hello from ${name}\n`);
    assertEquals(
      await curl("--unix-socket", path, "http://localhost/"),
      `hello from ${name}\n`,
    );
    program.kill("SIGTERM");
    await program.exits(0);
  });
}

Deno.test("examples/node-servers/hono.ts streams", async () => {
  using directory = new TempDir();
  const { program, authority } = await activated("hono", directory);
  await using _program = program;
  assertEquals(
    await curl(`http://${authority}/count`),
    "line 1\nline 2\nline 3\n",
  );
});

for (const [name, path] of [["ws", "/"], ["hono", "/ws"]] as const) {
  Deno.test(`examples/node-servers/${name}.ts echoes every message of 50 WebSockets`, async () => {
    using directory = new TempDir();
    const { program, authority } = await activated(name, directory);
    await using _program = program;
    await soon(
      "all messages are echoed",
      Promise.all(Array.from({ length: 50 }, async (_, client) => {
        const socket = new WebSocket(`ws://${authority}${path}`);
        await event(socket, "open");
        const received: string[] = [];
        const done = Promise.withResolvers<void>();
        socket.addEventListener("message", ({ data }) => {
          if (received.push(data) === 20) done.resolve();
        });
        const sent = Array.from({ length: 20 }, (_, i) => `${client}:${i}`);
        for (const message of sent) socket.send(message);
        await done.promise;
        assertEquals(received, sent);
        socket.close(1000);
        const { code } = await event(socket, "close") as CloseEvent;
        assertEquals(code, 1000);
      })),
      { within: 30_000 },
    );
    assert(program.running);
  });
}

for (const [name, path] of [["ws", "/"], ["hono", "/ws"]] as const) {
  Deno.test(`examples/node-servers/${name}.ts closes its WebSockets on SIGTERM`, async () => {
    using directory = new TempDir();
    const { program, authority } = await activated(name, directory);
    await using _program = program;
    const socket = new WebSocket(`ws://${authority}${path}`);
    await event(socket, "open");
    program.kill("SIGTERM");
    const closed = event(socket, "close") as Promise<CloseEvent>;
    assertEquals((await soon("it is closed", closed)).code, 1001);
    await program.exits(0);
  });
}

/** Waits for an event of a WebSocket; its error rejects. */
function event(socket: WebSocket, name: string): Promise<Event> {
  return new Promise((resolve, reject) => {
    socket.addEventListener(name, resolve, { once: true });
    socket.addEventListener("error", reject, { once: true });
  });
}
