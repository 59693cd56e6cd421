import { JOURNAL_SOCKET, sendToJournal } from "./_journal_socket.ts";
import { sendErrorCode } from "./_unix_datagram.ts";
import { JournalError } from "./errors.ts";

/** A value of a field. A number becomes text. */
export type JournalValue = string | number | bigint | Uint8Array;

/**
 * The fields of a record, by name: capital letters, digits and underscores, at most 64,
 * the first one a letter. A field with several values is recorded with each of them.
 *
 * Well-known names are in systemd.journal-fields(7): `MESSAGE`, `PRIORITY` (0 to 7),
 * `SYSLOG_IDENTIFIER`, `MESSAGE_ID`.
 *
 * @example
 * ```ts
 * import type { JournalFields } from "@ipc/ipc";
 *
 * const fields: JournalFields = { MESSAGE: "Served", PRIORITY: 6, BYTES: 512 };
 * ```
 */
export type JournalFields = Readonly<
  Record<string, JournalValue | readonly JournalValue[]>
>;

/** Options for {@linkcode journalSend}. */
export interface JournalSendOptions {
  /** The path of the socket. @default {"/run/systemd/journal/socket"} */
  socket?: string | undefined;
}

/** The most fields of a record. */
const FIELDS_MAX = 1024;

const NAME = /^[A-Z][A-Z0-9_]{0,63}$/;

/**
 * Sends one record with fields to the journal, in its native protocol. Values may be
 * bytes, and have several lines.
 *
 * The first record opens a socket, which stays open. If the program ends before the
 * promise of that first record has resolved, the record is lost; a {@linkcode logger}
 * opens the socket earlier. Later records are sent before this function returns.
 *
 * The record is one datagram, whose size the kernel limits (about 200 KB): Deno cannot
 * pass a file in its place, as libsystemd does.
 *
 * Needs `--unstable-net`, `--allow-net=unix:/run/systemd/journal/socket` and
 * `--allow-write=/run/systemd/journal/socket`.
 *
 * @see {@link https://www.freedesktop.org/software/systemd/man/latest/sd_journal_send.html | sd_journal_send(3)}
 * @see {@link https://systemd.io/JOURNAL_NATIVE_PROTOCOL/ | Native Journal Protocol}
 *
 * @param fields The fields.
 * @param options The socket.
 * @returns Whether there is a journal: true when the record was sent.
 * @throws {JournalError} The journal would drop a field or the record, or its socket
 * cannot be reached.
 *
 * @example
 * ```ts
 * import { journalSend } from "@ipc/ipc";
 * import { assertEquals } from "@std/assert";
 *
 * const fields = { MESSAGE: "Served", PRIORITY: 6, REQUEST_ID: "7" };
 * assertEquals(await journalSend(fields, { socket: "/nonexistent" }), false);
 * ```
 */
export async function journalSend(
  fields: JournalFields,
  { socket = JOURNAL_SOCKET }: JournalSendOptions = {},
): Promise<boolean> {
  const record = formatJournalFields(fields);
  try {
    await sendToJournal(socket, record);
    return true;
  } catch (cause) {
    if (
      cause instanceof Deno.errors.NotFound ||
      cause instanceof Deno.errors.ConnectionRefused
    ) return false;
    const { message, code } = cause as Error & { code?: string };
    throw new JournalError(
      `Cannot send ${record.length} bytes to ${socket}: ${message}`,
      { code: code === "EMSGSIZE" ? "too-large" : sendErrorCode(cause), cause },
    );
  }
}

/**
 * Returns the fields in the form of the native protocol.
 *
 * @throws {JournalError} The journal would drop a field, or all of them.
 */
export function formatJournalFields(
  fields: JournalFields,
): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let count = 0;
  for (const [name, value] of Object.entries(fields)) {
    if (!NAME.test(name)) {
      throw invalid(
        name,
        "is not a name of capital letters, digits and underscores that begins with a letter",
      );
    }
    const values: readonly JournalValue[] = Array.isArray(value)
      ? value
      : [value];
    for (const each of values) {
      count++;
      parts.push(...formatField(name, each));
    }
  }
  if (count === 0 || count > FIELDS_MAX) {
    throw new JournalError(
      `Cannot send a record of ${count} fields: it must have 1 to ${FIELDS_MAX}`,
      { code: "invalid" },
    );
  }
  const record = new Uint8Array(
    parts.reduce((length, part) => length + part.length, 0),
  );
  let at = 0;
  for (const part of parts) {
    record.set(part, at);
    at += part.length;
  }
  return record;
}

const encoder = new TextEncoder();
const LINE_FEED = 10;

function* formatField(
  name: string,
  value: JournalValue,
): Generator<Uint8Array<ArrayBuffer>> {
  if (!["string", "number", "bigint"].includes(typeof value)) {
    if (!(value instanceof Uint8Array)) {
      throw invalid(name, "has a value that is no text, number or bytes");
    }
  }
  const bytes = value instanceof Uint8Array
    ? new Uint8Array(value)
    : encoder.encode(`${value}`);
  if (!bytes.includes(LINE_FEED)) {
    yield encoder.encode(`${name}=`);
  } else {
    yield encoder.encode(`${name}\n`);
    const length = new Uint8Array(8);
    new DataView(length.buffer).setBigUint64(0, BigInt(bytes.length), true);
    yield length;
  }
  yield bytes;
  yield Uint8Array.of(LINE_FEED);
}

function invalid(name: string, problem: string): JournalError {
  return new JournalError(
    `Cannot send the field ${JSON.stringify(name)}: it ${problem}`,
    { code: "invalid" },
  );
}
