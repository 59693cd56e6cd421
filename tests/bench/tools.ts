/** The bench's own two programs: the holder that starts servers, and the load. */

import { compileC } from "./build.ts";
import type { Contender, Starter } from "./contenders.ts";

/** The name that `ipc-server` expects its socket to have. */
const SOCKET_NAME = "ipc-server.socket";

/** What a load has found. */
export interface LoadResult {
  /** Echoed messages per second. */
  perSecond: number;
  bytesPerSecond: number;
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
  activationMs: number;
}

export class Tools {
  readonly #holder: string;
  readonly #load: string;
  readonly #scratch: string;

  private constructor(holder: string, load: string, scratch: string) {
    this.#holder = holder;
    this.#load = load;
    this.#scratch = scratch;
  }

  /**
   * Compiles both.
   *
   * @param scratch The directory for sockets and the servers' output.
   */
  static async compile(into: string, scratch: string): Promise<Tools> {
    const [holder, load] = await Promise.all([
      compileC("holder.c", into),
      compileC("load.c", into),
    ]);
    return new Tools(holder, load, scratch);
  }

  /** Starts a server, as its first connection does it. */
  async start(contender: Contender): Promise<RunningServer> {
    const printed = contender.prints
      ? `${this.#scratch}/${contender.key}.out`
      : "/dev/null";
    const { first, tool } = await this.#untilFirstLine(this.#holder, [
      ...[contender.socket, this.socketOf(contender.key), SOCKET_NAME, printed],
      ...contender.command,
    ]);
    const { pid, ms } = first as { pid: number; ms: number };
    return {
      pid,
      activationMs: ms,
      [Symbol.asyncDispose]: () => tool[Symbol.asyncDispose](),
    };
  }

  /** Where a server listens. */
  socketOf(key: string): string {
    return `${this.#scratch}/${key}.socket`;
  }

  /** Runs a program to its end, and returns how long that took, in milliseconds. */
  async startOnce(starter: Starter): Promise<number> {
    const socket = `${this.#scratch}/once.socket`;
    const { ms, notified } = await this.#output(this.#holder, [
      ...["once", socket, SOCKET_NAME, "/dev/null"],
      ...starter.command,
    ]) as { ms: number; notified: boolean };
    if (notified !== (starter.notifies ?? false)) {
      throw new Error(`${starter.title}: notified is ${notified}`);
    }
    return ms;
  }

  /** Loads a server for N seconds. */
  async load(
    contender: Contender,
    { connections, bytes, depth }: LoadOptions,
    seconds: number,
  ): Promise<LoadResult> {
    return await this.#output(
      this.#load,
      [this.socketOf(contender.key), connections, bytes, depth, seconds].map(
        String,
      ),
    ) as LoadResult;
  }

  /** Opens connections, has each served once, and holds them until disposed of. */
  async hold(
    contender: Contender,
    connections: number,
    bytes: number,
  ): Promise<AsyncDisposable> {
    const { tool } = await this.#untilFirstLine(
      this.#load,
      [this.socketOf(contender.key), connections, bytes, 1, "hold"].map(String),
    );
    return tool;
  }

  #command(program: string, args: string[]): Deno.Command {
    return new Deno.Command(program, {
      args,
      clearEnv: true,
      // Files that a runtime creates in the temporary directory are removed with ours.
      env: {
        PATH: Deno.env.get("PATH") ?? "/usr/bin:/bin",
        LANG: "C.UTF-8",
        TMPDIR: this.#scratch,
      },
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    });
  }

  /** Runs to the end; the only line is JSON. */
  async #output(program: string, args: string[]): Promise<unknown> {
    const process = this.#command(program, args).spawn();
    await process.stdin.close();
    const { code, stdout } = await process.output();
    if (code !== 0) throw failure(program, args);
    return JSON.parse(new TextDecoder().decode(stdout));
  }

  /** Runs until it is disposed of; the first line is JSON. */
  async #untilFirstLine(
    program: string,
    args: string[],
  ): Promise<{ first: unknown; tool: AsyncDisposable }> {
    const process = this.#command(program, args).spawn();
    const reader = process.stdout.pipeThrough(new TextDecoderStream())
      .getReader();
    let line = "";
    while (!line.endsWith("\n")) {
      const { value, done } = await reader.read();
      if (done) {
        await process.stdin.close();
        await process.status;
        throw failure(program, args);
      }
      line += value;
    }
    const tool = {
      async [Symbol.asyncDispose]() {
        await process.stdin.close();
        await reader.cancel();
        await process.status;
      },
    };
    return { first: JSON.parse(line), tool };
  }
}

function failure(program: string, args: string[]): Error {
  const name = program.split("/").at(-1);
  return new Error(`Failed: ${[name, ...args].join(" ")}`);
}
