import { CloseWord } from "../cli/close_word.ts";
import { ClientError, lostConnection, noReply } from "./client_error.ts";
import { LINGER_MS } from "./deadline.ts";
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
      await writeAll(output, buffer.subarray(0, count));
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

  /** The echo is complete once it is as long as the input, even if the server does not close. */
  async function waitForRest(): Promise<void> {
    for (let before = -1; before !== received;) {
      before = received;
      const { timeoutMs } = options;
      const settled = await Promise.race([
        receiving.then(() => true),
        new Promise<false>((resolve) =>
          setTimeout(
            resolve,
            received === sent ? Math.min(LINGER_MS, timeoutMs) : timeoutMs,
            false,
          )
        ),
      ]);
      if (settled) return;
    }
    if (received >= sent) return;
    throw noReply(
      options.addressText,
      options.timeoutMs,
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
