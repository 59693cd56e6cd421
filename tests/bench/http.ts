/**
 * The part of `make bench` about HTTP: `serve()` beside `Deno.serve()`, bare handlers of
 * `node:http`, and `systemd-socket-proxyd`. Adds its table to the report.
 *
 * @module
 */

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
  /** Given a path or a port, whichever is not empty, and a folder. */
  commands: (path: string, port: string, scratch: string) => string[][];
  /** Whether systemd-socket-activate listens for the first command. */
  isActivated?: true;
  /** Whether the last two arguments of the second command are a path and a port. */
  isProxy?: true;
}

const deno = (...args: string[]) => [Deno.execPath(), "run", "-A", ...args];
const program = (name: string) => `${HERE}programs/${name}`;

const CONTENDERS: readonly HttpContender[] = [
  {
    key: "serve",
    title: "serve()",
    isActivated: true,
    commands: (_path, _port, scratch) => [deno(`${scratch}/http_serve.js`)],
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
    commands: () => [deno(program("http_node.mjs"))],
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
    commands: (path, port) => {
      const behind = path === ""
        ? ["", String(Number(port) + 1)]
        : [`${path}.behind`, ""];
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

const TARGETS: [transport: string, theirs: string, least: number][] = [
  ["TCP", "deno", 0.9],
  ["TCP", "proxy", 1.2],
  ["unix", "bare", 0.75],
  ["unix", "node", 1],
  ["unix", "proxy", 1.2],
];

interface Running extends AsyncDisposable {
  address: string;
  pids: number[];
  firstResponseMs: number;
}

async function main(): Promise<void> {
  const settings = readSettings();
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
    const started = await start(contender, transport, loadProgram, scratch);
    running.push([contender, stack.use(started)]);
    const add = (measure: string, value: number) =>
      samples.add(round, `${transport} ${measure}`, contender.key, value);
    add("first", started.firstResponseMs);
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

/** Starts a server, and waits for its first response. */
async function start(
  { key, commands, isActivated, isProxy }: HttpContender,
  transport: "TCP" | "unix",
  loadProgram: string,
  scratch: string,
): Promise<Running> {
  const path = transport === "unix" ? `${scratch}/${key}` : "";
  const port = transport === "unix" ? "" : freePort();
  const address = path || port;
  const [first, ...others] = commands(path, port, scratch);
  const started = others.map(spawn);
  if (isActivated) {
    const listen = `--listen=${path || `127.0.0.1:${port}`}`;
    started.push(spawn(["systemd-socket-activate", listen, ...first!]));
  } else started.push(spawn(first!));
  await listening(address);
  if (isProxy) await listening(others[0]!.slice(-2).find(Boolean)!);
  const { ms } = await load(loadProgram, address, "1", "once");
  return {
    address,
    pids: started.map(({ pid }) => pid),
    firstResponseMs: ms!,
    async [Symbol.asyncDispose]() {
      for (const process of started) process.kill("SIGKILL");
      await Promise.all(started.map(({ status }) => status));
      for (const each of [path, `${path}.behind`]) {
        if (path !== "") await Deno.remove(each).catch(() => {});
      }
    },
  };
}

/** Keeps all processors busy with processes that make way for any other. */
function keepAwake(): AsyncDisposable {
  const spin = ["chrt", "--idle", "0", "sh", "-c", "while :; do :; done"];
  const processes = Array.from(
    { length: navigator.hardwareConcurrency },
    () => spawn(spin),
  );
  return {
    async [Symbol.asyncDispose]() {
      for (const process of processes) process.kill("SIGKILL");
      await Promise.all(processes.map(({ status }) => status));
    },
  };
}

function spawn(command: string[]): Deno.ChildProcess {
  return new Deno.Command(command[0]!, {
    args: command.slice(1),
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
}

/** Returns a free port, of which the next one is free too. */
function freePort(): string {
  for (;;) {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr;
    try {
      Deno.listen({ hostname: "127.0.0.1", port: port + 1 }).close();
      return String(port);
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}

/** Waits until the kernel lists the socket, which activates nothing. */
async function listening(address: string): Promise<void> {
  const isPath = address.startsWith("/");
  const pattern = isPath
    ? ` ${address}\n`
    : `:${Number(address).toString(16).toUpperCase().padStart(4, "0")} `;
  const deadline = performance.now() + 10_000;
  while (performance.now() < deadline) {
    const table = await Deno.readTextFile(
      isPath ? "/proc/net/unix" : "/proc/net/tcp",
    );
    if (table.includes(pattern)) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`Nothing listens on ${address} after 10 s`);
}

/** Returns the table of these servers over these transports. */
function table(
  samples: Samples,
  contenders: readonly HttpContender[],
  transports: readonly string[],
): string {
  const of = (measure: string, digits: number) =>
    contenders.map(({ key }) =>
      showNumber(median(samples.of(measure, key)), digits)
    );
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
  return markdownTable(["", ...contenders.map(({ title }) => title)], rows);
}

function report(samples: Samples): string {
  const targets = TARGETS.flatMap(([transport, theirs, least]) =>
    LOADS.map((load) => {
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
    table(samples, CONTENDERS, TRANSPORTS),
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
