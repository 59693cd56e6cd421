/** A terminal of tmux: its screen can be read. */

import { eventually } from "../support/eventually.ts";
import { run } from "../support/program.ts";
import { TempDir } from "../support/temp_dir.ts";

export class Screen implements AsyncDisposable {
  readonly #directory = new TempDir();

  /** Opens a terminal with a shell script in it. */
  static async open(
    script: string,
    { columns = 60, rows = 20 } = {},
  ): Promise<Screen> {
    await using opened = new AsyncDisposableStack();
    const screen = opened.use(new Screen());
    await screen.#tmux(
      ...["new-session", "-d", "-x", `${columns}`, "-y", `${rows}`],
      // Ctrl-C ends other shells with the program. The terminal stays open until it is
      // disposed of, so that its content can be read.
      ...["bash", "-c", `${script}\nexec cat`],
    );
    opened.move();
    return screen;
  }

  /** Types texts, and presses keys by their names: `Up`, `Home`, `Enter`, `C-d`. */
  async press(...keys: string[]): Promise<void> {
    await this.#tmux("send-keys", ...keys);
  }

  /** Waits until the screen shows exactly these lines. */
  async shows(...lines: (string | RegExp)[]): Promise<void> {
    await this.#until(lines, (seen) => seen.length === lines.length);
  }

  /** Waits until these lines are the screen's last ones, and returns all of it. */
  async ends(...lines: (string | RegExp)[]): Promise<string[]> {
    return await this.#until(lines, () => true);
  }

  /** Returns the lines on the screen. */
  async lines(): Promise<string[]> {
    const shown = await this.#tmux("capture-pane", "-p");
    return shown.trimEnd().split("\n").map((line) => line.trimEnd());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tmux("kill-server").catch(() => {});
    this.#directory[Symbol.dispose]();
  }

  async #until(
    lines: (string | RegExp)[],
    good: (seen: string[]) => boolean,
  ): Promise<string[]> {
    return await eventually(
      `the screen shows ${Deno.inspect(lines)}`,
      () => this.lines(),
      (seen) => {
        const last = seen.slice(-lines.length);
        return good(seen) && last.length === lines.length &&
          lines.every((line, i) =>
            typeof line === "string" ? line === last[i] : line.test(last[i]!)
          );
      },
    );
  }

  async #tmux(...args: string[]): Promise<string> {
    const socket = this.#directory.join("tmux.socket");
    const { code, stdout, stderr } = await run(
      "tmux",
      ["-S", socket, "-f", "/dev/null", ...args],
    );
    if (code !== 0) throw new Error(`tmux ${args[0]} failed: ${stderr}`);
    return stdout;
  }
}
