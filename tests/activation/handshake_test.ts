// TLS connections that end before their handshake, or never begin it: none keeps its
// descriptor.

import { assert } from "@std/assert";
import { activate, hostAndPort } from "../support/activate.ts";
import { CERT, KEY } from "../support/certificate.ts";
import { eventually } from "../support/eventually.ts";
import { echoOf } from "../support/peer.ts";
import { Program } from "../support/program.ts";
import { sideBySide } from "../support/side_by_side.ts";

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

async function leavesNoDescriptor(serving: string): Promise<void> {
  await using program = await activate({
    kind: "IPv4",
    script: `const [cert, key] = Deno.args;
      ${serving};
      console.log("listening");`,
    args: [CERT, KEY],
  });
  const { port } = hostAndPort(program.address)!;
  (await program.dial()).close();
  await program.stdout.line("listening");
  const descriptors = () =>
    [...Deno.readDirSync(`/proc/${program.pid}/fd`)].length;
  const start = descriptors();
  const atMost = (wanted: number, after: string, within: number) =>
    eventually(
      `the descriptors are back at ${wanted} after ${after}`,
      descriptors,
      (count) => count <= wanted + SPARE,
      { within },
    );
  for (const how of ["FIN", "FIN after bytes", "RST", "RST after bytes"]) {
    await using clients = clientsThat(port, how);
    await clients.stdout.line("done");
    await atMost(start, how, 5_000);
  }
  await using silent = clientsThat(port, "silence");
  await silent.stdout.line("done");
  await eventually(
    "the silent clients are there",
    descriptors,
    (count) => count >= start + COUNT - SPARE,
  );
  await atMost(start, "silence", TIMED_OUT_MS);
  using conn = await Deno.connectTls({
    ...{ hostname: "localhost", port, caCerts: [CERT] },
  });
  const request = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
  assert((await echoOf(conn, request)).length > 0);
}

const clientsThat = (port: number, how: string) =>
  new Program("python3", ["-c", CLIENTS, `${port}`, how]);

Deno.test("connections that end before their TLS handshake leak no descriptor", (t) =>
  // Each takes as long as a handshake may.
  sideBySide(t, {
    listenTls: () =>
      leavesNoDescriptor(`
        const listener = await listenTls(3, { cert, key });
        (async () => {
          for await (const conn of listener) conn.readable.pipeTo(conn.writable);
        })()`),
    serve: () =>
      leavesNoDescriptor(
        'await serve(() => new Response("hello"), { cert, key })',
      ),
  }));
