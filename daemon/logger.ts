import { JOURNAL_STREAM, type ReadableEnv } from "./environment.ts";
import { escapeControl } from "./escape_control.ts";
import type { JournalFields } from "./journal_send.ts";

/**
 * The levels of syslog(3), most severe first. The index of a level is the number in
 * its prefix of sd-daemon(3).
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

/** A level, which is the name of a method of {@linkcode Logger}. */
export type LogLevel =
  | "emergency"
  | "alert"
  | "critical"
  | "error"
  | "warning"
  | "notice"
  | "info"
  | "debug";

/** A method for each level, which writes one record, with fields of the journal. */
export type Logger = {
  readonly [level in LogLevel]: (text: string, fields?: JournalFields) => void;
};

/** Options for {@linkcode logger}. */
export interface LoggerOptions {
  /** The name of the program. Not used in the journal, which records it. */
  name?: string;
  /** Records less severe than this are dropped. @default {"info"} */
  level?: LogLevel;
  /** Whether standard error is the journal; detected by default. */
  journal?: boolean;
  /** The socket for records with fields, as for {@linkcode journalSend}. */
  journalSocket?: string;
  /** Receives the records, in place of standard error. */
  sink?: { writeSync(bytes: Uint8Array): number };
  /** The environment to read, in place of `Deno.env`. */
  env?: ReadableEnv;
}

const encoder = new TextEncoder();

/**
 * Creates a logger that writes one line for each record to standard error.
 *
 * - If standard error is the journal, the line starts with the level in the form of
 *   sd-daemon(3), `<3>` for an error, which the journal removes.
 * - Otherwise it starts with the names of the program and the level: `web: error: `.
 *
 * Standard error is the journal when `JOURNAL_STREAM` is set and standard error is no
 * terminal. With `--allow-all`, the device and inode in the variable are also compared
 * with standard error.
 *
 * A text of several lines becomes several lines of the same level. Other control
 * characters are escaped: text of a peer cannot forge a record or control a terminal.
 * A record that cannot be written is dropped: a program must not fail because of its
 * log.
 *
 * A record with fields is sent to the journal as by {@linkcode journalSend}, with the
 * text as `MESSAGE`, the level as `PRIORITY`, and the name of the program as
 * `SYSLOG_IDENTIFIER`. The lines before it may be recorded after it, and `Deno.exit()`
 * may lose it. If it cannot be sent, or standard error is not the journal, the fields
 * follow the text in its line.
 *
 * Needs `--allow-env=JOURNAL_STREAM`; for fields also the permissions of
 * {@linkcode journalSend}.
 *
 * @see {@link https://www.freedesktop.org/software/systemd/man/latest/sd-daemon.html | sd-daemon(3)}
 * @see {@link https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#%24JOURNAL_STREAM | systemd.exec(5), JOURNAL_STREAM}
 *
 * @param options The least severe level, and the sink.
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
    const write = (text: string, fields?: JournalFields) => {
      if (fields === undefined) return writeRecord(sink, prefix, text);
      const line = () => writeRecord(sink, prefix, withFields(text, fields));
      if (!journal) return line();
      sendRecord(text, severity, fields, options).then(
        (isSent) => isSent || line(),
        line,
      );
    };
    return [name, severity <= threshold ? write : () => {}];
  });
  return Object.fromEntries(methods);
}

async function sendRecord(
  text: string,
  severity: number,
  fields: JournalFields,
  { name, journalSocket: socket }: LoggerOptions,
): Promise<boolean> {
  // Programs without fields do not load it.
  const { journalSend } = await import("./journal_send.ts");
  return await journalSend({
    ...(name === undefined ? {} : { SYSLOG_IDENTIFIER: name }),
    ...fields,
    MESSAGE: text.split("\n").map(escapeControl).join("\n"),
    PRIORITY: severity,
  }, { socket });
}

/** Appends fields to a text: ` NAME="value"`. */
function withFields(text: string, fields: JournalFields): string {
  const decoder = new TextDecoder();
  return text.replace(/\n$/, "") +
    Object.entries(fields).flatMap(([name, value]) =>
      [value].flat().map((each) =>
        ` ${name}=${
          JSON.stringify(
            each instanceof Uint8Array ? decoder.decode(each) : `${each}`,
          )
        }`
      )
    ).join("");
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
    // A failed log has no place to report it.
  }
}

function isJournal({ sink, env = Deno.env }: LoggerOptions): boolean {
  // A shell may have inherited the variable from a service.
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

/** Deno allows `stat` of `/dev/stderr` only with all permissions. */
function mayStatStderr(): boolean {
  const names = ["read", "write", "net", "env", "run", "sys", "ffi"] as const;
  return names.every((name) =>
    Deno.permissions.querySync({ name }).state === "granted"
  );
}
