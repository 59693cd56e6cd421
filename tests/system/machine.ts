/**
 * A throw-away machine with a real systemd, for tests that act as its operator.
 *
 * It boots in about a second from a copy-on-write view of this host's root (see
 * `machine.sh`), and is gone without a trace when the tests end or die. The host's own
 * systemd and units, its `/run` and `/tmp` are not touched.
 */

import { assert, assertEquals } from "@std/assert";
import { dirname } from "node:path";
import { eventually, soon } from "../support/eventually.ts";
import { echoOf } from "../support/peer.ts";
import {
  ENVIRONMENT as PROGRAM_ENVIRONMENT,
  type Finished,
  output,
  REPOSITORY,
  run as runProgram,
  stdoutOf,
} from "../support/program.ts";
import { denoEnv } from "../support/script.ts";
import { TempDir } from "../support/temp_dir.ts";
import { debian } from "./debian.ts";

export const SOCKET = "ipc-server.socket";
export const SERVER = "ipc-server.service";
export const CLIENT = "ipc-client.service";
/** Where the socket unit listens, as seen inside the machine. */
export const SOCKET_PATH = "/run/ipc-server/job.socket";

const ENVIRONMENT = {
  ...PROGRAM_ENVIRONMENT,
  HOME: "/root",
  SYSTEMD_COLORS: "0",
  SYSTEMD_PAGER: "cat",
};

/**
 * Runs a command with arguments, or without arguments a script of sh, to its end, and
 * returns its result, with any exit code.
 */
export type Attempt = (...command: string[]) => Promise<Finished>;

const words = (command: string[]) =>
  command.length === 1 ? ["sh", "-ec", ...command] : command;

/** As {@linkcode Attempt}, on this host. */
const attempt: Attempt = (...command) => {
  const [program, ...args] = words(command);
  return runProgram(program!, args, { env: ENVIRONMENT, within: 120_000 });
};

const checked = (attempt: Attempt) => async (...command: string[]) =>
  stdoutOf(command, await attempt(...command));

/**
 * As {@linkcode Attempt}, on this host, but an exit code other than 0 is an error.
 * Returns what the command wrote to stdout.
 */
export const run = checked(attempt);

/** A service manager, and commands as its user. */
export class Manager {
  readonly attempt: Attempt;
  /** As {@linkcode run}, inside. */
  readonly run: typeof run;
  readonly #options: string[];

  /** @param options Those of systemctl and journalctl. */
  constructor(attempt: Attempt, ...options: string[]) {
    this.attempt = (...command) => attempt(...words(command));
    this.run = checked(this.attempt);
    this.#options = options;
  }

