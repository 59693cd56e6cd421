import { TIMER_MAX_MS } from "../activation/_timer.ts";

/** The callbacks of {@linkcode Holds}. */
export interface HoldEvents {
  /** The last work has ended. */
  onReleased(holds: Holds): void;
  log(problem: string, error: unknown): void;
}

/** Work in progress, which a stop waits for. */
class Hold implements Disposable {
  readonly abort: (() => void) | undefined;
  readonly #holds: Holds;

  constructor(holds: Holds, abort: (() => void) | undefined) {
    this.#holds = holds;
    this.abort = abort;
  }

  [Symbol.dispose](): void {
    this.#holds.delete(this);
  }
}

/** The work in progress of a member, or of the program itself. */
export class Holds {
  readonly #all = new Set<Hold>();
  readonly #events: HoldEvents;
  #released = Promise.withResolvers<void>();

  constructor(events: HoldEvents) {
    this.#events = events;
  }

  get size(): number {
    return this.#all.size;
  }

  add(abort?: () => void): Hold {
    const hold = new Hold(this, abort);
    this.#all.add(hold);
    return hold;
  }

  delete(hold: Hold): void {
    if (!this.#all.delete(hold) || this.#all.size > 0) return;
    this.#released.resolve();
    this.#events.onReleased(this);
  }

  /** Waits for the end of all work; after a time in milliseconds, aborts the rest. */
  async drain(timeoutMs: number): Promise<void> {
    if (this.#all.size === 0) return;
    this.#released = Promise.withResolvers();
    const timer = setTimeout(
      () => this.abort(),
      Math.min(timeoutMs, TIMER_MAX_MS),
    );
    await this.#released.promise;
    clearTimeout(timer);
  }

  /** Aborts all work, and resolves a pending drain. */
  abort(): void {
    if (this.#all.size === 0) return;
    const aborted = [...this.#all];
    this.#all.clear();
    for (const { abort } of aborted) {
      try {
        abort?.();
      } catch (error) {
        this.#events.log("Cannot abort work at the end of its time", error);
      }
    }
    this.#released.resolve();
  }
}
