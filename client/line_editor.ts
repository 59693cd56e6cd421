import type { Interface } from "node:readline";
import { outputError } from "../cli/write_line.ts";
import type { Terminal } from "./interact.ts";

/** The signals that end the program, with the exit statuses that shells expect. */
const DEADLY = {
  SIGHUP: 129,
  SIGINT: 130,
  SIGQUIT: 131,
  SIGTERM: 143,
} as const;

/** As wide as terminals are that do not tell. */
const COLUMNS = 80;

/**
 * Lines are typed at the terminal with cursor keys and history, and what comes
 * back is printed above the one that is being typed. Disposing of it gives the
 * terminal back as it was, and so do the end of the program and signals.
 */
export class LineEditor implements Terminal, Disposable {
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
    // Whoever writes is told by the callback.
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
    this.#own();
  }

  /**
   * Takes over the terminal that is standard input and output. The libraries are
   * loaded only now: nobody else has to wait for them.
   */
  static async open(): Promise<LineEditor> {
    const [readline, process] = await Promise.all([
      import("node:readline"),
      import("node:process"),
    ]);
    return new LineEditor(readline, process);
  }

  /** Whether there is a terminal to edit lines at. */
  static isPossible(): boolean {
    return Deno.stdin.isTerminal() && Deno.stdout.isTerminal() &&
      Deno.env.get("TERM") !== "dumb";
  }

  [Symbol.dispose](): void {
    if (this.#restored.signal.aborted) return;
    this.#restored.abort();
    // What was half typed is left to see.
    if (this.#readline.line !== "") this.#screen.write("\n");
    this.#readline.close();
    giveBack();
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

  /** Has the terminal to itself, but leaves Ctrl-C and Ctrl-Z to the kernel. */
  #own(): void {
    takeKeys();
    const { signal } = this.#restored;
    const on = (name: Deno.Signal, act: () => void) => {
      Deno.addSignalListener(name, act);
      signal.addEventListener("abort", () => {
        Deno.removeSignalListener(name, act);
      });
    };
    for (const [name, status] of Object.entries(DEADLY)) {
      on(name as keyof typeof DEADLY, () => Deno.exit(status));
    }
    // The shell had the terminal meanwhile.
    on("SIGCONT", () => {
      giveBack();
      takeKeys();
      this.#readline.prompt(true);
    });
    // Every exit comes by here, whatever led to it.
    globalThis.addEventListener("unload", () => this[Symbol.dispose](), {
      signal,
    });
  }

  async #print(bytes: Uint8Array): Promise<number> {
    const typed = this.#restored.signal.aborted ? "" : this.#readline.line;
    const { cursor } = this.#readline;
    if (typed !== "") this.#show("", 0);
    const written = this.#write(bytes);
    const unended = this.#unendedLine(bytes);
    const fits = unended.length < (this.#screen.columns || COLUMNS);
    if (!fits && typed !== "") this.#screen.write("\n");
    // It is redrawn with what is typed behind it.
    this.#readline.setPrompt(fits ? unended : "");
    if (typed !== "") this.#show(typed, cursor);
    await written;
    return bytes.length;
  }

  /** Returns what the screen shows of a line that the server has not ended. */
  #unendedLine(bytes: Uint8Array): string {
    const text = this.#decoder.decode(bytes, { stream: true });
    return (this.#readline.getPrompt() + text).split(/[\r\n]/).at(-1) ?? "";
  }

  /** Redraws the line, as if that had been typed. */
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

function takeKeys(): void {
  Deno.stdin.setRaw(true, { cbreak: true });
}

function giveBack(): void {
  try {
    Deno.stdin.setRaw(false);
  } catch {
    // The terminal is gone.
  }
}