  /** `systemctl` inside. Returns its stdout. */
  systemctl(...args: string[]): Promise<string> {
    return this.run("systemctl", ...this.#options, ...args);
  }

  /** A property of a unit. */
  async show(unit: string, property: string): Promise<string> {
    const args = [`--property=${property}`, "--value", unit];
    return (await this.systemctl("show", ...args)).trimEnd();
  }

  /** Waits until a unit has properties, as `systemctl show` prints them. */
  async shows(unit: string, properties: Record<string, string>): Promise<void> {
    const wanted = Object.entries(properties).map((it) => it.join("="));
    const names = `--property=${Object.keys(properties)}`;
    await eventually(
      `${unit} has ${wanted}`,
      async () => (await this.systemctl("show", unit, names)).split("\n"),
      (lines) => wanted.every((line) => lines.includes(line)),
      { within: 60_000 },
    );
  }

  /**
   * Waits until a unit is in a state, which is named as `systemctl status` does:
   * `active (running)`.
   */
  reaches(unit: string, state: string): Promise<void> {
    const [, active, sub] = /^(\w+) \((\S+)\)$/.exec(state)!;
    return this.shows(unit, { ActiveState: active!, SubState: sub! });
  }

  /** Asserts that `systemd-analyze verify` reports nothing about units. */
  async assertVerified(...units: string[]): Promise<void> {
    assertEquals(await this.attempt("systemd-analyze", "verify", ...units), {
      ...{ code: 0, stdout: "", stderr: "" },
    });
  }

  /** Asserts that `systemd-analyze security` rates a unit at this level or less. */
  async assertExposure(unit: string, most: number): Promise<void> {
    const report = await this.run(`systemd-analyze security ${unit}`);
    const [, level] = /exposure level for \S+: ([0-9.]+)/.exec(report) ?? [];
    assert(Number(level) <= most, `${unit}: ${level}`);
  }

  /** The pid of a service's main process, inside the machine; 0 if it has none. */
  async mainPid(unit: string): Promise<number> {
    return Number(await this.show(unit, "MainPID"));
  }

  /** The lines that a unit's processes wrote; without systemd's own about it. */
  async journal(unit: string): Promise<string[]> {
    // A line may arrive after the end of its process, whose user unit the journal then does
    // not know. Root can wait for such lines.
    const find = this.#options.length > 0
      ? `journalctl _UID=$(id -u) --identifier=${unit.split(".")[0]}`
      : `journalctl --sync; journalctl _SYSTEMD_UNIT=${unit}`;
    const lines = await this.run(
      `${find} --output=cat --all --quiet _TRANSPORT=stdout`,
    );
    return lines.split("\n").slice(0, -1);
  }

  /** Waits until a unit's processes have written a line; returns all lines. */
  journalUpTo(unit: string, line: string): Promise<string[]> {
    return eventually(
      `the journal of ${unit} has "${line}"`,
      () => this.journal(unit),
      (lines) => lines.includes(line),
      { within: 60_000 },
    );
  }
}

export interface MachineOptions {
  /** The Debian that it runs; by default `MACHINE_ROOT`, or this host's root. */
  release?: "trixie";
  /** Prepares the tree before it boots; by default {@linkcode install}. */
  prepare?: (tree: Tree) => Promise<unknown>;
}

/** The file tree of a machine, which exists before and while it runs. */
export interface Tree {
  /** Its path, which only commands that are run with `run` can see. */
  root: string;
  /** Runs one of this host's commands; see the function of the same name. */
  run: typeof run;
}

/** Installs the programs and units into a tree, as a packager would. */
export function install({ root, run }: Tree): Promise<unknown> {
  return run(`make -C ${REPOSITORY} install DESTDIR=${root}`);
}

/** As {@linkcode install}; then enables units. */
export function enable(...units: string[]) {
  return async (tree: Tree) => {
    await install(tree);
    await tree.run("systemctl", `--root=${tree.root}`, "enable", ...units);
  };
}

/** A machine, from before the first test of a file until after the last. */
export class Machine extends Manager {
  /** The machine's tree, seen from this host. */
  tree!: Tree;
  /** `machine.sh`, in a session of its own, where Ctrl-C does not reach it. */
  #process?: Deno.ChildProcess;
  /** The pid of its systemd. */
  #leader = 0;
  /** The number in the name of the next drop-in: later ones override earlier ones. */
  #dropIns = 10;

  constructor(options: MachineOptions = {}) {
    super((...command) => attempt("nsenter", ...this.#inside(), ...command));
    Deno.test.beforeAll(() => this.#boot(options));
    Deno.test.afterAll(() => this.#end());
  }

  async #boot({ release, prepare = install }: MachineOptions): Promise<void> {
    if (Deno.uid() !== 0) {
      throw new Error("Cannot boot a machine: that takes root");
    }
    const lower = release === undefined
      ? Deno.env.get("MACHINE_ROOT") ?? "/"
      : await debian(release);
    const directory = await Deno.makeTempDir({ prefix: "ipc-machine-" });
    const process = this.#process = new Deno.Command("setsid", {
      args: [
        ...["unshare", "--mount", "--propagation=private", "--pid", "--fork"],
        ...["--kill-child", "--mount-proc"],
        ...["sh", `${import.meta.dirname}/machine.sh`, directory, lower],
      ],
      clearEnv: true,
      env: {
        ...ENVIRONMENT,
        // systemd 258 and newer do not boot with the older hierarchies.
        ...(lower === "/" ? {} : { SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: "1" }),
      },
      ...{ stdin: "piped", stdout: "piped", stderr: "piped" } as const,
    }).spawn();
    const { value } = await soon(
      "the machine's tree is prepared, or that has failed",
      process.stdout.getReader().read(),
      { within: 60_000 },
    );
    const pid = await child(process.pid, "sh");
    if (value === undefined || pid === 0) {
      const reason = await process.stderr.text();
      throw new Error(`Cannot boot a machine: ${reason}`.trimEnd());
    }
    const root = `${directory}/root`;
    const enter = [`--target=${pid}`, "--mount", "--pid", "--"];
    this.tree = {
      root,
      run: (...command) => run("nsenter", ...enter, ...words(command)),
    };
    await prepare(this.tree);

    const stdin = process.stdin.getWriter();
    await stdin.write(new TextEncoder().encode("boot\n"));
    stdin.releaseLock();
    await eventually(
      "the systemd of the machine is running",
      async () => {
        const nspawn = await child(pid, "systemd-nspawn");
        const leader = nspawn && await child(nspawn, "systemd");
        this.#leader = leader;
        const state = leader &&
          await this.attempt("systemctl", "is-system-running");
        const console = `/proc/${pid}/root${directory}/console`;
        return { state, console: await attempt("cat", console) };
      },
      ({ state }) => state !== 0 && state.stdout === "running\n",
      { within: 60_000 },
    );
  }

  /** Kills the machine and waits until its processes and mounts are gone. */
  async #end(): Promise<void> {
    await this.#process?.stdin.close();
    await this.#process?.status;
    await this.#process?.stderr.cancel().catch(() => {});
  }

