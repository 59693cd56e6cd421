/**
 * A throw-away machine with a real systemd, for tests that act as its operator.
 *
 * It boots in about a second from a copy-on-write view of this host's root (see
 * `machine.sh`), and is gone without a trace when it is disposed of or the test
 * dies. The host's own systemd and units, its `/run` and `/tmp` are not touched.
 */

import { eventually, soon } from "../support/eventually.ts";
import {
  ENVIRONMENT as PROGRAM_ENVIRONMENT,
  type Finished,
  run as runProgram,
} from "../support/program.ts";

/** The checkout whose programs are under test. */
export const REPOSITORY = Deno.realPathSync(`${import.meta.dirname}/../..`);

/** Where the socket unit listens, as seen inside the machine. */
export const SOCKET_PATH = "/run/ipc-server/job.socket";

const ENVIRONMENT = {
  ...PROGRAM_ENVIRONMENT,
  HOME: "/root",
  SYSTEMD_COLORS: "0",
  SYSTEMD_PAGER: "cat",
};

/**
 * Runs a command to its end and returns its result, with any exit code.
 *
 * @throws {Error} When it has not ended after 30 s.
 */
export function attempt(command: string, ...args: string[]): Promise<Finished> {
  // A process inside the machine continues until the machine ends.
  return runProgram(command, args, { env: ENVIRONMENT });
}

/**
 * As {@linkcode attempt}, but an exit code other than 0 is an error. Returns what
 * the command wrote to stdout.
 */
export async function run(command: string, ...args: string[]): Promise<string> {
  const finished = await attempt(command, ...args);
  if (finished.code !== 0) {
    throw new Error(
      [
        `"${[command, ...args].join(" ")}" ended with code ${finished.code}`,
        finished.stdout,
        finished.stderr,
      ].join("\n").trimEnd(),
    );
  }
  return finished.stdout;
}

export interface MachineOptions {
  /** The root directory of its system; by default `MACHINE_ROOT`, or this host's. */
  root?: string;
  /** What is done to the tree before it boots; by default {@linkcode install}. */
  prepare?: (tree: Tree) => Promise<void>;
}

/** The file tree of a machine, which exists before and while it runs. */
export interface Tree {
  /** Its path, which only commands that are run with `run` can see. */
  root: string;
  /** Runs one of this host's commands; see the function of the same name. */
  run(command: string, ...args: string[]): Promise<string>;
}

/** Installs the programs and units into a tree, as a packager would. */
export async function install(
  tree: Tree,
  ...variables: string[]
): Promise<void> {
  await tree.run(
    "make",
    "-C",
    REPOSITORY,
    "install",
    `DESTDIR=${tree.root}`,
    ...variables,
  );
}

export class Machine implements AsyncDisposable {
  /** The machine's tree, seen from this host. */
  readonly tree: Tree;
  readonly #holder: Holder;
  readonly #leader: number;

  private constructor(holder: Holder, leader: number) {
    this.#holder = holder;
    this.#leader = leader;
    this.tree = holder.tree;
  }

  /** Boots a machine, and waits until all that is enabled has been started. */
  static async boot(
    { root = Deno.env.get("MACHINE_ROOT") ?? "/", prepare = install }:
      MachineOptions = {},
  ): Promise<Machine> {
    await using parts = new AsyncDisposableStack();
    const holder = parts.use(await Holder.start(root));
    await prepare(holder.tree);
    const machine = new Machine(holder, await holder.boot());
    await eventually(
      "the systemd of the machine is running",
      async () => ({
        state: await machine.attempt("systemctl", "is-system-running"),
        console: holder.console(),
      }),
      ({ state }) => state.stdout === "running\n",
      { within: 60_000 },
    );
    parts.move();
    return machine;
  }

