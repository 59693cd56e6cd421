import { escapeBytes } from "../cli/escape_bytes.ts";
import { ClientError, lostConnection, noReply } from "./client_error.ts";
import { deadline } from "./deadline.ts";
import { LineReader } from "./line_reader.ts";
import { writeAll } from "./write_all.ts";

/** Options for {@linkcode count}. */
export interface CountOptions {
  /** The address argument, for messages. */
  addressText: string;
  /** The number of numbers to send. */
  count: number;
  /** The pause between two numbers, in milliseconds. */
  intervalMs: number;
  /** The time limit of a reply, in milliseconds. */
  timeoutMs: number;
}

const encoder = new TextEncoder();

/** The time to wait for an echo after a greeting, in milliseconds. */
const GREETED_MS = 1_000;

/** The most characters of a reply in an error message. */
const QUOTED = 80;

/**
 * Sends the numbers from 1, then `close`, and prints each with its reply.
 *
 * @param print Prints one line.
 * @throws {ClientError} A reply is missing or wrong, or the connection is lost.
 */
export async function count(
  conn: Deno.Conn,
  options: CountOptions,
  print: (line: string) => void,
): Promise<void> {
  const failed = (cause: string) => lostConnection(options.addressText, cause);
  const replies = new LineReader(conn);
  let first = true;
  for (let number = 1; number <= options.count; number++) {
    await exchange(`${number}`);
    await new Promise((resolve) => setTimeout(resolve, options.intervalMs));
  }
  await exchange("close");

  async function exchange(data: string): Promise<void> {
    print(`input data: ${data}`);
    const reply = await deadline(
      roundTrip(data),
      options.timeoutMs,
      () =>
        noReply(options.addressText, options.timeoutMs, `"${data}" was sent`),
    );
    if (reply === null) {
      throw failed(
        `the server closed the connection before the reply to "${data}"`,
      );
    }
    const text = escapeBytes(reply).text;
    print(`recv:${text}`);
    if (text !== data) throw await wrong(data, reply);
    first = false;
  }

  /** A server with a greeting sends a line before its first echo. */
  async function wrong(data: string, reply: Uint8Array): Promise<ClientError> {
    const { text, cut } = escapeBytes(reply, QUOTED);
    const quoted = cut ? `${text}…` : text;
    const isGreeting = first && await echoFollows(data);
    return new ClientError(
      isGreeting
        ? `"${options.addressText}" greets with "${quoted}" before it echoes "${data}": it is not a plain echo server`
        : `Wrong reply from "${options.addressText}": "${data}" was sent, and "${quoted}" came back`,
    );
  }

  async function echoFollows(data: string): Promise<boolean> {
    const line = await deadline(
      replies.read(),
      GREETED_MS,
      () => new Error("late"),
    ).catch(() => null);
    return line !== null && escapeBytes(line).text === data;
  }

  async function roundTrip(data: string): Promise<Uint8Array | null> {
    try {
      await writeAll(conn, encoder.encode(`${data}\n`));
      return await replies.read();
    } catch (error) {
      const cause = error instanceof Error ? error.message : `${error}`;
      throw failed(cause);
    }
  }
}
