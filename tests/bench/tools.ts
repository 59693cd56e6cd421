/** The bench's own two programs: the holder that starts servers, and the load. */

import { NotifyReceiver } from "../support/notify_receiver.ts";
import { echoOf } from "../support/peer.ts";
import { ENVIRONMENT, Program } from "../support/program.ts";
import { HERE, output } from "./build.ts";
import type { Contender } from "./contenders.ts";

/** What a load has found. */
interface LoadResult {
  /** Echoed messages per second. */
  perSecond: number;
  /** Time from sending a message to having it back, in microseconds. */
  p50: number;
  p99: number;
  /** How much of one processor the load itself took. */
  ownCpu: number;
  /** Messages in all, with those of the warm-up. */
  messages: number;
}

/** How a server is loaded. */
export interface LoadOptions {
  connections: number;
  /** The size of a message. */
  bytes: number;
  /** Messages that are under way at once, on each connection. */
  depth: number;
}

/** A server that runs until it is disposed of. */
export interface RunningServer extends AsyncDisposable {
  pid: number;
  /** Time until the first byte was echoed, in milliseconds. */
  ms: number;
}

export class Tools {
  readonly #load: string;
  readonly #scratch: string;
  /** Files that a runtime creates in the temporary directory are removed with ours. */
  readonly #env: Record<string, string>;

  /**
   * @param load The executable of load.c.
   * @param scratch The directory for sockets and the servers' output.
   */
  constructor(load: string, scratch: string) {
    this.#load = load;
    this.#scratch = scratch;
    this.#env = { ...ENVIRONMENT, TMPDIR: scratch };
  }

  /** Where a server listens. */
  socketOf(key: string): string {
    return `${this.#scratch}/${key}.socket`;
  }

  /** Starts a server, as its first connection does it. */
  async start(
    { key, ownsSocket, prints, command }: Contender,
  ): Promise<RunningServer> {
    const printed = prints ? `${this.#scratch}/${key}.out` : "/dev/null";
    const holder = new Program("python3", [
      `${HERE}holder.py`,
      ...[ownsSocket ? "own" : "held", this.socketOf(key), printed],
      ...command,
    ], { env: this.#env });
    const stop = async () => {
      await holder.endInput();
      await holder.exitCode();
    };
    try {
      const [line] = await holder.stdout.atLeast(1);
      return { ...JSON.parse(line!), [Symbol.asyncDispose]: stop };
    } catch {
      await stop();
      throw new Error(holder.stderr.seen.join("\n"));
    }
  }

  /** Runs a program to its end, and returns how long that took, in milliseconds. */
  async startOnce({ notifies, command }: Contender): Promise<number> {
    using receiver = new NotifyReceiver();
    const start = performance.now();
    await this.#run(command, { NOTIFY_SOCKET: receiver.socket });
    const ms = performance.now() - start;
    if (notifies) await receiver.next();
    return ms;
  }

  /** Loads a server for N seconds. */
  async load(
    { key }: Contender,
    { connections, bytes, depth }: LoadOptions,
    seconds: number,
  ): Promise<LoadResult> {
    const numbers = [connections, bytes, depth, seconds].map(String);
    return JSON.parse(
      await this.#run([this.#load, this.socketOf(key), ...numbers]),
    );
  }

  /** Opens connections, has each served once, and holds them until disposed of. */
  async hold({ key }: Contender, count: number): Promise<Disposable> {
    using open = new DisposableStack();
    const path = this.socketOf(key);
    for (let i = 0; i < count; i++) {
      const conn = open.use(await Deno.connect({ transport: "unix", path }));
      await echoOf(conn, "m".repeat(64));
    }
    return open.move();
  }

  #run(command: string[], env = {}): Promise<string> {
    return output(command, { clearEnv: true, env: { ...this.#env, ...env } });
  }
}
