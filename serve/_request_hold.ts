import type { ServiceServerEvents } from "./_service_server.ts";

/** The time for which a server without requests still counts as busy, in milliseconds. */
const IDLE_AFTER_MS = 20;

/**
 * Holds a service that exits when idle, while requests are in progress. A hold of its own
 * for each would take a third of the time of a small response; the timer takes a tenth.
 */
export class RequestHold {
  readonly #hold: ServiceServerEvents["hold"];
  readonly #exitsIdle: boolean;
  #requests = 0;
  #release: (() => void) | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isStopping = false;

  constructor({ hold, exitsIdle }: ServiceServerEvents) {
    this.#hold = hold;
    this.#exitsIdle = exitsIdle;
  }

  begin(): void {
    if (!this.#exitsIdle) return;
    this.#requests++;
    this.#release ??= this.#hold();
  }

  end(): void {
    if (!this.#exitsIdle) return;
    this.#requests--;
    if (this.#requests > 0) return;
    if (this.#isStopping) return this.#settle();
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#settle();
    }, IDLE_AFTER_MS);
    Deno.unrefTimer(this.#timer);
  }

  /** From now on, the end of the last request counts at once. */
  stop(): void {
    this.#isStopping = true;
    this.#settle();
  }

  #settle(): void {
    if (this.#requests > 0) return;
    this.#release?.();
    this.#release = undefined;
  }
}
