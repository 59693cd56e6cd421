// What accepts goes on when it ran out of descriptors, and has some again.

import { assertEquals } from "@std/assert";
import {
  activate,
  ALLOW_ACTIVATION,
  dial,
  freePorts,
} from "../support/activate.ts";
import { CERT, KEY } from "../support/certificate.ts";
import { eventually } from "../support/eventually.ts";
import { echoOf, receiveAllText, send } from "../support/peer.ts";
import { REPOSITORY } from "../support/program.ts";
import { TempDir } from "../support/temp_dir.ts";

/** With what Deno needs for itself, fewer than there are peers. */
const DESCRIPTORS = 100, PEERS = 120;

const WITHOUT_HANDLES =
  `--preload=${REPOSITORY}tests/activation/without_handles.ts`;

/** Whether a newcomer is served. */
type Ask = (address: string) => Promise<boolean>;

const echo: Ask = async (address) => {
  using conn = await dial(address);
  return await echoOf(conn, "hello") === "hello";
};

const echoOverTls: Ask = async (address) => {
  using conn = await Deno.connectTls({
    hostname: "localhost",
    port: Number(address.split(":")[1]),
    caCerts: [CERT],
  });
  return await echoOf(conn, "hello") === "hello";
};

const http: Ask = async (address) => {
  using conn = await dial(address);
  await send(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  return (await receiveAllText(conn)).startsWith("HTTP/1.1 200");
};

const WAYS: [what: string, way: string, unix: boolean, Ask, flags: string[]][] =
  [
    ["listen, unix path", "listen", true, echo, []],
    ["listen, TCP", "listen", false, echo, []],
    ["listen by node:net", "listen", true, echo, [WITHOUT_HANDLES]],
    ["listenTls", "listenTls", false, echoOverTls, []],
    ["serve", "serve", true, http, []],
  ];

for (const [what, way, unix, ask, flags] of WAYS) {
  Deno.test(`${what}: who comes after the descriptors ran out is served when there are some again`, async () => {
    using directory = new TempDir();
    const address = unix
      ? directory.join("socket")
      : `127.0.0.1:${freePorts("127.0.0.1", 1)[0]}`;
    await using program = await activate({
      addresses: [address],
      module: "tests/activation/descriptors_program.ts",
      allow: [ALLOW_ACTIVATION, ...flags],
      args: [way, CERT, KEY],
      descriptors: DESCRIPTORS,
    });
    assertEquals(await ask(address), true);

    {
      using peers = new DisposableStack();
      const dialled = await Promise.all(
        Array.from({ length: PEERS }, () => dial(address)),
      );
      for (const peer of dialled) peers.use(peer);
      const open = `/proc/${program.pid}/fd`;
      await eventually(
        "it has as many descriptors as it may",
        () => [...Deno.readDirSync(open)].length,
        (count) => count === DESCRIPTORS,
      );
      // Who leaves without a word before a TLS handshake is waited for.
      if (way === "listenTls") {
        for (const peer of dialled) await send(peer, "That is no TLS.");
      }
    }
    assertEquals(await ask(address), true);
  });
}
