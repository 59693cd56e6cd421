// Servers of node: modules on adopted sockets.

import { assertEquals, assertMatch } from "@std/assert";
import { connect } from "node:http2";
import { activate, hostAndPort } from "../support/activate.ts";
import { CERT, KEY } from "../support/certificate.ts";
import { soon } from "../support/eventually.ts";
import { receiveAllText } from "../support/peer.ts";

/** How a client gets its "hello" from each kind of server. */
const CLIENTS: Record<string, (port: number) => Promise<string>> = {
  async "node:net"(port) {
    using conn = await Deno.connect({ port });
    return await receiveAllText(conn);
  },
  async "node:http"(port) {
    return await (await fetch(`http://localhost:${port}`)).text();
  },
  async "node:https"(port) {
    using client = Deno.createHttpClient({ caCerts: [CERT] });
    const response = await fetch(`https://localhost:${port}`, { client });
    return await response.text();
  },
  "node:http2"(port) {
    const session = connect(`http://localhost:${port}`);
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

for (const [kind, ask] of Object.entries(CLIENTS)) {
  Deno.test({
    name: `listenServer: ${kind}`,
    async fn() {
      await using program = await activate({
        kind: "IPv4",
        module: "tests/activation/listen_server_program.ts",
        args: [kind, CERT, KEY],
      });
      const { port } = hostAndPort(program.address)!;
      const asked = soon("the server answers", ask(port), { within: 20_000 });
      assertEquals(await asked, "hello");
      assertMatch(
        await program.stdout.line(/adopted/),
        /^Cannot adopt fd 3 ".*": it was adopted before, and is open/,
      );
      program.kill("SIGTERM");
      await program.stdout.line("closed");
      await program.exits(0);
    },
    // Clients of node:http2 and fetch keep resources.
    sanitizeOps: false,
    sanitizeResources: false,
  });
}
