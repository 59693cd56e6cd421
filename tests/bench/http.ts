/**
 * The part of `make bench` about HTTP: `serve()` beside `Deno.serve()`, bare handlers of
 * `node:http` and `node:https`, and `systemd-socket-proxyd`. Adds its table to the report.
 *
 * @module
 */

import { CACHE, freePorts, listenFor } from "../support/activate.ts";
import { eventually } from "../support/eventually.ts";
import { Program } from "../support/program.ts";
import { compileC, HERE } from "./build.ts";
import { cpuMs, residentBytes, settled } from "./process.ts";
import { markdownTable, showNumber } from "./report.ts";
import { median, perRound, Samples } from "./samples.ts";
import { readSettings } from "./settings.ts";

const PROXYD = "/usr/lib/systemd/systemd-socket-proxyd";

/** A server, and how it is started. */
interface HttpContender {
  key: string;
  title: string;
  /**
   * Given a path or a port, whichever is not empty, a folder, and the files of a
   * certificate and its key for TLS.
   */
  commands: (
    path: string,
    port: string,
    scratch: string,
    tls: string[],
  ) => string[][];
  /** Whether systemd-socket-activate listens for the first command. */
  isActivated?: true;
  /** Whether the last two arguments of the second command are a path and a port. */
  isProxy?: true;
}

const deno = (...args: string[]) => [Deno.execPath(), "run", "-A", ...args];
const program = (name: string) => `${HERE}programs/${name}`;
const CERTIFICATE = ["cert", "key"].map((name) =>
  `${HERE}../support/test_only_${name}.pem`
);

const CONTENDERS: readonly HttpContender[] = [
  {
    key: "serve",
    title: "serve()",
    isActivated: true,
    commands: (_path, _port, scratch, tls) => [
      deno(`${scratch}/http_serve.js`, ...tls),
    ],
  },
  {
    key: "deno",
    title: "Deno.serve",
    commands: (path, port) => [deno(program("http_deno.ts"), path, port)],
  },
  {
    key: "bare",
    title: "node:http in Deno",
    isActivated: true,
    commands: (path, port, _scratch, tls) => [
      deno(program("http_node.mjs"), path, port, ...tls),
    ],
  },
  {
    key: "node",
    title: "Node",
    commands: (path, port) => [["node", program("http_node.mjs"), path, port]],
  },
  {
    key: "proxy",
    title: "proxyd + Deno.serve",
    isActivated: true,
    isProxy: true,
    commands: (path) => {
      const behind = path === "" ? ["", freePort()] : [`${path}.behind`, ""];
      const target = behind[0] || `127.0.0.1:${behind[1]}`;
      return [[PROXYD, target], deno(program("http_deno.ts"), ...behind)];
    },
  },
];

/** Several processes, or the threads of one, that share a port. */
const PARALLEL: readonly HttpContender[] = [
  ...[1, 2].map((count): HttpContender => ({
    key: `instances-${count}`,
    title: `serve(), instances: ${count}`,
    commands: (_path, port, scratch) =>
      Array.from({ length: count }, () => [
        ...["python3", program("reuse_port.py"), port],
        ...deno(`${scratch}/http_serve.js`),
      ]),
  })),
  {
    key: "parallel",
    title: "deno serve --parallel",
    commands: (_path, port) => [[
      ...[Deno.execPath(), "serve", "--parallel", "--host=127.0.0.1"],
      ...[`--port=${port}`, program("http_parallel.ts")],
    ]],
  },
];

const TRANSPORTS = ["TCP", "unix"] as const;

/** A number of connections, each with one request at a time. */
interface Load {
  title: string;
  connections: number;
  /**
   * Whether the processors are kept awake: with one connection, each waits for the
   * other side, and a halted (virtual) processor may take longer to wake up than a
   * request takes.
   */
  isAwake?: true;
}

const LOADS: readonly Load[] = [
  { title: "1 connection", connections: 1 },
  { title: "1 connection, awake", connections: 1, isAwake: true },
  { title: "64 connections", connections: 64 },
];

const MANY = LOADS.at(-1)!;

const TARGETS: [
  transport: string,
  theirs: string,
  least: number,
  loads: readonly Load[],
][] = [
  ["TCP", "deno", 0.9, LOADS],
  ["TCP", "proxy", 1.2, LOADS],
  ["unix", "bare", 0.9, [MANY]],
  ["unix", "node", 1, [MANY]],
  ["unix", "proxy", 1.2, [MANY]],
  ["TLS", "bare", 1, [MANY]],
];

interface Running extends AsyncDisposable {
  address: string;
  pids: number[];
}

