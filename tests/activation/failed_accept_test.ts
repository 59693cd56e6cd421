// After any failure of accept(2) or epoll_ctl(2), pending connections are accepted,
// whether or not others are open. strace injects the failures.

import { assert, assertEquals } from "@std/assert";
import {
  activate,
  ALLOW_ACTIVATION,
  dial,
  freePorts,
} from "../support/activate.ts";
import { CERT, KEY } from "../support/certificate.ts";
import { echoOf, receiveAllText, send } from "../support/peer.ts";
import { REPOSITORY } from "../support/program.ts";
import { TempDir } from "../support/temp_dir.ts";
import { soon } from "../support/eventually.ts";

const WITHOUT_HANDLES =
  `--preload=${REPOSITORY}tests/activation/without_handles.ts`;

const ERRORS = [
  ...["EMFILE", "ENFILE", "ENOMEM", "ECONNABORTED", "EPERM", "EPROTO"],
];

/** A new client asks, and is served. */
type Ask = (address: string) => Promise<boolean>;

const echo: Ask = async (address) => {
  using conn = await dial(address);
  return await echoOf(conn, "hello") === "hello";
};
const echoOverTls: Ask = async (address) => {
  const [hostname, port] = ["localhost", Number(address.split(":")[1])];
  using conn = await Deno.connectTls({ hostname, port, caCerts: [CERT] });
  return await echoOf(conn, "hello") === "hello";
};
const http: Ask = async (address) => {
  using conn = await dial(address);
  await send(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  return (await receiveAllText(conn)).startsWith("HTTP/1.1 200");
};

const SERVICES: {
  what: string;
  service: string;
  kind: "unix path" | "TCP";
  ask: Ask;
  flags?: string[];
  errors: string[];
}[] = [
  {
    what: "listen, unix path",
    service: "listen",
    kind: "unix path",
    ask: echo,
    errors: ERRORS,
  },
  {
    what: "listen, TCP",
    service: "listen",
    kind: "TCP",
    ask: echo,
    errors: ERRORS,
  },
  {
    ...{
      what: "listen by node:net",
      service: "listen",
      kind: "TCP",
      ask: echo,
    },
    ...{ flags: [WITHOUT_HANDLES], errors: ["EMFILE", "EPROTO"] },
  },
  {
    ...{
      what: "listenTls",
      service: "listenTls",
      kind: "TCP",
      ask: echoOverTls,
    },
    errors: ["EMFILE", "ECONNABORTED"],
  },
  {
    ...{ what: "serve", service: "serve", kind: "unix path", ask: http },
    errors: ["ENFILE", "EPERM"],
  },
  {
    ...{ what: "serve, TCP", service: "serve", kind: "TCP", ask: http },
    errors: ["EMFILE", "ECONNABORTED"],
  },
];

/** Into which call an error is injected. */
type Injection = [call: string, error: string];

async function survives(
  { service, kind, ask, flags = [] }: (typeof SERVICES)[number],
  [call, error]: Injection,
  withOther: boolean,
): Promise<void> {
  using directory = new TempDir();
  const address = kind === "unix path"
    ? directory.join("socket")
    : `127.0.0.1:${freePorts("127.0.0.1", 1)[0]}`;
  const trace = directory.join("trace");
  await using program = await activate({
    addresses: [address],
    module: "tests/activation/accept_descriptors_program.ts",
    allow: [ALLOW_ACTIVATION, ...flags],
    args: [service, CERT, KEY],
  });
  assertEquals(await ask(address), true);
  using other = withOther ? await dial(address) : undefined;
  if (other !== undefined && ask === echo) {
    assertEquals(await echoOf(other, "other"), "other");
  }
  // Attached now, so that the first call of each thread from here on fails.
  const strace = new Deno.Command("strace", {
    args: [
      ...["-f", "-qq", "-p", String(program.pid), "-o", trace],
      ...["-e", `trace=${call}`, "-e", `inject=${call}:error=${error}:when=1`],
    ],
    stderr: "piped",
  }).spawn();
  try {
    await soon("strace is attached", attached(program.pid));
    const [served, second] = await soon(
      "both new clients are served",
      Promise.all([ask(address), ask(address)]),
      { within: 10_000 },
    );
    assertEquals([served, second], [true, true]);
    const injected = (await Deno.readTextFile(trace)).includes("(INJECTED)");
    assert(injected, "nothing was injected");
  } finally {
    strace.kill("SIGTERM");
    await strace.status;
    await strace.stderr.cancel();
  }
}

/** Resolves when a process is traced. */
async function attached(pid: number): Promise<void> {
  const traced = async () =>
    /^TracerPid:\s*[1-9]/m.test(await Deno.readTextFile(`/proc/${pid}/status`));
  while (!await traced()) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

for (const service of SERVICES) {
  for (const withOther of [false, true]) {
    const others = withOther ? "with another connection" : "without others";
    Deno.test({
      name:
        `${service.what}: after accept has failed, ${others}, new clients are served`,
      fn: async (t) => {
        await Promise.all(service.errors.map((error) =>
          t.step({
            name: error,
            fn: () => survives(service, ["accept4", error], withOther),
            sanitizeOps: false,
            sanitizeResources: false,
            sanitizeExit: false,
          })
        ));
      },
    });
  }
}

/** The connection that could not be polled is lost with it: the client retries. */
const retried = (ask: Ask): Ask => async (address) =>
  await ask(address).catch(() => false) || await ask(address);

for (const service of SERVICES.slice(0, 2)) {
  for (const error of ["ENOSPC", "ENOMEM"]) {
    Deno.test({
      name:
        `${service.what}: after epoll_ctl has failed with ${error}, later clients are served`,
      fn: () =>
        survives(
          { ...service, ask: retried(service.ask) },
          ["epoll_ctl", error],
          false,
        ),
    });
  }
}
