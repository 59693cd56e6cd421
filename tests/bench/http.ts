/**
 * The part of `make bench` about HTTP: `serve()` beside `Deno.serve()`, bare handlers of
 * `node:http` and `node:https`, and `systemd-socket-proxyd`. Adds its table to the report.
 *
 * @module
 */

import { freePorts, listenFor } from "../support/activate.ts";
import { eventually } from "../support/eventually.ts";
import { Program } from "../support/program.ts";
import { denoEnv } from "../support/script.ts";
import {
  compileC,
  cpuMs,
  HERE,
  output,
  residentMb,
  runBench,
  SECONDS_EACH,
  settled,
  sum,
} from "./common.ts";
import {
  markdownTable,
  median,
  ratios,
  record,
  showNumber,
  type Target,
  targetTable,
  valuesOf,
} from "./samples.ts";

type Transport = "TCP" | "unix" | "TLS";

/** A server, and how it is started. */
interface HttpContender {
  title: string;
  /**
   * Given where to listen, a folder, and the files of a certificate and its key for TLS.
   */
  command: (address: string, scratch: string, tls: string[]) => string[];
  /** Whether systemd-socket-activate listens for it. */
  isActivated?: true;
  /** How many processes listen on the port; one by default. */
  instances?: number;
  /** A server that is reached through this one. */
  behind?: HttpContender;
}

const deno = (...args: string[]) => [Deno.execPath(), "run", "-A", ...args];
const program = (name: string) => `${HERE}programs/${name}`;
const isPath = (address: string) => address.startsWith("/");
/** For programs that take a path and a port, one of which is empty. */
const split = (address: string) =>
  isPath(address) ? [address, ""] : ["", address];

const SERVE: HttpContender = {
  title: "serve()",
  isActivated: true,
  command: (_, scratch, tls) => deno(`${scratch}/http_serve.js`, ...tls),
};
const DENO: HttpContender = {
  title: "Deno.serve",
  command: (address) => deno(program("http_deno.ts"), ...split(address)),
};
const BARE: HttpContender = {
  title: "node:http in Deno",
  isActivated: true,
  command: (address, _, tls) =>
    deno(program("http_node.mjs"), ...split(address), ...tls),
};
const NODE: HttpContender = {
  title: "Node",
  command: (address) => ["node", program("http_node.mjs"), ...split(address)],
};
const PROXY: HttpContender = {
  title: "proxyd + Deno.serve",
  isActivated: true,
  command: (behind) => [
    "/usr/lib/systemd/systemd-socket-proxyd",
    isPath(behind) ? behind : `127.0.0.1:${behind}`,
  ],
  behind: DENO,
};

const CONTENDERS = [SERVE, DENO, BARE, NODE, PROXY];

/** Several processes, or the threads of one, that share a port. */
const PARALLEL: readonly HttpContender[] = [
  ...[1, 2].map((instances): HttpContender => ({
    title: `serve(), instances: ${instances}`,
    instances,
    command: (port, scratch) => [
      ...["python3", program("reuse_port.py"), port],
      ...deno(`${scratch}/http_serve.js`),
    ],
  })),
  {
    title: "deno serve --parallel",
    command: (port) => [
      ...[Deno.execPath(), "serve", "--parallel", "--host=127.0.0.1"],
      ...[`--port=${port}`, program("http_parallel.ts")],
    ],
  },
];

/** A number of connections, each with one request at a time. */
interface Load {
  title: string;
  connections: number;
}

const ONE: Load = { title: "1 connection", connections: 1 };
const MANY: Load = { title: "64 connections", connections: 64 };
const LOADS: readonly Load[] = [ONE, MANY];

const TARGETS: [Transport, HttpContender, number, readonly Load[]][] = [
  ["TCP", DENO, 0.9, LOADS],
  ["TCP", PROXY, 1.2, LOADS],
  ["unix", BARE, 0.9, [MANY]],
  ["unix", NODE, 1, [MANY]],
  ["unix", PROXY, 1.2, [MANY]],
  ["TLS", BARE, 1, [MANY]],
];

