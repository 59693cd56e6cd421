// TLS connections that end before their handshake, or never begin it: none keeps its
// descriptor.

import { assert } from "@std/assert";
import { once } from "node:events";
import { connect } from "node:net";
import { activate, hostAndPort } from "../support/activate.ts";
import { CERT, KEY } from "../support/certificate.ts";
import { eventually } from "../support/eventually.ts";
import { echoOf } from "../support/peer.ts";
import { sideBySide } from "../support/side_by_side.ts";

const COUNT = 200;

/** Descriptors of the runtime itself, and of the first connection, come and go. */
const SPARE = 5;

/** The start of a TLS record. */
const BYTES = Uint8Array.of(22, 3, 1, 2, 0, 1);

async function clients(port: number, how: string): Promise<Disposable> {
  const sockets = Array.from({ length: COUNT }, () => connect(port));
  await Promise.all(sockets.map(async (socket) => {
    socket.on("error", () => {});
    await once(socket, "connect");
    if (how.includes("bytes")) {
      await new Promise((resolve) => socket.write(BYTES, resolve));
    }
    if (how.includes("FIN")) socket.destroy();
    if (how.includes("RST")) socket.resetAndDestroy();
  }));
  return {
    [Symbol.dispose]: () => sockets.forEach((socket) => socket.destroy()),
  };
}

async function leavesNoDescriptor(serving: string): Promise<void> {
  await using program = await activate({
    kind: "IPv4",
    script: `const [cert, key] = Deno.args;
      ${serving};
      console.log("listening");`,
    args: [CERT, KEY],
  });
  const where = hostAndPort(program.address)!;
  await program.starts();
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
    using _ended = await clients(where.port, how);
    await atMost(start, how, 8_000);
  }
  using _silent = await clients(where.port, "silence");
  await eventually(
    "the silent clients are there",
    descriptors,
    (count) => count >= start + COUNT - SPARE,
  );
  // A handshake may take 10 s.
  await atMost(start, "silence", 30_000);
  using conn = await Deno.connectTls({ ...where, caCerts: [CERT] });
  const request = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
  assert((await echoOf(conn, request)).length > 0);
}

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
