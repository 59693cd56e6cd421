import { CloseWord } from "../cli/close_word.ts";
import { ClientError, noReply } from "./client_error.ts";
import { LINGER_MS } from "./deadline.ts";
import { writeAll } from "./write_all.ts";

/** How a conversation is had. */
export interface InteractOptions {
  /** The address as it was typed, for messages. */
  addressText: string;
  /** How long the rest of the replies may take, in milliseconds. */
  timeoutMs: number;
}

/** The two ends of the conversation on this side. */
export interface Terminal {
  /** What is typed or piped in. */
  input: ReadableStream<Uint8Array>;
  /** Takes what comes back. */
  output: { write(bytes: Uint8Array): Promise<number> };
}

/**
 * Sends what comes in and puts out what comes back, byte for byte, until the
 * input ends and the server closes or has sent all of it back, or `close` has ended
 * the conversation.
 *
 * @throws {ClientError} The connection is lost, or replies are missing.
 */
export async function interact(
  conn: Deno.Conn,
  options: InteractOptions,
  { input, output }: Terminal,
): Promise<void> {
  const closeWord = new CloseWord();
  let sent = 0;
  let received = 0;
  let saidClose = false;
  let inputEnded = false;

  const sending = send();
  const receiving = receive();
  await Promise.race([
    receiving,
    // A server that is gone shows in what is received, with a better reason.
    sending.then((sentAll) => sentAll ? waitForTheRest() : receiving),
  ]);

  if (saidClose) return;
  if (!inputEnded) throw failed("the server closed it");
  if (received < sent) {
    throw failed(`${received} of ${sent} bytes came back`);
  }

  /** Returns whether the server took all of the input. */
  async function send(): Promise<boolean> {
    for await (const chunk of readable(input)) {
      saidClose ||= closeWord.completedBy(chunk);
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
      // A server may well close with input unread, once it was asked to.
      if (saidClose) return null;
      throw failed(error instanceof Error ? error.message : `${error}`);
    }
  }

  /** An echo is complete when all of it is there, whether or not the server closes. */
  async function waitForTheRest(): Promise<void> {
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

  function failed(cause: string): ClientError {
    return new ClientError(
      `Lost the connection to "${options.addressText}": ${cause}`,
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