/** Measures all servers on sockets of one kind. */
async function measure(
  round: number,
  transport: Transport,
  contenders: readonly HttpContender[],
  scratch: string,
): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const request = transport === "TLS"
    ? wrk
    : async (...args: string[]) =>
      JSON.parse(await output([`${scratch}/http_load`, ...args]));
  const running: [string, string, number[]][] = [];
  // The first start of a round may be slower.
  const first = round % contenders.length;
  const inTurn = [...contenders.slice(first), ...contenders.slice(0, first)];
  for (const contender of inTurn) {
    const path = `${scratch}/${round} ${contender.title}`.replaceAll(" ", "-");
    const address = transport === "unix" ? path : freePort();
    const pids = await start(contender, address, transport, scratch, stack);
    running.push([contender.title, address, pids]);
    const { ms } = await request(address, "1", "once");
    record(round, `${transport} first`, contender.title, ms);
    const rss = sum(pids, residentMb);
    record(round, `${transport} rss`, contender.title, rss);
  }
  for (const load of transport === "TLS" ? [MANY] : LOADS) {
    for (const [title, address, pids] of running) {
      await settled(running.flatMap(([, , each]) => each));
      await using _ = load === ONE ? await keepApart(pids) : undefined;
      const before = sum(pids, cpuMs);
      const { perSecond, p99, all } = await request(
        address,
        String(load.connections),
        String(SECONDS_EACH),
      );
      const cpu = (sum(pids, cpuMs) - before) * 1e3 / all;
      for (const [name, value] of Object.entries({ perSecond, p99, cpu })) {
        record(round, `${transport}, ${load.title}, ${name}`, title, value);
      }
    }
  }
}

/** The load for TLS, which the load of this bench cannot. */
async function wrk(port: string, connections: string, seconds: string) {
  const text = await output([
    ...["wrk", "--threads=1", `--connections=${connections}`],
    `--duration=${Math.ceil(Number(seconds) || 1)}s`,
    `https://127.0.0.1:${port}/`,
  ]);
  const [all, perSecond] = [
    /(\d+) requests in/,
    /Requests\/sec: *([\d.]+)/,
  ].map((pattern) => Number(pattern.exec(text)?.[1]));
  if (!all) throw new Error(`wrk has measured nothing: ${text}`);
  return { all, perSecond, p99: NaN, ms: NaN };
}

/** Starts a server, which its first connection may activate; returns the processes. */
async function start(
  { command, isActivated, instances = 1, behind }: HttpContender,
  address: string,
  transport: Transport,
  scratch: string,
  stack: AsyncDisposableStack,
): Promise<number[]> {
  const target = isPath(address) ? `${address}.behind` : freePort();
  const pids = behind
    ? await start(behind, target, transport, scratch, stack)
    : [];
  const tls = ["cert", "key"].map((name) =>
    `${HERE}../support/test_only_${name}.pem`
  );
  const line = command(
    behind ? target : address,
    scratch,
    transport === "TLS" ? tls : [],
  );
  for (let instance = 0; instance < instances; instance++) {
    const server = isActivated
      ? await listenFor({
        addresses: [isPath(address) ? address : `127.0.0.1:${address}`],
        command: line,
        env: denoEnv(),
      })
      : spawn(line);
    pids.push(stack.use(server).pid);
  }
  await listening(address);
  return pids;
}

/**
 * Runs the load and the servers on a processor each, and keeps these awake. With one
 * connection they take turns: on one processor that is five times as fast, and a halted
 * (virtual) one may take longer to wake up than a request takes.
 */
