// After any failure of accept(2) or epoll_ctl(2), pending connections are accepted,
// whether or not others are open: strace injects each failure once, and a limit of
// descriptors keeps accept(2) failing.

import { assert, assertEquals } from "@std/assert";
import {
  activate,
  type ActivateOptions,
  ALLOW_ACTIVATION,
  dial,
  freeAddresses,
  hostAndPort,
  type Kind,
  WITHOUT_HANDLES,
} from "../support/activate.ts";
import { CERT, KEY } from "../support/certificate.ts";
import { eventually, soon } from "../support/eventually.ts";
import { echoOf, receiveAllText, send } from "../support/peer.ts";
import { Program } from "../support/program.ts";
import { sideBySide } from "../support/side_by_side.ts";
import { TempDir } from "../support/temp_dir.ts";

const DESCRIPTORS = 100, PEERS = 120;

/** Connects a new client, and returns whether it is served. */
type Ask = (address: string) => Promise<boolean>;

const echo: Ask = async (address) => {
  using conn = await dial(address);
  return await echoOf(conn, "hello") === "hello";
};
const echoOverTls: Ask = async (address) => {
  const where = hostAndPort(address)!;
  using conn = await Deno.connectTls({ ...where, caCerts: [CERT] });
  return await echoOf(conn, "hello") === "hello";
};
const http: Ask = async (address) => {
  using conn = await dial(address);
  await send(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  return (await receiveAllText(conn)).startsWith("HTTP/1.1 200");
};

const LISTEN = "for (const fd of listenFds()) echo(await listen(fd));";
const BOTH = "echo(await listen(3)); echo(await listenTls(4, tls));";
const SERVE = "await serve((request) => new Response(request.body));";

const SERVICES = {
  "listen, unix path": [LISTEN, "unix path", echo],
  "listen, TCP": [LISTEN, "IPv4", echo],
  "node:net, unix path": [LISTEN, "unix path", echo, WITHOUT_HANDLES],
  "node:net, TCP": [LISTEN, "IPv4", echo, WITHOUT_HANDLES],
  "listenTls": ["echo(await listenTls(3, tls));", "IPv4", echoOverTls],
  "listen and listenTls": [BOTH, "IPv4", echoOverTls],
  "serve, unix path": [SERVE, "unix path", http],
  "serve, TCP": [SERVE, "IPv4", http],
} satisfies Record<string, [script: string, kind: Kind, Ask, ...string[]]>;
type Service = keyof typeof SERVICES;

function start(service: Service, options: Partial<ActivateOptions> = {}) {
  const [script, kind, , ...flags] = SERVICES[service];
  return activate({
    kind,
    script: `
      // As services do. Without it, "deno run" needs descriptors half a second after its
      // start, and panics if none is free.
      Deno.addSignalListener("SIGTERM", () => Deno.exit());
      const tls = { cert: Deno.args[0], key: Deno.args[1] };
      const echo = async (listener) => {
        for await (const conn of listener) {
          conn.readable.pipeTo(conn.writable).catch(() => {});
        }
      };
      ${script}
      console.log("listening");`,
    allow: [ALLOW_ACTIVATION, ...flags],
    args: [CERT, KEY],
    ...options,
  });
}

type Injected = [service: Service, call: string, errors: string[]];

/** Injects each error once into a system call; two new clients are served each time. */
async function survives(
  [service, call, errors]: Injected,
  withOther: boolean,
): Promise<void> {
  const [, , once] = SERVICES[service];
  // The connection that could not be polled is lost: the client retries.
  const ask: Ask = call === "epoll_ctl"
    ? async (address) =>
      await once(address).catch(() => false) || await once(address)
    : once;
  await using program = await start(service);
  const { address, pid } = program;
  await program.starts();
  assertEquals(await ask(address), true);
  using other = withOther ? await dial(address) : undefined;
  if (other && once === echo) assertEquals(await echoOf(other, "x"), "x");
  for (const error of errors) {
    using directory = new TempDir();
    const trace = directory.join("trace");
    // Attached now, so that the first call of each thread from here on fails.
    await using strace = new Program("strace", [
      ...["-f", "-qq", "-p", `${pid}`, "-o", trace, "-e", `trace=${call}`],
      ...["-e", `inject=${call}:error=${error}:when=1`],
    ]);
    await eventually(
      "strace is attached",
      () => Deno.readTextFileSync(`/proc/${pid}/status`),
      (status) => /^TracerPid:\s*[1-9]/m.test(status),
    );
    const both = Promise.all([ask(address), ask(address)]);
    assertEquals(await soon(`an answer after ${error}`, both), [true, true]);
    const injected = (await Deno.readTextFile(trace)).includes("(INJECTED)");
    assert(injected, `${error} was not injected`);
    strace.kill("SIGTERM");
    await strace.exitCode();
  }
}

const INJECTED: Injected[] = [
  ["listen, unix path", "accept4", ["EMFILE", "ENOMEM", "EPERM"]],
  ["listen, TCP", "accept4", ["ENFILE", "ECONNABORTED", "EPROTO"]],
  ["node:net, TCP", "accept4", ["EMFILE", "EPROTO"]],
  ["listenTls", "accept4", ["EMFILE", "ECONNABORTED"]],
  ["serve, unix path", "accept4", ["ENFILE", "EPERM"]],
  ["serve, TCP", "accept4", ["EMFILE", "ECONNABORTED"]],
  ["listen, unix path", "epoll_ctl", ["ENOSPC", "ENOMEM"]],
  ["listen, TCP", "epoll_ctl", ["ENOSPC", "ENOMEM"]],
];

Deno.test("new clients are served after a system call has failed", async (t) => {
  const steps = INJECTED.flatMap((row) =>
    [false, true].map((other) => [
      `${row[0]}, ${row[1]}, with another connection: ${other}`,
      () => survives(row, other),
    ])
  );
  // accept(2) is retried after a second.
  await sideBySide(t, Object.fromEntries(steps));
});

/** The services, and the request to a second socket, a unix path without connections. */
const FILLED: [service: Service, askOther?: Ask][] = [
  ["listen, unix path"],
  ["listen, TCP"],
  ["node:net, unix path"],
  ["listenTls"],
  ["serve, unix path"],
  ["listen, TCP", echo],
  ["node:net, TCP", echo],
  ["listen and listenTls", echo],
  ["serve, TCP", http],
];

async function survivesPeers(service: Service, askOther?: Ask): Promise<void> {
  using directory = new TempDir();
  const [, kind, ask] = SERVICES[service];
  const [address] = freeAddresses(kind, directory, 1) as [string];
  const other = directory.join("other");
  await using program = await start(service, {
    addresses: [...(askOther ? [other] : []), address],
    wrapper: ["prlimit", `--nofile=${DESCRIPTORS}`],
  });
  await program.starts();
  assertEquals(await ask(address), true);
  {
    using peers = new DisposableStack();
    const dialled: Deno.Conn[] = [];
    while (dialled.length < PEERS) dialled.push(peers.use(await dial(address)));
    await eventually(
      "it has as many descriptors as it may",
      () => [...Deno.readDirSync(`/proc/${program.pid}/fd`)].length,
      (count) => count === DESCRIPTORS,
    );
    if (askOther) peers.use(await dial(other));
    // The server would wait for a TLS handshake of silent peers, for 10 s.
    if (ask === echoOverTls) {
      const noise = dialled.map((peer) => send(peer, "That is no TLS."));
      await Promise.allSettled(noise);
    }
  }
  assertEquals(await ask(address), true);
  assertEquals(await askOther?.(other), askOther && true);
}

Deno.test("a client that connects without free descriptors is served later", async (t) => {
  const steps = FILLED.map(([service, askOther]) => [
    `${service}${askOther ? ", two sockets" : ""}`,
    () => survivesPeers(service, askOther),
  ]);
  await sideBySide(t, Object.fromEntries(steps));
});
