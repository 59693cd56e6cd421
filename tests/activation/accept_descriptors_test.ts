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

interface Case {
  what: string;
  /** For the program. */
  way: string;
  /** Where the crowd comes to. */
  kind: "unix path" | "TCP";
  ask: Ask;
  flags?: string[];
  /** How to ask at a second socket, a unix path, that has no connections. */
  askOther?: Ask;
}

const CASES: Case[] = [
  { what: "listen, unix path", way: "listen", kind: "unix path", ask: echo },
  { what: "listen, TCP", way: "listen", kind: "TCP", ask: echo },
  {
    what: "listen by node:net",
    way: "listen",
    kind: "unix path",
    ask: echo,
    flags: [WITHOUT_HANDLES],
  },
  { what: "listenTls", way: "listenTls", kind: "TCP", ask: echoOverTls },
  { what: "serve", way: "serve", kind: "unix path", ask: http },
  {
    what: "listen, two sockets",
    way: "listen",
    kind: "TCP",
    ask: echo,
    askOther: echo,
  },
  {
    what: "listen by node:net, two sockets",
    way: "listen",
    kind: "TCP",
    ask: echo,
    flags: [WITHOUT_HANDLES],
    askOther: echo,
  },
  {
    what: "listen and listenTls",
    way: "listen and listenTls",
    kind: "TCP",
    ask: echoOverTls,
    askOther: echo,
  },
  {
    what: "serve, two sockets",
    way: "serve",
    kind: "TCP",
    ask: http,
    askOther: http,
  },
];

for (const { what, way, kind, ask, flags = [], askOther } of CASES) {
  Deno.test(`${what}: a client that connects without free descriptors is served later`, async () => {
    using directory = new TempDir();
    const address = kind === "unix path"
      ? directory.join("socket")
      : `127.0.0.1:${freePorts("127.0.0.1", 1)[0]}`;
    const other = directory.join("other");
    await using program = await activate({
      addresses: [...(askOther ? [other] : []), address],
      module: "tests/activation/accept_descriptors_program.ts",
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
      if (askOther) peers.use(await dial(other));
      // Who leaves without a word before a TLS handshake is waited for.
      if (ask === echoOverTls) {
        for (const peer of dialled) await send(peer, "That is no TLS.");
      }
    }
    assertEquals(await ask(address), true);
    assertEquals(await askOther?.(other), askOther && true);
  });
}
