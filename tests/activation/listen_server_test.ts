// Servers of node: modules on adopted sockets.

import { assertEquals, assertMatch } from "@std/assert";
import { connect } from "node:http2";
import { activate, hostAndPort } from "../support/activate.ts";
import { CERT, KEY } from "../support/certificate.ts";
import { soon } from "../support/eventually.ts";
import { receiveAllText } from "../support/peer.ts";

const HELLO = `(_request, response) => response.end("hello")`;

/** How each kind of server says "hello", and how a client gets it. */
const KINDS: Record<
  string,
  [server: string, (port: number) => Promise<string>]
> = {
  "node:net": [
    'createServer((socket) => socket.end("hello"))',
    async (port) => {
      using conn = await Deno.connect({ port });
      return await receiveAllText(conn);
    },
  ],
  "node:http": [
    `createServer(${HELLO})`,
    async (port) => await (await fetch(`http://localhost:${port}`)).text(),
  ],
  "node:https": [
    `createServer({ cert: Deno.args[0], key: Deno.args[1] }, ${HELLO})`,
    async (port) => {
      using client = Deno.createHttpClient({ caCerts: [CERT] });
      const url = `https://localhost:${port}`;
      return await (await fetch(url, { client })).text();
    },
  ],
  "node:http2": [
    `createServer(${HELLO})`,
    (port) => {
      const session = connect(`http://localhost:${port}`);
      return new Promise((resolve, reject) => {
        let text = "";
        session.on("error", reject);
        session.request({ ":path": "/" })
          .on("data", (chunk) => text += chunk)
          .on("end", () => {
            // After close(), the server may wait for the open connection.
            session.destroy();
            resolve(text);
          })
          .end();
      });
    },
  ],
};

for (const [kind, [server, ask]] of Object.entries(KINDS)) {
  Deno.test({
    name: `listenServer: ${kind}`,
    async fn() {
      await using program = await activate({
        kind: "IPv4",
        script: `import { createServer } from "${kind}";
          const server = ${server};
          const sockets = new Set();
          server.on("connection", (socket) => sockets.add(socket));
          await listenServer(server, 3);
          await listenServer(server, listenFds()[0])
            .catch(({ message }) => console.log(message));
          Deno.addSignalListener("SIGTERM", () => {
            server.close(() => {
              console.log("closed");
              Deno.exit();
            });
            // Under load, Deno's http2 may keep a session whose client has gone.
            for (const socket of sockets) socket.destroy();
          });`,
        args: [CERT, KEY],
      });
      const { port } = hostAndPort(program.address)!;
      const asked = soon("the server answers", ask(port), { within: 20_000 });
      assertEquals(await asked, "hello");
      const [message] = await program.stdout.atLeast(1);
      assertMatch(message!, /it was adopted before, and is open/);
      program.kill("SIGTERM");
      assertEquals((await program.end()).at(-1), "closed");
    },
    // Clients of node:http2 and fetch keep resources.
    sanitizeOps: false,
    sanitizeResources: false,
  });
}
