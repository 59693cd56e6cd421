import { type Contender, type Field, installedBytes } from "./contenders.ts";
import { cpuMs, residentBytes, settled, threads } from "./process.ts";
import type { Samples } from "./samples.ts";
import type { Settings } from "./settings.ts";
import type { LoadOptions, RunningServer, Tools } from "./tools.ts";

/** A line of the table. */
export type Measure = [
  key: string,
  title: string,
  unit: string,
  digits: number,
];

/** A load that every server is put under. */
interface Phase extends LoadOptions {
  key: string;
}

const MESSAGE = 64;
const CHUNK = 64 * 1024;

/** The number of extra starts of each program in a round. */
const STARTS = 5;

const PHASES: readonly Phase[] = [
  { key: "small-1", connections: 1, bytes: MESSAGE, depth: 1 },
  { key: "small-64", connections: 64, bytes: MESSAGE, depth: 1 },
  // One connection alone has several under way, so that both sides are busy.
  { key: "large-1", connections: 1, bytes: CHUNK, depth: 4 },
  { key: "large-64", connections: 64, bytes: CHUNK, depth: 1 },
];

/** The lines of the table of servers, in order. */
export function measures(held: number): readonly Measure[] {
  const small = [1, 64].flatMap((count): Measure[] => {
    const where = `64 B, ${connections(count)}`;
    return [
      [`small-${count} rate`, `round trips, ${where}`, "/s", 0],
      [`small-${count} p50`, `latency p50, ${where}`, "µs", 1],
      [`small-${count} p99`, `latency p99, ${where}`, "µs", 1],
      [`small-${count} cpu`, `CPU per round trip, ${where}`, "µs", 1],
    ];
  });
  return [
    ["activation", "activation: connect to first echoed byte", "ms", 1],
    ...small,
    ["large-1 rate", `throughput, 64 KiB, ${connections(1)}`, "MB/s", 0],
    ["large-64 rate", `throughput, 64 KiB, ${connections(64)}`, "MB/s", 0],
    ["rss", "RSS after activation", "MB", 1],
    ["rss loaded", "RSS after the loads", "MB", 1],
    ["rss held", `RSS with ${connections(held)}`, "MB", 1],
    ["rss each", `RSS for each of ${connections(held)}`, "KB", 1],
    ["threads", "threads", "", 0],
    ["installed", "installed size", "MB", 2],
    ...PHASES.map(({ key, bytes, connections: count }): Measure => {
      const size = bytes === MESSAGE ? "64 B" : "64 KiB";
      const title = `CPU of the load itself, ${size}, ${connections(count)}`;
      return [`${key} load cpu`, title, "%", 0];
    }),
  ];
}

function connections(count: number): string {
  return `${count.toLocaleString("en")} connection${count === 1 ? "" : "s"}`;
}

/** The contenders, the loads, and the collected samples. */
export interface Bench extends Field {
  settings: Settings;
  tools: Tools;
  samples: Samples;
}

/** Measures everything once. */
export async function measureRound(bench: Bench, round: number): Promise<void> {
  // Nobody is always first, nor always after the same neighbour's mess.
  const servers = rotated(bench.servers, round);
  const starters = rotated(bench.starters, round);
  for (let start = 0; start < STARTS; start++) {
    for (const starter of starters) {
      const ms = await bench.tools.startOnce(starter);
      bench.samples.add(round, "start", starter.key, ms);
    }
    for (const server of servers) {
      await using _ = await activate(bench, round, server);
    }
  }
  for (const server of servers) await hold(bench, round, server);
  await loadAll(bench, round, servers);
}

/** Starts a server, and records its start time and memory. */
async function activate(
  { tools, samples }: Bench,
  round: number,
  contender: Contender,
): Promise<RunningServer> {
  const server = await tools.start(contender);
  samples.add(round, "activation", contender.key, server.ms);
  samples.add(round, "rss", contender.key, residentBytes(server.pid) / 1e6);
  return server;
}

/** Records the memory of idle connections. */
async function hold(
  bench: Bench,
  round: number,
  contender: Contender,
): Promise<void> {
  const { tools, samples, settings: { held } } = bench;
  await using server = await activate(bench, round, contender);
  const before = residentBytes(server.pid);
  using _ = await tools.hold(contender, held);
  const after = residentBytes(server.pid);
  samples.add(round, "rss held", contender.key, after / 1e6);
  samples.add(round, "rss each", contender.key, (after - before) / held / 1e3);
}

/** Load by load, one server after the other; the others are idle. */
async function loadAll(
  bench: Bench,
  round: number,
  contenders: readonly Contender[],
): Promise<void> {
  const { samples, tools, settings } = bench;
  await using stack = new AsyncDisposableStack();
  const servers: [Contender, number][] = [];
  for (const contender of contenders) {
    const server = stack.use(await activate(bench, round, contender));
    servers.push([contender, server.pid]);
  }
  const pids = servers.map(([, pid]) => pid);
  for (const phase of PHASES) {
    for (const [contender, pid] of servers) {
      await settled(pids);
      const cpuBefore = cpuMs(pid);
      const result = await tools.load(contender, phase, settings.secondsEach);
      const cpu = (cpuMs(pid) - cpuBefore) * 1e3 / result.messages;
      const { perSecond, p50, p99, ownCpu } = result;
      const rate = perSecond * (phase.bytes === CHUNK ? CHUNK / 1e6 : 1);
      const figures = { rate, p50, p99, cpu, "load cpu": ownCpu * 100 };
      for (const [measure, value] of Object.entries(figures)) {
        samples.add(round, `${phase.key} ${measure}`, contender.key, value);
      }
    }
  }
  await settled(pids);
  for (const [{ key, command }, pid] of servers) {
    samples.add(round, "rss loaded", key, residentBytes(pid) / 1e6);
    samples.add(round, "threads", key, threads(pid));
    samples.add(round, "installed", key, installedBytes(command) / 1e6);
  }
}

function rotated<Item>(items: readonly Item[], by: number): Item[] {
  const start = items.length === 0 ? 0 : by % items.length;
  return [...items.slice(start), ...items.slice(0, start)];
}
