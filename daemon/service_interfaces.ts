import type { NotifyError } from "./errors.ts";

/** Options for {@linkcode Service.join}. */
export interface JoinOptions {
  /**
   * The time without work after which the member agrees to an idle exit, in
   * milliseconds; 0 for never. The service exits when every member has been idle for
   * its own time. A process that was started without sockets never exits when idle.
   *
   * @default {0}
   */
  idleTimeoutMs?: number | undefined;
  /**
   * The time for pending work after the service begins to stop, in milliseconds. Set
   * `TimeoutStopSec=` at least two seconds above the longest.
   *
   * @default {10000}
   */
  drainTimeoutMs?: number | undefined;
  /**
   * Called before each ping of the watchdog. The service pings when every member
   * returns true.
   */
  healthy?: (() => boolean | Promise<boolean>) | undefined;
  /** The promise that `READY=1` waits for. */
  started?: Promise<unknown> | undefined;
  /** The line for `systemctl status` that is sent with `READY=1`. */
  status?: string | (() => string) | undefined;
  /**
   * Whether the service manager is notified, and its watchdog pinged, for this member.
   *
   * @default {true}
   */
  notify?: boolean | undefined;
  /**
   * Called with the error when the service manager cannot be notified. By default it is
   * logged.
   */
  onNotifyError?: ((error: NotifyError) => void) | undefined;
}

/** A part of a service, with work of its own: a server, or a queue. */
export interface Member extends AsyncDisposable {
  /**
   * Aborted when the member begins to stop. Take a {@linkcode Member.hold} at once for
   * the remaining work.
   */
  readonly stopping: AbortSignal;
  /**
   * The time without work after which the member agrees to an idle exit, in milliseconds:
   * that of the unit, or else of its options; 0 for never.
   */
  readonly idleTimeoutMs: number;
  /**
   * Marks the beginning of work, such as a connection, a job or a datagram, until the
   * result is disposed. Meanwhile the service is not idle, and a stop waits.
   *
   * @param abort Called when the time for a stop is over.
   */
  hold(abort?: () => void): Disposable;
  /**
   * Stops this member alone, which leaves the service.
   *
   * @returns Resolves when its work has ended, at the latest after its
   * `drainTimeoutMs`.
   */
  stop(): Promise<void>;
}

/** The life of the process as a service. */
export interface Service {
  /** Aborted when the stop begins: handlers then end their streams. */
  readonly stopping: AbortSignal;
  /** Resolves when every member has stopped. */
  readonly finished: Promise<void>;
  /**
   * Adds a member.
   *
   * @param options The times of the member.
   * @throws {DOMException} An `AbortError`: the service is stopping.
   */
  join(options?: JoinOptions): Member;
  /**
   * Marks the beginning of work of the program itself, as {@linkcode Member.hold}.
   * Works until the process exits, also after `finished`.
   *
   * @param abort Called when the time for a stop is over.
   */
  hold(abort?: () => void): Disposable;
  /**
   * Stops the service, as SIGTERM does.
   *
   * @returns The promise `finished`.
   */
  stop(): Promise<void>;
}