async function main(): Promise<void> {
  const settings = readSettings();
  await new Deno.Command("wrk").output().catch(() => {
    throw new Error("Cannot measure TLS: install wrk");
  });
  const scratch = Deno.makeTempDirSync({ prefix: "ipc-bench-http-" });
  try {
    const loadProgram = await compileC("http_load.c", scratch);
    await bundle(program("http_serve.ts"), scratch);
    const samples = new Samples();
    for (let round = 0; round < settings.rounds; round++) {
      const options = { loadProgram, scratch, seconds: settings.secondsEach };
      for (const transport of TRANSPORTS) {
        await measure(samples, round, transport, CONTENDERS, options);
      }
      await measure(samples, round, "TCP", PARALLEL, options);
      await measureTls(samples, round, options);
      console.log(`HTTP, round ${round + 1} of ${settings.rounds}`);
    }
    const text = report(samples);
    Deno.writeTextFileSync(settings.report, `\n${text}`, { append: true });
    console.log(`\n${text}`);
  } finally {
    Deno.removeSync(scratch, { recursive: true });
  }
}

/** Bundles a program, as docs/library.md recommends: the others have one module each. */
async function bundle(source: string, folder: string): Promise<void> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["bundle", "--quiet", "--minify", "--code-splitting", "--frozen"],
      ...["--outdir", folder, source],
    ],
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}

/** Measures all servers on sockets of one kind. */
async function measure(
  samples: Samples,
  round: number,
  transport: "TCP" | "unix",
  contenders: readonly HttpContender[],
  { loadProgram, scratch, seconds }: {
    loadProgram: string;
    scratch: string;
    seconds: number;
  },
): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const running: [HttpContender, Running][] = [];
  for (const contender of contenders) {
    const started = await start(contender, transport, scratch);
    running.push([contender, stack.use(started)]);
    const add = (measure: string, value: number) =>
      samples.add(round, `${transport} ${measure}`, contender.key, value);
    const { ms } = await load(loadProgram, started.address, "1", "once");
    add("first", ms!);
    add("rss", sum(started.pids, residentBytes) / 1e6);
  }
  for (const { title, connections, isAwake } of LOADS) {
    for (const [{ key }, { address, pids }] of running) {
      await settled(running.flatMap(([, each]) => each.pids));
      await using _awake = isAwake ? keepAwake() : undefined;
      const before = sum(pids, cpuMs);
      const { perSecond, p99, requests } = await load(
        loadProgram,
        address,
        String(connections),
        String(seconds),
      );
      const cpu = (sum(pids, cpuMs) - before) * 1e3 / requests!;
      const add = (measure: string, value: number) =>
        samples.add(
          round,
          `${transport}, ${title}, ${measure}`,
          key,
          value,
        );
      add("rate", perSecond!);
      add("p99", p99!);
      add("cpu", cpu);
    }
  }
}

/** Measures those with a target for TLS by wrk: the load of this bench has no TLS. */
async function measureTls(
  samples: Samples,
  round: number,
  { scratch, seconds }: { scratch: string; seconds: number },
): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const running: [string, Running][] = [];
  for (const contender of CONTENDERS) {
    if (contender.key !== "serve" && contender.key !== "bare") continue;
    const started = await start(contender, "TLS", scratch);
    running.push([contender.key, stack.use(started)]);
    await wrk(started.address, 1, 1);
  }
  for (const [key, { address, pids }] of running) {
    await settled(running.flatMap(([, each]) => each.pids));
    const before = sum(pids, cpuMs);
    const { rate, requests } = await wrk(address, MANY.connections, seconds);
    const where = `TLS, ${MANY.title}`;
    samples.add(round, `${where}, rate`, key, rate);
    const cpu = (sum(pids, cpuMs) - before) * 1e3 / requests;
    samples.add(round, `${where}, cpu`, key, cpu);
  }
}

async function wrk(
  port: string,
  connections: number,
  seconds: number,
): Promise<{ rate: number; requests: number }> {
  const { stdout } = await new Deno.Command("wrk", {
    args: [
      ...["--threads=1", `--connections=${connections}`],
      ...[`--duration=${Math.ceil(seconds)}s`, `https://127.0.0.1:${port}/`],
    ],
  }).output();
  const text = new TextDecoder().decode(stdout);
  const [requests, rate] = [/(\d+) requests in/, /Requests\/sec: *([\d.]+)/]
    .map((pattern) => Number(pattern.exec(text)?.[1]));
  if (!rate || !requests) throw new Error(`wrk has measured nothing: ${text}`);
  return { rate, requests };
}

const sum = (pids: number[], of: (pid: number) => number) =>
  pids.reduce((all, pid) => all + of(pid), 0);

