import { eventually } from "../support/eventually.ts";
import { Program } from "../support/program.ts";
import { TempDir } from "../support/temp_dir.ts";

/** How one kind of shell is used interactively. */
export interface ShellKind {
  /** The command that starts it without a user's settings. */
  command: string;
  /**
   * Lines that make it ready: completions, and control-O as the key that writes
   * the current line into the file.
   */
  setUp(file: string): string[];
}

const CLEAR_LINE = "\x05\x15";
const TAB = "\t";
const WRITE_LINE = "\x0f";

/** A shell at a terminal, at which keys are pressed. */
export class ShellSession implements AsyncDisposable {
  readonly #directory = new TempDir();
  readonly #program: Program;
  readonly #file: string;

  private constructor({ command }: ShellKind) {
    this.#file = this.#directory.join("line");
    this.#program = new Program(
      "script",
      ["--quiet", "--flush", "--command", command, "/dev/null"],
      { env: { HOME: this.#directory.path, TERM: "dumb", PS1: "$ " } },
    );
  }

  static async start(kind: ShellKind): Promise<ShellSession> {
    const session = new ShellSession(kind);
    try {
      const ready = session.#directory.join("ready");
      for (const line of kind.setUp(session.#file)) {
        await session.#program.type(`${line}\n`);
      }
      await session.#program.type(`echo >${ready}\n`);
      await session.#fileIsThere("the shell is ready", ready);
      return session;
    } catch (error) {
      await session[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Returns the line after the tab key is pressed at its end. */
  async completed(line: string): Promise<string> {
    await this.#program.type(`${CLEAR_LINE}${line}${TAB}${WRITE_LINE}`);
    const text = await this.#fileIsThere(`"${line}" is completed`, this.#file);
    await Deno.remove(this.#file);
    return text.slice(0, -1);
  }

  /** Waits until a file is complete, which ends with a newline, and returns it. */
  async #fileIsThere(what: string, path: string): Promise<string> {
    const look = () => Deno.readTextFile(path).catch(() => "");
    try {
      return await eventually(what, look, (text) => text.endsWith("\n"));
    } catch (cause) {
      const screen = this.#program.stdout.seen.slice(-10).join("\n");
      throw new Error(`${(cause as Error).message}; the screen: ${screen}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program[Symbol.asyncDispose]();
    this.#directory[Symbol.dispose]();
  }
}
