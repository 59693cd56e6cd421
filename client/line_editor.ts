import type { Interface } from "node:readline";
import { outputError } from "../cli/write_line.ts";
import type { Stdio } from "./interact.ts";

/** The signals that end the program, with their exit statuses. */
const FATAL = {
  SIGHUP: 129,
  SIGINT: 130,
  SIGQUIT: 131,
  SIGTERM: 143,
} as const;

/** The width of a terminal that does not report it. */
const COLUMNS = 80;

/**
 * Edits lines at the terminal, with cursor keys and history, and prints replies above the
 * edited line. Restores the terminal when disposed, at exit and on signals.
 */
export class LineEditor implements Stdio, Disposable {
  readonly input: ReadableStream<Uint8Array>;
  readonly output = { write: (bytes: Uint8Array) => this.#print(bytes) };
  readonly #readline: Interface;
  readonly #screen: typeof import("node:process").stdout;
  readonly #decoder = new TextDecoder();
  readonly #restored = new AbortController();

  private constructor(
    { createInterface }: typeof import("node:readline"),
    { stdin, stdout }: typeof import("node:process"),
  ) {
    this.#screen = stdout;
    // The callback of each write reports its error.
    stdout.on("error", () => {});
    this.#readline = createInterface({
      input: stdin,
      output: stdout,
      terminal: true,
      prompt: "",
    });
    this.input = new ReadableStream({
      start: (controller) => this.#feed(controller),
    });
    this.#takeTerminal();
  }

  /** Takes over the terminal of standard input and output. Loads node:readline. */
  static async open(): Promise<LineEditor> {
    const [readline, process] = await Promise.all([
      import("node:readline"),
      import("node:process"),
    ]);
    return new LineEditor(readline, process);
  }

  /** Whether standard input and output are a terminal with cursor control. */
  static isPossible(): boolean {
    return Deno.stdin.isTerminal() && Deno.stdout.isTerminal() &&
      Deno.env.get("TERM") !== "dumb";
  }

  [Symbol.dispose](): void {
    if (this.#restored.signal.aborted) return;
    this.#restored.abort();
    // Leaves an incomplete line visible.
    if (this.#readline.line !== "") this.#screen.write("\n");
    this.#readline.close();
    restoreMode();
  }

  #feed(controller: ReadableStreamDefaultController<Uint8Array>): void {
    const encoder = new TextEncoder();
    this.#readline.on("line", (line) => {
      this.#readline.setPrompt("");
      controller.enqueue(encoder.encode(`${line}\n`));
    });
    this.#readline.on("close", () => {
      this[Symbol.dispose]();
      controller.close();
    });
  }

  /** Sets cbreak mode, in which the kernel still handles Ctrl-C and Ctrl-Z. */
  #takeTerminal(): void {
    setCbreak();
    const { signal } = this.#restored;
    const on = (name: Deno.Signal, act: () => void) => {
      Deno.addSignalListener(name, act);
      signal.addEventListener("abort", () => {
        Deno.removeSignalListener(name, act);
      });
    };
    for (const [name, status] of Object.entries(FATAL)) {
      on(name as keyof typeof FATAL, () => Deno.exit(status));
    }
    // While the program was stopped, the shell has used the terminal.
    on("SIGCONT", () => {
      restoreMode();
      setCbreak();
      this.#readline.prompt(true);
    });
    // Emitted on every exit.
    globalThis.addEventListener("unload", () => this[Symbol.dispose](), {
      signal,
    });
  }

  async #print(bytes: Uint8Array): Promise<number> {
    const typed = this.#restored.signal.aborted ? "" : this.#readline.line;
    const { cursor } = this.#readline;
    if (typed !== "") this.#show("", 0);
    const written = this.#write(bytes);
    const incomplete = this.#incompleteLine(bytes);
    const fits = incomplete.length < (this.#screen.columns || COLUMNS);
    if (!fits && typed !== "") this.#screen.write("\n");
    // The prompt is redrawn before the typed text.
    this.#readline.setPrompt(fits ? incomplete : "");
    if (typed !== "") this.#show(typed, cursor);
    await written;
    return bytes.length;
  }

  /** Returns the visible part of a line that the server has not ended. */
  #incompleteLine(bytes: Uint8Array): string {
    const text = this.#decoder.decode(bytes, { stream: true });
    return (this.#readline.getPrompt() + text).split(/[\r\n]/).at(-1) ?? "";
  }

  /** Redraws the line with this text as typed. */
  #show(line: string, cursor: number): void {
    Object.assign(this.#readline, { line, cursor });
    this.#readline.prompt(true);
  }

  #write(bytes: Uint8Array): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#screen.write(
      bytes,
      (error) => error ? reject(outputError(error)) : resolve(),
    );
    return promise;
  }
}

function setCbreak(): void {
  Deno.stdin.setRaw(true, { cbreak: true });
}

function restoreMode(): void {
  try {
    Deno.stdin.setRaw(false);
  } catch {
    // The terminal is closed.
  }
}