async function load(
  command: string,
  ...args: string[]
): Promise<Record<string, number>> {
  const { success, stdout, stderr } = await new Deno.Command(command, { args })
    .output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

/** Starts a server; its first connection activates it. */
async function start(
  { commands, isActivated, isProxy }: HttpContender,
  transport: "TCP" | "unix" | "TLS",
  scratch: string,
): Promise<Running> {
  const path = transport === "unix"
    ? `${Deno.makeTempDirSync({ dir: scratch })}/socket`
    : "";
  const port = transport === "unix" ? "" : freePort();
  const address = path || port;
  const tls = transport === "TLS" ? CERTIFICATE : [];
  const [command, ...others] = commands(path, port, scratch, tls);
  await using stack = new AsyncDisposableStack();
  const started = others.map((other) => stack.use(spawn(other)));
  const first = isActivated
    ? await listenFor({
      addresses: [path || `127.0.0.1:${port}`],
      command: command!,
      env: CACHE,
    })
    : spawn(command!);
  started.push(stack.use(first));
  await listening(address);
  if (isProxy) await listening(others[0]!.slice(-2).find(Boolean)!);
  const running = stack.move();
  return {
    address,
    pids: started.map(({ pid }) => pid),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/** Keeps all processors busy with processes that make way for any other. */
function keepAwake(): AsyncDisposable {
  const spin = ["chrt", "--idle", "0", "sh", "-c", "while :; do :; done"];
  const processes = new AsyncDisposableStack();
  for (let count = navigator.hardwareConcurrency; count > 0; count--) {
    processes.use(spawn(spin));
  }
  return processes;
}

const spawn = ([command, ...args]: string[]) =>
  new Program(command!, args, { env: CACHE });

const freePort = () => String(freePorts("127.0.0.1", 1)[0]);

/** Waits until the kernel lists the socket, which activates nothing. */
async function listening(address: string): Promise<void> {
  const isPath = address.startsWith("/");
  const pattern = isPath
    ? ` ${address}\n`
    : `:${Number(address).toString(16).toUpperCase().padStart(4, "0")} `;
  await eventually(
    `a server listens on ${address}`,
    async () =>
      (await Deno.readTextFile(isPath ? "/proc/net/unix" : "/proc/net/tcp"))
        .includes(pattern),
    Boolean,
  );
}

/** Returns the table of these servers over these transports. */
function table(
  samples: Samples,
  contenders: readonly HttpContender[],
  transports: readonly string[],
): string {
  const of = (measure: string, digits: number) =>
    contenders.map(({ key }) => {
      const values = samples.of(measure, key);
      return values.length === 0 ? "" : showNumber(median(values), digits);
    });
  const rows = transports.flatMap((transport) => [
    ...LOADS.flatMap(({ title }) => {
      const where = `${transport}, ${title}`;
      return [
        [`requests, ${where}, /s`, ...of(`${where}, rate`, 0)],
        [`latency p99, ${where}, µs`, ...of(`${where}, p99`, 0)],
        [`CPU per request, ${where}, µs`, ...of(`${where}, cpu`, 1)],
      ];
    }),
    [`first response, ${transport}, ms`, ...of(`${transport} first`, 1)],
    [`RSS, ${transport}, MB`, ...of(`${transport} rss`, 1)],
  ]);
  return markdownTable(
    ["", ...contenders.map(({ title }) => title)],
    rows.filter(([_measure, ...values]) => values.some(Boolean)),
  );
}

function report(samples: Samples): string {
  const targets = TARGETS.flatMap(([transport, theirs, least, loads]) =>
    loads.map((load) => {
      const measure = `${transport}, ${load.title}, rate`;
      const ratio = median(perRound(
        samples.of(measure, "serve"),
        samples.of(measure, theirs),
        (a, b) => a / b,
      ));
      const { title } = CONTENDERS.find(({ key }) => key === theirs)!;
      return [
        `serve() ÷ ${title}, ${transport}, ${load.title}`,
        `≥ ${least}`,
        showNumber(ratio, 2),
        ratio >= least ? "yes" : "no",
      ];
    })
  );
  return [
    "HTTP, a response of 13 bytes to each request:",
    table(samples, CONTENDERS, [...TRANSPORTS, "TLS"]),
    markdownTable(["target", "wanted", "median", "reached"], targets),
    "Several processes or threads; the load takes a processor too:",
    table(samples, PARALLEL, ["TCP"]),
  ].join("\n\n") + "\n";
}

try {
  await main();
  Deno.exit(0);
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : error}`);
  Deno.exit(1);
}
