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
} from "../support/activate.ts";
import { CERT, KEY } from "../support/certificate.ts";
import { eventually, soon } from "../support/eventually.ts";
import { echoOf, receiveAllText, send } from "../support/peer.ts";
import { REPOSITORY } from "../support/program.ts";
import { TempDir } from "../support/temp_dir.ts";

/** With what Deno needs for itself, fewer than there are peers. */
const DESCRIPTORS = 100, PEERS = 120;

const ERRORS = [
  ...["EMFILE", "ENFILE", "ENOMEM", "ECONNABORTED", "EPERM", "EPROTO"],
];

/** Connects a new client, and returns whether it is served. */
type Ask = (address: string) => Promise<boolean>;

const echo: Ask = async (address) => {
  using conn = await dial(address);
  return await echoOf(conn, "hello") === "hello";
};
const echoOverTls: Ask = async (address) => {
  const { port } = hostAndPort(address)!;
  using conn = await Deno.connectTls({
    ...{ hostname: "localhost", port, caCerts: [CERT] },
  });
  return await echoOf(conn, "hello") === "hello";
};
const http: Ask = async (address) => {
  using conn = await dial(address);
  await send(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  return (await receiveAllText(conn)).startsWith("HTTP/1.1 200");
};

/** One way to accept. */
interface Service {
  what: string;
  /** The first argument of the program. */
  way: string;
  kind: "unix path" | "IPv4";
  ask: Ask;
  flags?: string[];
}

const unix = { kind: "unix path" } as const, tcp = { kind: "IPv4" } as const;
const listen = { way: "listen", ask: echo };
const serve = { way: "serve", ask: http };
const flags = [`--preload=${REPOSITORY}tests/activation/without_handles.ts`];

const LISTEN_UNIX: Service = { what: "listen, unix path", ...listen, ...unix };
const LISTEN_TCP: Service = { what: "listen, TCP", ...listen, ...tcp };
const NODE_UNIX: Service = {
  ...LISTEN_UNIX,
  what: "node:net, unix path",
  flags,
};
const NODE_TCP: Service = { ...LISTEN_TCP, what: "node:net, TCP", flags };
const TLS: Service = {
  ...{ what: "listenTls", way: "listenTls", ask: echoOverTls, ...tcp },
};
const SERVE_UNIX: Service = { what: "serve, unix path", ...serve, ...unix };
const SERVE_TCP: Service = { what: "serve, TCP", ...serve, ...tcp };

const start = (
  { way, flags = [] }: Service,
  options: Partial<ActivateOptions>,
) =>
  activate({
    module: "tests/activation/accept_program.ts",
    allow: [ALLOW_ACTIVATION, ...flags],
    args: [way, CERT, KEY],
    ...options,
  });

/** Injects each error once into a system call; two new clients are served each time. */
async function survives(
  service: Service,
  call: string,
  errors: string[],
  withOther: boolean,
): Promise<void> {
  const { kind, ask } = service;
  await using program = await start(service, { kind });
  const { address, pid } = program;
  assertEquals(await ask(address), true);
  using other = withOther ? await dial(address) : undefined;
  if (other !== undefined && ask === echo) {
    assertEquals(await echoOf(other, "other"), "other");
  }
  for (const error of errors) {
    using directory = new TempDir();
    const trace = directory.join("trace");
    // Attached now, so that the first call of each thread from here on fails.
    const strace = new Deno.Command("strace", {
      args: [
        ...["-f", "-qq", "-p", String(pid), "-o", trace],
        ...[
          "-e",
          `trace=${call}`,
          "-e",
          `inject=${call}:error=${error}:when=1`,
        ],
      ],
      stderr: "piped",
    }).spawn();
    try {
      await eventually("strace is attached", () => tracer(pid), (id) => id > 0);
      assertEquals(
        await soon(
          `both new clients are served after ${error}`,
          Promise.all([ask(address), ask(address)]),
        ),
        [true, true],
      );
      const injected = (await Deno.readTextFile(trace)).includes("(INJECTED)");
      assert(injected, `${error} was not injected`);
    } finally {
      strace.kill("SIGTERM");
      await strace.status;
      await strace.stderr.cancel();
    }
  }
}

/** The process that traces another; 0 for none. */
function tracer(pid: number): number {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  return Number(/^TracerPid:\s*(\d+)/m.exec(status)![1]);
}

/** The connection that could not be polled is lost: the client retries. */
const retried = (service: Service): Service => ({
  ...service,
  ask: async (address) =>
    await service.ask(address).catch(() => false) || await service.ask(address),
});

const INJECTED: [service: Service, call: string, errors: string[]][] = [
  [LISTEN_UNIX, "accept4", ERRORS],
  [LISTEN_TCP, "accept4", ERRORS],
  [NODE_TCP, "accept4", ["EMFILE", "EPROTO"]],
  [TLS, "accept4", ["EMFILE", "ECONNABORTED"]],
  [SERVE_UNIX, "accept4", ["ENFILE", "EPERM"]],
  [SERVE_TCP, "accept4", ["EMFILE", "ECONNABORTED"]],
  [retried(LISTEN_UNIX), "epoll_ctl", ["ENOSPC", "ENOMEM"]],
  [retried(LISTEN_TCP), "epoll_ctl", ["ENOSPC", "ENOMEM"]],
];

Deno.test("new clients are served after a system call has failed", async (t) => {
  // Side by side: accept(2) is retried after a second.
  const steps = INJECTED.flatMap(([service, call, errors]) =>
    [false, true].map((withOther) =>
      t.step({
        name: `${service.what}, ${call}, ${
          withOther ? "with" : "without"
        } another connection`,
        fn: () => survives(service, call, errors, withOther),
        sanitizeOps: false,
        sanitizeResources: false,
        sanitizeExit: false,
      })
    )
  );
  await Promise.all(steps);
});

/** How to ask at a second socket, a unix path, that has no connections. */
const FILLED: [service: Service, askOther?: Ask][] = [
  ...[LISTEN_UNIX, LISTEN_TCP, NODE_UNIX, TLS, SERVE_UNIX].map((
    service,
  ): [Service] => [service]),
  [LISTEN_TCP, echo],
  [NODE_TCP, echo],
  [{ ...TLS, way: "listen and listenTls" }, echo],
  [SERVE_TCP, http],
];
for (const [service, askOther] of FILLED) {
  const sockets = askOther ? ", two sockets" : "";
  Deno.test(`${service.what}${sockets}: a client that connects without free descriptors is served later`, async () => {
    using directory = new TempDir();
    const { kind, ask } = service;
    const [address] = freeAddresses(kind, directory, 1) as [string];
    const other = directory.join("other");
    await using program = await start(service, {
      addresses: [...(askOther ? [other] : []), address],
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
      // A peer that closes silently before its TLS handshake is waited for.
      if (ask === echoOverTls) {
        for (const peer of dialled) await send(peer, "That is no TLS.");
      }
    }
    assertEquals(await ask(address), true);
    assertEquals(await askOther?.(other), askOther && true);
  });
}