async function keepApart(servers: number[]): Promise<AsyncDisposable> {
  const cpus = /^Cpus_allowed_list:\s*(\S+)/m
    .exec(Deno.readTextFileSync("/proc/self/status"))![1]!;
  const pin = async (pids: number[], list: string) => {
    for (const pid of pids) {
      await output(["taskset", "-acp", list, `${pid}`]);
    }
  };
  const stack = new AsyncDisposableStack();
  for (let count = navigator.hardwareConcurrency; count > 0; count--) {
    // They make way for any other process.
    stack.use(spawn(["chrt", "-i", "0", "sh", "-c", "while :; do :; done"]));
  }
  stack.defer(() => pin([Deno.pid, ...servers], cpus));
  // The load has the processors of this process.
  await pin([Deno.pid], /^\d+/.exec(cpus)![0]);
  await pin(servers, /\d+$/.exec(cpus)![0]);
  return stack;
}

const spawn = ([command, ...args]: string[]) =>
  new Program(command!, args, { env: denoEnv() });

const freePort = () => String(freePorts("127.0.0.1", 1)[0]);

/** Waits until the kernel lists the socket, which activates nothing. */
async function listening(address: string): Promise<void> {
  const [file, pattern] = isPath(address) ? ["unix", ` ${address}\n`] : [
    "tcp",
    // Its port, no peer, and the state TCP_LISTEN: others may be left of older sockets.
    `:${
      Number(address).toString(16).toUpperCase().padStart(4, "0")
    } 00000000:0000 0A `,
  ];
  await eventually(
    `a server listens on ${address}`,
    () => Deno.readTextFile(`/proc/net/${file}`),
    (text) => text.includes(pattern!),
  );
}

/** Returns the table of these servers over these transports. */
function table(
  contenders: readonly HttpContender[],
  transports: readonly Transport[],
): string {
  const row = (title: string, measure: string, digits: number) => [
    title,
    ...contenders.map(({ title }) =>
      showNumber(median(valuesOf(measure, title)), digits)
    ),
  ];
  const rows = transports.flatMap((transport) => [
    ...LOADS.map(({ title }) => `${transport}, ${title}`).flatMap((where) => [
      row(`requests, ${where}, /s`, `${where}, perSecond`, 0),
      row(`latency p99, ${where}, µs`, `${where}, p99`, 0),
      row(`CPU per request, ${where}, µs`, `${where}, cpu`, 1),
    ]),
    row(`first response, ${transport}, ms`, `${transport} first`, 1),
    row(`RSS, ${transport}, MB`, `${transport} rss`, 1),
  ]);
  return markdownTable(
    ["", ...contenders.map(({ title }) => title)],
    rows.filter(([, ...values]) => values.some((value) => value !== "–")),
  );
}

function report(): string {
  const targets = TARGETS.flatMap(([transport, { title }, least, loads]) =>
    loads.map((load): Target => {
      const rate = `${transport}, ${load.title}, perSecond`;
      return [
        `serve() ÷ ${title}, ${transport}, ${load.title}`,
        ratios(valuesOf(rate, SERVE.title), valuesOf(rate, title)),
        ...["≥", least] as const,
      ];
    })
  );
  return [
    "\nHTTP, a response of 13 bytes to each request:",
    table(CONTENDERS, ["TCP", "unix", "TLS"]),
    targetTable(targets),
    "Several processes or threads; the load takes a processor too:",
    table(PARALLEL, ["TCP"]),
  ].join("\n\n") + "\n";
}

await runBench(
  "HTTP",
  async (scratch) => {
    await compileC("http_load", scratch);
    // As docs/library.md recommends: the other programs have one module each.
    await output([
      ...[Deno.execPath(), "bundle", "--quiet", "--minify", "--frozen"],
      ...["--code-splitting", "--outdir", scratch, program("http_serve.ts")],
    ]);
    return async (round) => {
      await measure(round, "TLS", [SERVE, BARE], scratch);
      await measure(round, "TCP", CONTENDERS, scratch);
      await measure(round, "unix", CONTENDERS, scratch);
      await measure(round, "TCP", PARALLEL, scratch);
    };
  },
  report,
  { append: true },
);
