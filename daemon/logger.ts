import { hasJournal, JOURNAL_SOCKET, probeJournal } from "./_journal_socket.ts";
import { JOURNAL_STREAM, type ReadableEnv } from "./environment.ts";
import { escapeControl } from "./escape_control.ts";
import { type JournalFields, journalSend } from "./journal_send.ts";

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
  name?: string | undefined;
  /** Records less severe than this are dropped. @default {"info"} */
  level?: LogLevel | undefined;
  /** Whether standard error is the journal; detected by default. */
  journal?: boolean | undefined;
  /** The socket for records with fields, as for {@linkcode journalSend}. */
  journalSocket?: string | undefined;
  /** Receives the records, in place of standard error. */
  sink?: { writeSync(bytes: Uint8Array): number } | undefined;
  /** The environment to read, in place of `Deno.env`. */
  env?: ReadableEnv | undefined;
}

const encoder = new TextEncoder();

/**
 * Creates a logger that writes one line for each record to standard error.
 *
 * - If standard error is the journal, the line starts with the level in the form of
 *   sd-daemon(3), `<3>` for an error, which the journal removes.
 * - Otherwise it starts with the names of the program and the level: `web: error: `.
 *
 * Standard error is the journal when `JOURNAL_STREAM` names its device and inode. They
 * are compared at the first record, which loads `node:fs` if the variable is set.
 *
 * A text of several lines becomes several lines of the same level. Other control
 * characters are escaped: text of a peer cannot forge a record or control a terminal.
 * A record that cannot be written is dropped: a program must not fail because of its
 * log.
 *
 * A record with fields is sent to the journal as by {@linkcode journalSend}, with the
 * text as `MESSAGE`, the level as `PRIORITY`, and the name of the program as
 * `SYSLOG_IDENTIFIER`. It arrives also when the program ends, throws or hangs at once.
 * The lines before it may be recorded after it. If it cannot be sent, or standard error
 * is not the journal, the fields follow the text in its line. The same applies to records
 * in the first turn of the event loop after the logger was created, in which its socket
 * cannot send.
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
  const { journalSocket = JOURNAL_SOCKET } = options;
  const mayBeJournal = options.journal ?? namedJournal(options) !== undefined;
  if (mayBeJournal) probeJournal(journalSocket);
  let journal = mayBeJournal ? options.journal : false;
  const threshold = LEVELS.indexOf(level);
  const program = options.name === undefined ? "" : `${options.name}: `;
  const methods = LEVELS.map((name, severity) => {
    const write = (text: string, fields?: JournalFields) => {
      journal ??= isStderr(namedJournal(options)!);
      const prefix = journal ? `<${severity}>` : `${program}${name}: `;
      if (fields === undefined) return writeRecord(sink, prefix, text);
      const line = () => writeRecord(sink, prefix, withFields(text, fields));
      if (!journal || !hasJournal(journalSocket)) return line();
      journalSend({
        ...(options.name === undefined
          ? {}
          : { SYSLOG_IDENTIFIER: options.name }),
        ...fields,
        MESSAGE: linesOf(text).join("\n"),
        PRIORITY: severity,
      }, { socket: journalSocket }).then((isSent) => isSent || line(), line);
    };
    return [name, severity <= threshold ? write : () => {}];
  });
  return Object.fromEntries(methods);
}

/** Returns the lines of a text, escaped. */
function linesOf(text: string): string[] {
  return text.replace(/\n$/, "").split("\n").map(escapeControl);
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
  const lines = linesOf(text).map((line) => `${prefix}${line}\n`);
  const bytes = encoder.encode(lines.join(""));
  try {
    for (let written = 0; written < bytes.length;) {
      written += sink.writeSync(bytes.subarray(written));
    }
  } catch {
    // There is no other place to report it.
  }
}

/** Returns the device and inode of the journal's stream, if there may be one. */
function namedJournal(
  { sink, env = Deno.env }: LoggerOptions,
): string | undefined {
  // A shell may have inherited the variable from a service.
  if (sink === undefined && Deno.stderr.isTerminal()) return undefined;
  return env.get(JOURNAL_STREAM);
}

/** Whether standard error is the stream of this device and inode. */
function isStderr(stream: string): boolean {
  // An import would slow the start of programs that systemd does not run.
  const { getBuiltinModule } = Reflect.get(globalThis, "process");
  try {
    const options = { bigint: true };
    const { dev, ino } = getBuiltinModule("node:fs").fstatSync(2, options);
    return stream === `${dev}:${ino}`;
  } catch {
    return true;
  }
}
