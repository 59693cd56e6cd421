import { escapeBytes } from "../cli/escape_bytes.ts";
import { ClientError, noReply } from "./client_error.ts";
import { deadline } from "./deadline.ts";
import { LineReader } from "./line_reader.ts";
import { writeAll } from "./write_all.ts";

/** How the numbers are sent. */
export interface CountOptions {
  /** The address as it was typed, for messages. */
  addressText: string;
  /** How many numbers to send. */
  count: number;
  /** The pause between two numbers, in milliseconds. */
  intervalMs: number;
  /** How long a reply may take, in milliseconds. */
  timeoutMs: number;
}

const encoder = new TextEncoder();

/**
 * Sends the numbers from 1, then `close`, and prints each with its reply.
 *
 * @param print Prints one line.
 * @throws {ClientError} A reply is missing, or the connection is lost.
 */
export async function count(
  conn: Deno.Conn,
  options: CountOptions,
  print: (line: string) => void,
): Promise<void> {
  const replies = new LineReader(conn);
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
    print(`recv:${escapeBytes(reply).text}`);
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

  function failed(cause: string): ClientError {
    return new ClientError(
      `Lost the connection to "${options.addressText}": ${cause}`,
    );
  }
}
