import { JOURNAL_STREAM, type ReadableEnv } from "./environment.ts";
import { escapeControl } from "./escape_control.ts";

/**
 * The levels of syslog(3), most severe first: the place of a level is the number
 * of its prefix in sd-daemon(3).
 */
const LEVELS: readonly LogLevel[] = [
  "emergency",
  "alert",
  "critical",
  "error",
  "warning",
  "notice",
  "info",
  "debug",
];

/** A level of {@linkcode Logger}: its method's name. */
export type LogLevel =
  | "emergency"
  | "alert"
  | "critical"
  | "error"
  | "warning"
  | "notice"
  | "info"
  | "debug";

/** Writes one record a call, at the level that the method is named after. */
export type Logger = {
  readonly [level in LogLevel]: (text: string) => void;
};

/** Options for {@linkcode logger}. */
export interface LoggerOptions {
  /** What the program is called; the journal knows that by itself. */
  name?: string;
  /** Records less severe than this are dropped. @default {"info"} */
  level?: LogLevel;
  /**
   * Whether the records go to the journal, in place of finding out.
   */
  journal?: boolean;
  /** Where the records go, in place of standard error. */
  sink?: { writeSync(bytes: Uint8Array): number };
  /** Where `JOURNAL_STREAM` is read, in place of the process' environment. */
  env?: ReadableEnv;
}

const encoder = new TextEncoder();

/**
 * Makes a logger that writes to standard error, one line a record.
 *
 * - When standard error is the journal, each line starts with its level as
 *   sd-daemon(3) has it: `<3>` for an error. The journal takes it off again.
 * - Otherwise it starts with the program's name and the level's: `web: error: `.
 *
 * The journal is there when `JOURNAL_STREAM` is set and standard error is no
 * terminal; with `--allow-all` the device and inode that it tells are compared
 * with standard error as well.
 *
 * A text of several lines becomes several lines of the same level. Other control
 * characters are escaped: what a peer sent cannot forge a record, nor move a
 * cursor. A record that cannot be written is lost, silently: logging is no
 * reason to fail.
 *
 * Needs `--allow-env=JOURNAL_STREAM`.
 *
 * @see {@link https://www.freedesktop.org/software/systemd/man/latest/sd-daemon.html | sd-daemon(3)}
 * @see {@link https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#%24JOURNAL_STREAM | systemd.exec(5), JOURNAL_STREAM}
 *
 * @param options The least severe level, and where to write.
 * @returns The logger.
 *
 * @example
 * ```ts
 * import { logger } from "@ipc/ipc";
 * import { assertEquals } from "@std/assert";
 *
 * let written = "";
 * const log = logger({
 *   journal: true,
 *   sink: {
 *     writeSync(bytes) {
 *       written += new TextDecoder().decode(bytes);
 *       return bytes.length;
 *     },
 *   },
 * });
 * log.warning("The disk is nearly full");
 *
 * assertEquals(written, "<4>The disk is nearly full\n");
 * ```
 */
export function logger(options: LoggerOptions = {}): Logger {
  const { level = "info", sink = Deno.stderr } = options;
  const journal = options.journal ?? isJournal(options);
  const threshold = LEVELS.indexOf(level);
  const program = options.name === undefined ? "" : `${options.name}: `;
  const methods = LEVELS.map((name, severity) => {
    const prefix = journal ? `<${severity}>` : `${program}${name}: `;
    const write = (text: string) => writeRecord(sink, prefix, text);
    return [name, severity <= threshold ? write : () => {}];
  });
  return Object.fromEntries(methods);
}

function writeRecord(
  sink: { writeSync(bytes: Uint8Array): number },
  prefix: string,
  text: string,
): void {
  const lines = text.replace(/\n$/, "").split("\n")
    .map((line) => `${prefix}${escapeControl(line)}\n`);
  const bytes = encoder.encode(lines.join(""));
  try {
    for (let written = 0; written < bytes.length;) {
      written += sink.writeSync(bytes.subarray(written));
    }
  } catch {
    // Nobody is left to be told.
  }
}

function isJournal({ sink, env = Deno.env }: LoggerOptions): boolean {
  // A shell may have inherited the variable from a service; a person has not.
  if (sink === undefined && Deno.stderr.isTerminal()) return false;
  const stream = env.get(JOURNAL_STREAM);
  if (stream === undefined) return false;
  if (!mayStatStderr()) return true;
  try {
    const { dev, ino } = Deno.statSync("/dev/stderr");
    return stream === `${dev}:${ino}`;
  } catch {
    return true;
  }
}

/** Deno opens `/dev/stderr` only to programs that may do everything. */
function mayStatStderr(): boolean {
  const names = ["read", "write", "net", "env", "run", "sys", "ffi"] as const;
  return names.every((name) =>
    Deno.permissions.querySync({ name }).state === "granted"
  );
}
