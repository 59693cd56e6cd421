// TLS connections that end before their handshake, or never begin it: none keeps its
// descriptor.

import { assert, assertEquals } from "@std/assert";
import {
  activate,
  type ActivateOptions,
  hostAndPort,
} from "../support/activate.ts";
import { CERT, KEY } from "../support/certificate.ts";
import { eventually } from "../support/eventually.ts";
import { echoOf } from "../support/peer.ts";
import { Program } from "../support/program.ts";

const COUNT = 200;

/** Descriptors of the runtime itself, and of the first connection, come and go. */
const SPARE = 5;

/** Longer than a handshake may take. */
const TIMED_OUT_MS = 20_000;

/** Connects to the port of its first argument; each client ends as the second says. */
const CLIENTS = `
import socket, struct, sys
port, how = int(sys.argv[1]), sys.argv[2]
kept = []
for _ in range(${COUNT}):
    client = socket.create_connection(("127.0.0.1", port))
    if "bytes" in how:
        client.send(b"\\x16\\x03\\x01\\x02\\x00\\x01")
    if "RST" in how:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    if how == "silence":
        kept.append(client)
    else:
        client.close()
print("done", flush=True)
sys.stdin.read()
`;

const ENDINGS = ["FIN", "FIN after bytes", "RST", "RST after bytes", "silence"];

type Service = Pick<ActivateOptions, "module" | "script">;

const SERVICES: Record<string, Service> = {
  listenTls: { module: "tests/activation/tls_service.ts" },
  serve: {
    script: `
      const [cert, key] = Deno.args;
      await serve(() => new Response("hello"), { cert, key });
      console.log("listening");`,
  },
};

Deno.test("connections that end before their TLS handshake leak no descriptor", async (t) => {
  // Side by side: each takes as long as a handshake may.
  await Promise.all(
    Object.entries(SERVICES).map(([name, service]) =>
      t.step({
        name,
        fn: (t) => leavesNoDescriptor(service, t),
        sanitizeOps: false,
        sanitizeResources: false,
        sanitizeExit: false,
      })
    ),
  );
});

async function leavesNoDescriptor(
  service: Service,
  t: Deno.TestContext,
): Promise<void> {
  const args = [CERT, KEY];
  await using program = await activate({ ...service, kind: "IPv4", args });
  const { port } = hostAndPort(program.address)!;
  (await program.dial()).close();
  await program.stdout.line("listening");
  const descriptors = () =>
    [...Deno.readDirSync(`/proc/${program.pid}/fd`)].length;
  const start = descriptors();
  for (const how of ENDINGS) {
    await t.step(how, async () => {
      await using clients = new Program("python3", [
        ...["-c", CLIENTS, String(port), how],
      ]);
      await clients.stdout.line("done");
      if (how === "silence") {
        await eventually(
          "the silent clients are there",
          descriptors,
          (count) => count >= start + COUNT - SPARE,
        );
      }
      await eventually(
        "the descriptors are back at the start value",
        descriptors,
        (count) => count <= start + SPARE,
        { within: TIMED_OUT_MS },
      );
    });
  }
  using conn = await Deno.connectTls({
    ...{ hostname: "localhost", port, caCerts: [CERT] },
  });
  const request = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
  assert((await echoOf(conn, request)).length > 0);
  assertEquals(program.running, true);
}