  #inside(): string[] {
    return [
      `--target=${this.#leader}`,
      ...["--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--"],
    ];
  }

  /** Starts a command inside, with stdin and stdout as pipes. */
  spawn(...command: string[]): Deno.ChildProcess {
    return new Deno.Command("nsenter", {
      args: [...this.#inside(), ...words(command)],
      clearEnv: true,
      env: ENVIRONMENT,
      stdin: "piped",
      stdout: "piped",
    }).spawn();
  }

  /** The path by which this host reaches a file inside the machine. */
  path(inside: string): string {
    return `/proc/${this.#leader}/root${inside}`;
  }

  /** Connects to a unix socket inside from this process. */
  connect(path = SOCKET_PATH): Promise<Deno.UnixConn> {
    return Deno.connect({ transport: "unix", path: this.path(path) });
  }

  /** Asserts that a new connection is served. */
  async assertServed(path = SOCKET_PATH, text = "hello"): Promise<void> {
    using conn = await this.connect(path);
    assertEquals(await echoOf(conn, text), text);
  }

  /** Whether a file is there. */
  async has(path: string): Promise<boolean> {
    return (await this.attempt("test", "-e", path)).code === 0;
  }

  /** Writes a file inside, and the directories that it needs. */
  async write(path: string, text: string): Promise<void> {
    await Deno.writeTextFile(await this.#newPath(path), text);
  }

  /** Copies a file of this host into the machine. */
  async copy(file: string, path: string): Promise<void> {
    await Deno.copyFile(file, await this.#newPath(path));
  }

  async #newPath(inside: string): Promise<string> {
    const path = this.path(inside);
    await Deno.mkdir(dirname(path), { recursive: true });
    return path;
  }

  /** Compiles a program into the machine, as the Makefile compiles the real ones. */
  async compile(source: string, path: string, flags: string[]): Promise<void> {
    using directory = new TempDir();
    const program = directory.join("program");
    await output(Deno.execPath(), [
      ...["compile", "--quiet", "--no-check", "--no-prompt", "--no-code-cache"],
      ...[`--config=${REPOSITORY}deno.json`, "--frozen", ...flags],
      ...[`--output=${program}`, source],
    ], { env: denoEnv(), within: 60_000 });
    await this.copy(program, path);
  }

  /** Writes units, or other files of systemd's configuration, by name. */
  async units(units: Record<string, string>): Promise<void> {
    for (const [name, text] of Object.entries(units)) {
      await this.write(`/etc/systemd/system/${name}`, text);
    }
    await this.systemctl("daemon-reload");
  }

  /** Adds settings to a unit, until the returned object is disposed of. */
  async dropIn(unit: string, text: string): Promise<AsyncDisposable> {
    const path = `/run/systemd/system/${unit}.d/${this.#dropIns++}.conf`;
    await this.write(path, `${text}\n`);
    await this.systemctl("daemon-reload");
    return {
      [Symbol.asyncDispose]: async () => {
        await this.run(`rm -f ${path}; systemctl daemon-reload`);
      },
    };
  }

  /** Sets the interval of a start limit: a slow machine takes longer, and 0 lifts it. */
  async startLimitInterval(time: string, unit = SERVER): Promise<void> {
    await this.dropIn(unit, `[Unit]\nStartLimitIntervalSec=${time}`);
  }

  /** Sets the options in the environment file of a program, or an instance. */
  async options(program: string, options: string): Promise<void> {
    const [name] = program.split("@") as [string];
    const variable = `${name.toUpperCase().replace("-", "_")}_OPTIONS`;
    await this.write(`/etc/default/${program}`, `${variable}=${options}\n`);
  }
}

/** The pid of a process's child that runs a command; 0 if there is none. */
async function child(pid: number, command: string): Promise<number> {
  const args = ["-P", `${pid}`, "-x", command];
  return Number((await attempt("pgrep", ...args)).stdout);
}
