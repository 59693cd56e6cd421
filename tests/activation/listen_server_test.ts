// Servers of node: modules on adopted sockets. listen() has those of node:net where there
// are no handles, and listenTls() those of node:tls.

import { assertEquals, assertMatch } from "@std/assert";
import { connect } from "node:http2";
import { activate, hostAndPort } from "../support/activate.ts";
import { soon } from "../support/eventually.ts";

/** How a client gets its "hello" from each kind of server. */
const CLIENTS: Record<string, (url: string) => Promise<string>> = {
  "node:http": async (url) => await (await fetch(url)).text(),
  "node:http2"(url) {
    const session = connect(url);
    return new Promise((resolve, reject) => {
      let text = "";
      session.on("error", reject);
      session.request({ ":path": "/" })
        .on("data", (chunk) => text += chunk)
        .on("end", () => {
          // After close(), the connection may stay open, and the server waits for it.
          session.destroy();
          resolve(text);
        })
        .end();
    });
  },
};

for (const [module, ask] of Object.entries(CLIENTS)) {
  // Clients of node:http2 and fetch keep resources.
  const off = { sanitizeOps: false, sanitizeResources: false };
  Deno.test(`listenServer: ${module}`, off, async () => {
    await using program = await activate({
      kind: "IPv4",
      script: `import { createServer } from "${module}";
          const server = createServer((_, response) => response.end("hello"));
          const sockets = new Set();
          server.on("connection", (socket) => sockets.add(socket));
          Deno.addSignalListener("SIGTERM", () => {
            server.close(() => {
              console.log("closed");
              Deno.exit();
            });
            // Under load, Deno's http2 may keep a session whose client has gone.
            for (const socket of sockets) socket.destroy();
          });
          await listenServer(server, 3);
          await listenServer(server, listenFds()[0])
            .catch(({ message }) => console.log(message));`,
    });
    const url = `http://localhost:${hostAndPort(program.address)!.port}`;
    const asked = soon("the server answers", ask(url), { within: 20_000 });
    assertEquals(await asked, "hello");
    const [message] = await program.stdout.atLeast(1);
    assertMatch(message!, /it was adopted before, and is open/);
    program.kill("SIGTERM");
    assertEquals((await program.end()).at(-1), "closed");
  });
}