  /** Runs a command inside; see the function of the same name. */
  attempt(command: string, ...args: string[]): Promise<Finished> {
    return attempt("nsenter", ...this.#inside(command, args));
  }

  /** Runs a command inside; see the function of the same name. */
  run(command: string, ...args: string[]): Promise<string> {
    return run("nsenter", ...this.#inside(command, args));
  }

  /** Starts a command inside, with stdin and stdout as pipes. */
  spawn(command: string, ...args: string[]): Deno.ChildProcess {
    return new Deno.Command("nsenter", {
      args: this.#inside(command, args),
      clearEnv: true,
      env: ENVIRONMENT,
      stdin: "piped",
      stdout: "piped",
    }).spawn();
  }

  /** For tests that start the server more often than its unit allows. */
  async liftStartLimit(): Promise<void> {
    const directory = "/etc/systemd/system/ipc-server.service.d";
    await this.run("mkdir", "-p", directory);
    await this.write(
      `${directory}/start-limit.conf`,
      "[Unit]\nStartLimitIntervalSec=0\n",
    );
    await this.systemctl("daemon-reload");
  }

  /** `systemctl` inside. Returns its stdout. */
  systemctl(...args: string[]): Promise<string> {
    return this.run("systemctl", ...args);
  }

  /** Properties of a unit, as `systemctl show` prints them. */
  async show<Name extends string>(
    unit: string,
    ...names: Name[]
  ): Promise<Record<Name, string>> {
    const lines = await this.systemctl(
      "show",
      unit,
      `--property=${names.join(",")}`,
    );
    const properties = new Map(
      lines.trimEnd().split("\n").map((line) => {
        const at = line.indexOf("=");
        return [line.slice(0, at), line.slice(at + 1)];
      }),
    );
    return Object.fromEntries(
      names.map((name) => [name, properties.get(name) ?? "(no such property)"]),
    ) as Record<Name, string>;
  }

  /** Waits until systemd has got `count` pings from a unit, counted from now. */
  async pinged(unit: string, count: number): Promise<void> {
    const pings = new Set<string>();
    await eventually(
      `systemd has got ${count} pings of ${unit}`,
      async () => {
        const name = "WatchdogTimestampMonotonic";
        return pings.add((await this.show(unit, name))[name]).size;
      },
      (seen) => seen >= count,
    );
  }

  /**
   * Waits until a unit is in a state, which is named as `systemctl status` does:
   * `active (running)`.
   */
  async reaches(
    unit: string,
    state: string,
    options?: { within?: number },
  ): Promise<void> {
    await eventually(
      `${unit} is ${state}`,
      async () => {
        const { ActiveState, SubState } = await this.show(
          unit,
          "ActiveState",
          "SubState",
        );
        return `${ActiveState} (${SubState})`;
      },
      (now) => now === state,
      options,
    );
  }

  /** The journal entries of a unit's processes; without systemd's own about it. */
  async journal(unit: string): Promise<JournalEntry[]> {
    const lines = await this.run(
      "journalctl",
      "--output=json",
      "--output-fields=MESSAGE",
      "--quiet",
      `_SYSTEMD_UNIT=${unit}`,
      "_TRANSPORT=stdout",
    );
    return lines.split("\n").filter((line) => line !== "").map((line) => {
      const entry = JSON.parse(line);
      return {
        message: typeof entry.MESSAGE === "string"
          ? entry.MESSAGE
          : new TextDecoder().decode(Uint8Array.from(entry.MESSAGE)),
        milliseconds: Number(entry.__REALTIME_TIMESTAMP) / 1000,
      };
    });
  }

  /**
   * Waits until a unit's processes have written `message` for the nth time, and
   * returns all that they wrote.
   */
  journalUpTo(
    unit: string,
    message: string,
    { times = 1, within }: { times?: number; within?: number } = {},
  ): Promise<JournalEntry[]> {
    return eventually(
      `the journal of ${unit} has "${message}" ${times}x`,
      () => this.journal(unit),
      (entries) =>
        entries.filter((entry) => entry.message === message).length >= times,
      { within },
    );
  }

  /** The pid of a service's main process, inside the machine; 0 if it has none. */
  async mainPid(unit: string): Promise<number> {
    return Number((await this.show(unit, "MainPID")).MainPID);
  }

  /** Writes a file inside. */
  async write(path: string, text: string): Promise<void> {
    await Deno.writeTextFile(this.path(path), text);
  }

  /** Connects to a unix socket inside from this process. */
  connect(path = SOCKET_PATH): Promise<Deno.UnixConn> {
    return Deno.connect({ transport: "unix", path: this.path(path) });
  }

  /** The path by which this host reaches a file inside the machine. */
  path(inside: string): string {
    return `/proc/${this.#leader}/root${inside}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#holder[Symbol.asyncDispose]();
  }

  #inside(command: string, args: string[]): string[] {
    return [
      `--target=${this.#leader}`,
      ...["--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup"],
      "--",
      command,
      ...args,
    ];
  }
}

export interface JournalEntry {
  message: string;
  /** When it was written, since 1970. */
  milliseconds: number;
}

/** `machine.sh`: the process that the namespaces of one machine belong to. */
class Holder implements AsyncDisposable {
  readonly tree: Tree;
  readonly #directory: string;
  readonly #process: Deno.ChildProcess;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array>;
  readonly #pid: number;

  private constructor(
    directory: string,
    process: Deno.ChildProcess,
    pid: number,
  ) {
    this.#directory = directory;
    this.#process = process;
    this.#stdin = process.stdin.getWriter();
    this.#pid = pid;
    this.tree = {
      root: `${directory}/root`,
      run: (command, ...args) =>
        run(
          "nsenter",
          `--target=${pid}`,
          "--mount",
          "--pid",
          "--",
          command,
          ...args,
        ),
    };
  }

  static async start(root: string): Promise<Holder> {
    if (Deno.uid() !== 0) {
      throw new Error("Cannot boot a machine: that takes root");
    }
    const directory = await Deno.makeTempDir({ prefix: "ipc-machine-" });
    // In a session of its own Ctrl-C does not reach it: the test's end does.
    const process = new Deno.Command("setsid", {
      args: [
        "unshare",
        "--mount",
        "--propagation=private",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
        "sh",
        `${import.meta.dirname}/machine.sh`,
        directory,
        root,
      ],
      clearEnv: true,
      env: {
        ...ENVIRONMENT,
        // systemd 258 and newer do not boot with the older hierarchies.
        ...(root === "/" ? {} : { SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: "1" }),
      },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const output = process.stdout.pipeThrough(new TextDecoderStream());
    const { value: line } = await soon(
      "the machine's tree is prepared, or that has failed",
      output.getReader().read(),
    );
    const pid = childrenOf(process.pid).at(0);
    if (line !== "prepared\n" || pid === undefined) {
      await process.stdin.close();
      throw new Error(
        `Cannot boot a machine: ${await process.stderr.text()}`.trimEnd(),
      );
    }
    return new Holder(directory, process, pid);
  }

  /** Boots the tree. Returns the pid of the machine's systemd. */
  async boot(): Promise<number> {
    await this.#stdin.write(new TextEncoder().encode("boot\n"));
    const { leader } = await eventually(
      "systemd-nspawn has started systemd",
      () => ({
        leader: childrenOf(this.#pid)
          .filter((child) => commandOf(child) === "systemd-nspawn")
          .flatMap(childrenOf)
          .find((child) => commandOf(child) === "systemd"),
        console: this.console(),
      }),
      ({ leader }) => leader !== undefined,
    );
    return leader!;
  }

  /** What the machine's console showed. */
  console(): string {
    return readProc(`${this.#pid}/root${this.#directory}/console`);
  }

  /** Kills the machine and waits until its processes and mounts are gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stdin.close();
    await this.#process.status;
    await this.#process.stderr.cancel();
  }
}

function childrenOf(pid: number): number[] {
  const listed = readProc(`${pid}/task/${pid}/children`);
  return listed.split(" ").filter((part) => part !== "").map(Number);
}

function commandOf(pid: number): string {
  return readProc(`${pid}/comm`).trimEnd();
}

/** A process may end while we look at it: then there is nothing to read. */
function readProc(file: string): string {
  try {
    return Deno.readTextFileSync(`/proc/${file}`);
  } catch {
    return "";
  }
}
