import { CloseWord } from "../cli/close_word.ts";
import { ClientError, lostConnection, noReply } from "./client_error.ts";
import { LINGER_MS, resolvesWithin } from "./deadline.ts";
import { writeAll } from "./write_all.ts";

/** Options for {@linkcode interact}. */
export interface InteractOptions {
  /** The address argument, for messages. */
  addressText: string;
  /** The longest silence before the rest of the replies, in milliseconds. */
  timeoutMs: number;
}

/** The input and output of the user. */
export interface Stdio {
  /** The typed or piped data. */
  input: ReadableStream<Uint8Array>;
  /** Receives the replies. */
  output: { write(bytes: Uint8Array): Promise<number> };
}

/**
 * Sends the input and writes the replies, byte for byte. Ends when the input has ended
 * and the server has closed the connection or sent everything back, or after `close`.
 *
 * @throws {ClientError} The connection is lost, or replies are missing.
 */
export async function interact(
  conn: Deno.Conn,
  options: InteractOptions,
  { input, output }: Stdio,
): Promise<void> {
  const failed = (cause: string) => lostConnection(options.addressText, cause);
  const closeWord = new CloseWord();
  let sent = 0;
  let received = 0;
  /** The number of finished reads and writes of replies. */
  let steps = 0;
  let isWriting = false;
  let sentClose = false;
  let inputEnded = false;

  const sending = send();
  const receiving = receive();
  await Promise.race([
    receiving,
    // For a closed connection, the error of receiving has the better reason.
    sending.then((sentAll) => sentAll ? waitForRest() : receiving),
  ]);

  if (sentClose) return;
  if (!inputEnded) throw failed("the server closed it");
  if (received < sent) {
    throw failed(`${received} of ${sent} bytes came back`);
  }

  /** Returns whether the server took all of the input. */
  async function send(): Promise<boolean> {
    for await (const chunk of readable(input)) {
      sentClose ||= closeWord.completedBy(chunk);
      sent += chunk.length;
      if (!await taken(writeAll(conn, chunk))) return false;
    }
    inputEnded = true;
    return await taken(conn.closeWrite());
  }

  async function receive(): Promise<void> {
    const buffer = new Uint8Array(64 * 1024);
    for (;;) {
      const count = await read(buffer);
      if (count === null) return;
      received += count;
      isWriting = true;
      steps += 1;
      await writeAll(output, buffer.subarray(0, count));
      isWriting = false;
      steps += 1;
    }
  }

  async function read(buffer: Uint8Array): Promise<number | null> {
    try {
      return await conn.read(buffer);
    } catch (error) {
      // After `close`, a server may close with unread input.
      if (sentClose) return null;
      throw failed(error instanceof Error ? error.message : `${error}`);
    }
  }

  /**
   * The echo is complete once it is as long as the input, even if the server does not
   * close. While the output is blocked, the client does not read: the server is not silent.
   */
  async function waitForRest(): Promise<void> {
    const { timeoutMs } = options;
    for (let before = -1; before !== steps || isWriting;) {
      before = steps;
      const isComplete = received === sent;
      const ms = isComplete ? Math.min(LINGER_MS, timeoutMs) : timeoutMs;
      if (await resolvesWithin(receiving, ms)) return;
    }
    if (received >= sent) return;
    throw noReply(
      options.addressText,
      timeoutMs,
      `${received} of ${sent} bytes came back`,
    );
  }
}

async function* readable(
  input: ReadableStream<Uint8Array>,
): AsyncIterable<Uint8Array> {
  try {
    yield* input;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : cause;
    throw new ClientError(`Cannot read standard input: ${reason}`, { cause });
  }
}

function taken(sending: Promise<void>): Promise<boolean> {
  return sending.then(() => true, () => false);
}
