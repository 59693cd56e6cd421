import { bodyTooLong } from "./_handler_result.ts";

/** The bytes that are received before the handler reads them. */
const UNREAD_BYTES_MAX = 64 * 1024;

type Bytes = Uint8Array<ArrayBuffer>;

/** The callbacks of a body. */
export interface ReceivedBodyEvents {
  /** The handler reads for the first time. */
  onFirstRead(): void;
  /** There may be room for more bytes. */
  onRead(): void;
}

/** The body of a request while it is received. */
export class ReceivedBody {
  readonly #events: ReceivedBodyEvents;
  readonly #maxBytes: number;
  readonly #chunks: Bytes[] = [];
  #receivedBytes = 0;
  #unreadBytes = 0;
  #isComplete = false;
  #isRead = false;
  #isDiscarded = false;
  /** Why the rest cannot be read. */
  #error: Error | undefined;
  #changed: (() => void) | undefined;

  constructor(maxBytes: number, events: ReceivedBodyEvents) {
    this.#maxBytes = maxBytes;
    this.#events = events;
  }

  /** Whether the client has to wait. */
  get isFull(): boolean {
    return this.#unreadBytes >= UNREAD_BYTES_MAX ||
      this.#error !== undefined && !this.#isDiscarded;
  }

  /** Whether the rest cannot be read. */
  get hasFailed(): boolean {
    return this.#error !== undefined;
  }

  /** Adds received bytes, which must not change. */
  push(bytes: Bytes): void {
    if (this.#isDiscarded || this.#error !== undefined) return;
    this.#receivedBytes += bytes.length;
    if (this.#receivedBytes > this.#maxBytes) {
      return this.fail(bodyTooLong(this.#maxBytes));
    }
    this.#chunks.push(bytes);
    this.#unreadBytes += bytes.length;
    this.#changed?.();
  }

  /** All bytes have been received. */
  finish(): void {
    this.#isComplete = true;
    this.#changed?.();
  }

  /** Drops unread bytes: later reads fail. */
  fail(error: Error): void {
    if (
      this.#error !== undefined || this.#isComplete && this.#unreadBytes === 0
    ) {
      return;
    }
    this.#error = error;
    this.#clear();
    this.#changed?.();
  }

  /** Drops unread bytes, and those received later. */
  discard(): void {
    this.#isDiscarded = true;
    this.#clear();
    this.#events.onRead();
  }

  /** Returns all bytes if they have been received, otherwise a stream. */
  take(): Bytes | ReadableStream<Bytes> {
    if (!this.#isComplete || this.#error !== undefined || this.#isDiscarded) {
      return this.#stream();
    }
    const all = new Uint8Array(this.#unreadBytes);
    let length = 0;
    for (const chunk of this.#chunks) {
      all.set(chunk, length);
      length += chunk.length;
    }
    this.#clear();
    this.#events.onRead();
    return all;
  }

  /** Reads only when pulled: until then, the client waits. */
  #stream(): ReadableStream<Bytes> {
    return new ReadableStream({
      type: "bytes",
      pull: async (controller) => {
        const chunk = await this.#read();
        if (chunk !== undefined) return controller.enqueue(chunk);
        controller.close();
        controller.byobRequest?.respond(0);
      },
      cancel: () => this.discard(),
    });
  }

  async #read(): Promise<Bytes | undefined> {
    if (!this.#isRead) this.#events.onFirstRead();
    this.#isRead = true;
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        this.#unreadBytes -= chunk.length;
        this.#events.onRead();
        return chunk;
      }
      if (this.#error !== undefined) throw this.#error;
      if (this.#isComplete) return undefined;
      await new Promise<void>((resolve) => this.#changed = resolve);
    }
  }

  #clear(): void {
    this.#chunks.length = 0;
    this.#unreadBytes = 0;
  }
}
