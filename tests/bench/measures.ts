import { NotifyReceiver } from "../support/notify_receiver.ts";
import { echoOf } from "../support/peer.ts";
import { ENVIRONMENT, Program } from "../support/program.ts";
import {
  cpuMs,
  HELD,
  HERE,
  output,
  residentMb,
  SECONDS_EACH,
  settled,
  status,
} from "./common.ts";
import type { Contender } from "./contenders.ts";
import { record } from "./samples.ts";

/** A load that every server is put under. */
interface Phase {
  key: string;
  title: string;
  connections: number;
  /** The size of a message. */
  bytes: number;
  /** Messages that are under way at once, on each connection. */
  depth: number;
}

const CHUNK = 64 * 1024;

const [ONE, MANY] = ["1 connection", "64 connections"];

const SMALL: readonly Phase[] = [
  { key: "small-1", title: ONE, connections: 1, bytes: 64, depth: 1 },
  { key: "small-64", title: MANY, connections: 64, bytes: 64, depth: 1 },
];

const LARGE: readonly Phase[] = [
  // One connection alone has several under way, so that both sides are busy.
  { key: "large-1", title: ONE, connections: 1, bytes: CHUNK, depth: 4 },
  { key: "large-64", title: MANY, connections: 64, bytes: CHUNK, depth: 1 },
];

/** The lines of the table of servers, in order: key, title, digits. */
export const MEASURES: readonly [string, string, number][] = [
  ["activation", "activation: connect to first echoed byte, ms", 1],
  ...SMALL.flatMap(({ key, title }): [string, string, number][] => [
    [`${key} rate`, `round trips, 64 B, ${title}, /s`, 0],
    [`${key} p50`, `latency p50, 64 B, ${title}, µs`, 1],
    [`${key} p99`, `latency p99, 64 B, ${title}, µs`, 1],
    [`${key} cpu`, `CPU per round trip, 64 B, ${title}, µs`, 1],
    [`${key} load cpu`, `CPU of the load itself, 64 B, ${title}, %`, 0],
  ]),
  ...LARGE.flatMap(({ key, title }): [string, string, number][] => [
    [`${key} rate`, `throughput, 64 KiB, ${title}, MB/s`, 0],
    [`${key} load cpu`, `CPU of the load itself, 64 KiB, ${title}, %`, 0],
  ]),
  ["rss", "RSS after activation, MB", 1],
  ["rss each", `RSS for each of ${HELD} connections, KB`, 1],
  ["threads", "threads", 0],
];

/** The number of extra starts of each program in a round. */
const STARTS = 5;

/** Measures everything once. */
export async function measureRound(
  round: number,
  contenders: readonly Contender[],
): Promise<void> {
  // The first is another one in each round.
  const start = round % contenders.length;
  const rotated = [...contenders.slice(start), ...contenders.slice(0, start)];
  const servers = rotated.filter(({ ends }) => !ends);
  for (let i = 0; i < STARTS; i++) {
    for (const contender of rotated) {
      await using _ = contender.ends
        ? await startOnce(round, contender)
        : await activate(round, contender);
    }
  }
  for (const server of servers) await hold(round, server);
  await loadAll(round, servers);
}

/** Records how long a program takes from its start to its end. */
async function startOnce(
  round: number,
  { key, notifies, command, scratch }: Contender,
): Promise<undefined> {
  using receiver = new NotifyReceiver();
  const start = performance.now();
  await output(command, {
    clearEnv: true,
    env: { ...ENVIRONMENT, TMPDIR: scratch, NOTIFY_SOCKET: receiver.socket },
  });
  record(round, "start", key, performance.now() - start);
  if (notifies) await receiver.next();
}

/** Starts a server, as its first connection does it; records its start time and memory. */
async function activate(
  round: number,
  { key, ownsSocket, prints, command, scratch, socket }: Contender,
): Promise<AsyncDisposable & { pid: number }> {
  const holder = new Program("python3", [
    `${HERE}holder.py`,
    ...[ownsSocket ? "own" : "held", socket],
    prints ? `${scratch}/${key}.out` : "/dev/null",
    ...command,
  ], { env: { TMPDIR: scratch } });
  const stop = async () => {
    await holder.stdin.close();
    await holder.exitCode();
  };
  try {
    const { ms, pid } = JSON.parse((await holder.stdout.atLeast(1))[0]!);
    record(round, "activation", key, ms);
    record(round, "rss", key, residentMb(pid));
    return { pid, [Symbol.asyncDispose]: stop };
  } catch {
    await stop();
    throw new Error(holder.stderr.seen.join("\n"));
  }
}

/** Records the memory of idle connections, each of which was served once. */
async function hold(
  round: number,
  contender: Contender,
): Promise<void> {
  await using server = await activate(round, contender);
  const before = residentMb(server.pid);
  using open = new DisposableStack();
  for (let i = 0; i < HELD; i++) {
    const conn = await Deno.connect({
      transport: "unix",
      path: contender.socket,
    });
    await echoOf(open.use(conn), "m".repeat(64));
  }
  const each = (residentMb(server.pid) - before) / HELD * 1e3;
  record(round, "rss each", contender.key, each);
}

/** Load by load, one server after the other; the others are idle. */
async function loadAll(
  round: number,
  contenders: readonly Contender[],
): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const servers: [Contender, number][] = [];
  for (const contender of contenders) {
    const server = stack.use(await activate(round, contender));
    servers.push([contender, server.pid]);
  }
  for (const { key, connections, bytes, depth } of [...SMALL, ...LARGE]) {
    for (const [{ key: program, scratch, socket }, pid] of servers) {
      await settled(servers.map(([, pid]) => pid));
      const before = cpuMs(pid);
      const numbers = [connections, bytes, depth, SECONDS_EACH].map(String);
      const { perSecond, p50, p99, ownCpu, all } = JSON.parse(
        await output([`${scratch}/load`, socket, ...numbers]),
      );
      const cpu = (cpuMs(pid) - before) * 1e3 / all;
      const rate = perSecond * (bytes === CHUNK ? CHUNK / 1e6 : 1);
      const figures = { rate, p50, p99, cpu, "load cpu": ownCpu * 100 };
      for (const [measure, value] of Object.entries(figures)) {
        record(round, `${key} ${measure}`, program, value);
      }
    }
  }
  for (const [{ key }, pid] of servers) {
    record(round, "threads", key, status(pid, "Threads"));
  }
}
