// examples/node-servers, each activated on a TCP and a unix socket.

import { assertEquals } from "@std/assert";
import { freePorts, listenFor } from "../support/activate.ts";
import { soon } from "../support/eventually.ts";
import { output, REPOSITORY } from "../support/program.ts";
import { denoEnv } from "../support/script.ts";
import { TempDir } from "../support/temp_dir.ts";

const EXAMPLES = `${REPOSITORY}examples/node-servers`;
const CONFIG = `--config=${EXAMPLES}/deno.json`;

Deno.test("the examples with npm packages type-check with their lock file", async () => {
  const modules = [...Deno.readDirSync(EXAMPLES)]
    .filter(({ name }) => name.endsWith(".ts"))
    .map(({ name }) => `${EXAMPLES}/${name}`);
  assertEquals(modules.length, 4);
  const args = ["check", "--quiet", CONFIG, ...modules];
  // It fetches the packages.
  const options = { env: Deno.env.toObject(), within: 180_000 };
  await output(Deno.execPath(), args, options);
});

function curl(...args: string[]): Promise<string> {
  const flags = ["--silent", "--show-error", "--fail", "--max-time", "20"];
  return output("curl", [...flags, ...args]);
}

/** Waits for an event of a WebSocket; its error rejects. */
function event(socket: WebSocket, name: string): Promise<Event> {
  return new Promise((resolve, reject) => {
    socket.addEventListener(name, resolve, { once: true });
    socket.addEventListener("error", reject, { once: true });
  });
}

const SERVERS: [name: string, webSocket?: string][] = [
  ["express"],
  ["fastify"],
  ["ws", "/"],
  ["hono", "/ws"],
];

for (const [name, webSocket] of SERVERS) {
  Deno.test(`examples/node-servers/${name}.ts answers over TCP and a unix socket, and ends its clients on SIGTERM`, async () => {
    using directory = new TempDir();
    const [port] = freePorts("127.0.0.1", 1);
    const path = directory.join("node.socket");
    const authority = `127.0.0.1:${port}`;
    await using program = await listenFor({
      addresses: [authority, path],
      env: denoEnv(),
      command: [
        ...[Deno.execPath(), "run", "--quiet", "--unstable-net", "--no-check"],
        ...["--no-prompt", "--allow-env", "--allow-read", CONFIG],
        `${EXAMPLES}/${name}.ts`,
      ],
    });
    const hello = `hello from ${name}\n`;
    assertEquals(await curl(`http://${authority}/`), hello);
    assertEquals(await curl("--unix-socket", path, "http://a/"), hello);
    if (name === "hono") {
      const counted = await curl(`http://${authority}/count`);
      assertEquals(counted, "line 1\nline 2\nline 3\n");
    }
    if (webSocket === undefined) {
      program.kill("SIGTERM");
      return await program.exits(0);
    }
    const socket = new WebSocket(`ws://${authority}${webSocket}`);
    await soon("it is open", event(socket, "open"));
    const replied = event(socket, "message") as Promise<MessageEvent>;
    socket.send("echo");
    assertEquals((await soon("it replies", replied)).data, "echo");
    program.kill("SIGTERM");
    const closed = event(socket, "close") as Promise<CloseEvent>;
    assertEquals((await soon("it is closed", closed)).code, 1001);
    await program.exits(0);
  });
}
