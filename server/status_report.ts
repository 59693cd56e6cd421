import { notify } from "../mod.ts";
import { isLackOfDescriptors } from "./descriptors.ts";
import type { EchoStatus } from "./echo.ts";

/** The shortest interval between two statuses, in milliseconds. */
const STATUS_INTERVAL_MS = 1_000;

/** Notifies the service manager of the status when it has changed, once a second. */
export class StatusReport {
  readonly #read: () => string;
  readonly #onLackOfDescriptors: () => void;
  #sent = "";
  #timer: ReturnType<typeof setInterval> | undefined;

  /**
   * @param read Returns the status.
   * @param onLackOfDescriptors Called when a status cannot be sent without a free
   * descriptor. It is sent again.
   */
  constructor(read: () => string, onLackOfDescriptors: () => void = () => {}) {
    this.#read = read;
    this.#onLackOfDescriptors = onLackOfDescriptors;
  }

  /** Starts to report, and returns the first status. */
  start(): string {
    this.#timer ??= setInterval(() => void this.#update(), STATUS_INTERVAL_MS);
    return this.#sent = this.#read();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  async #update(): Promise<void> {
    const status = this.#read();
    if (status === this.#sent) return;
    this.#sent = status;
    try {
      if (await notify({ status })) return;
    } catch (error) {
      if (isLackOfDescriptors(error)) {
        this.#sent = "";
        return this.#onLackOfDescriptors();
      }
    }
    // There is no notify socket, or its error was reported with READY=1.
    this[Symbol.dispose]();
  }
}

/** Returns the status line for `systemctl status`. */
export function statusLine(
  { open, served, bytes }: EchoStatus,
  waiting: number,
): string {
  const held = waiting === 0 ? "" : `, ${waiting} waiting`;
  return `${open} open${held}, ${served} served, ${bytes} bytes received`;
}
