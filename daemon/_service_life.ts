import { READ_MS, TIMER_MAX_MS } from "../activation/_timer.ts";
import type { NotifyError } from "./errors.ts";
import type { NotifyState } from "./notify_state.ts";
import { Holds } from "./_holds.ts";
import type { JoinOptions, Member, Service } from "./service_interfaces.ts";

/**
 * The time in which another SIGINT belongs to the same Ctrl-C, in milliseconds: `deno task`
 * delivers it twice.
 */
const ONE_CTRL_C_MS = 1_000;

/** The time for a program to exit by itself after its service stopped, in milliseconds. */
const EXIT_MS = 1_000;

const DRAIN_TIMEOUT_MS = 10_000;

/** The reason of the signals that are aborted when a service stops. */
const STOPPING = "The service is stopping";

/** The parts of the process and the service manager that a {@linkcode ServiceLife} uses. */
export interface Surroundings {
  /** Whether the service manager starts the process again with its next client. */
  isActivated(): boolean;
  /** Returns the time that the unit sets for every member, in milliseconds. */
  idleTimeoutMs(): number | undefined;
  /** Notifies the service manager. Returns whether there is one to notify. */
  notify(state: NotifyState): Promise<boolean>;
  /** Starts the pings of the watchdog, if the service manager expects any. */
  watch(healthy: () => Promise<boolean>): Disposable | undefined;
  addSignalListener(signal: Deno.Signal, listener: () => void): void;
  removeSignalListener(signal: Deno.Signal, listener: () => void): void;
  log(problem: string, error?: unknown): void;
  exit(): void;
}

class LifeMember implements Member {
  readonly drainTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly healthy: JoinOptions["healthy"];
  readonly status: JoinOptions["status"];
  readonly notifies: boolean;
  readonly onNotifyError: JoinOptions["onNotifyError"];
  readonly holds: Holds;
  /** The end of the last work, by `performance.now()`. */
  idleSince: number = performance.now();
  readonly #life: ServiceLife;
  readonly #stopping = new AbortController();
  #drained: Promise<void> | undefined;

  constructor(life: ServiceLife, options: JoinOptions) {
    this.#life = life;
    this.holds = new Holds(life);
    this.idleTimeoutMs = life.idleTimeoutMs ?? options.idleTimeoutMs ?? 0;
    this.drainTimeoutMs = options.drainTimeoutMs ?? DRAIN_TIMEOUT_MS;
    this.healthy = options.healthy;
    this.status = options.status;
    this.notifies = options.notify ?? true;
    this.onNotifyError = options.onNotifyError;
  }

  get stopping(): AbortSignal {
    return this.#stopping.signal;
  }

  hold(abort?: () => void): Disposable {
    return this.holds.add(abort);
  }

  drain(): Promise<void> {
    return this.#drained ??= this.#drain();
  }

  async #drain(): Promise<void> {
    this.#stopping.abort(new DOMException(STOPPING, "AbortError"));
    await this.holds.drain(this.drainTimeoutMs);
  }

  async stop(): Promise<void> {
    await this.drain();
    this.#life.leave(this);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** The life of one service: what all servers of a process share. */
export class ServiceLife implements Service {
  readonly #surroundings: Surroundings;
  readonly #members = new Set<LifeMember>();
  /** Work of no member. */
  readonly #ownHolds = new Holds(this);
  readonly #stopping = new AbortController();
  readonly #finished = Promise.withResolvers<void>();
  #stoppingSince = 0;
  #pendingStarts = 0;
  #isReady = false;
  #readyTimer: ReturnType<typeof setTimeout> | undefined;
  readonly idleTimeoutMs: number | undefined;
  /** Whether the last notification was sent. Each waits for the one before. */
  #notified = Promise.resolve(true);
  #pings: Promise<Disposable | undefined> | undefined;
  #isActivated: boolean | undefined;
  #idleTimer: ReturnType<typeof setTimeout> | undefined;
  /** Whether the program has had its time to exit by itself. */
  #mustExit = false;

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings;
    this.idleTimeoutMs = surroundings.idleTimeoutMs();
  }

  get stopping(): AbortSignal {
    return this.#stopping.signal;
  }

  get finished(): Promise<void> {
    return this.#finished.promise;
  }

  hold(abort?: () => void): Disposable {
    return this.#ownHolds.add(abort);
  }

  join(options: JoinOptions = {}): Member {
    this.#stopping.signal.throwIfAborted();
    if (this.#members.size === 0) {
      this.#surroundings.addSignalListener("SIGTERM", this.#onTerminate);
      this.#surroundings.addSignalListener("SIGINT", this.#onInterrupt);
    }
    const member = new LifeMember(this, options);
    this.#members.add(member);
    void this.#start(member, options.started);
    return member;
  }

  stop(): Promise<void> {
    if (!this.#stopping.signal.aborted) void this.#stop();
    return this.finished;
  }

  /** The last work of a member, or of no member, has ended. */
  onReleased(holds: Holds): void {
    if (this.#mustExit) {
      // After the code that follows the work.
      setTimeout(() => this.#exitUnlessHeld());
      return;
    }
    for (const member of this.#members) {
      if (member.holds === holds) member.idleSince = performance.now();
    }
    this.#checkIdle();
  }

  /** A member has stopped on its own. */
  leave(member: LifeMember): void {
    if (this.#stopping.signal.aborted || !this.#members.delete(member)) return;
    if (this.#members.size > 0) return this.#checkIdle();
    this.#surroundings.removeSignalListener("SIGTERM", this.#onTerminate);
    this.#surroundings.removeSignalListener("SIGINT", this.#onInterrupt);
    clearTimeout(this.#idleTimer);
    this.#idleTimer = undefined;
    clearTimeout(this.#readyTimer);
    this.#readyTimer = undefined;
    this.#pings?.then((pings) => pings?.[Symbol.dispose]());
    this.#pings = undefined;
  }

  log(problem: string, error?: unknown): void {
    this.#surroundings.log(problem, error);
  }

  /** A second SIGTERM changes nothing: the service manager has a time-out of its own. */
  readonly #onTerminate = (): void => void this.stop();

  readonly #onInterrupt = (): void => {
    if (!this.#stopping.signal.aborted) return void this.stop();
    if (performance.now() - this.#stoppingSince < ONE_CTRL_C_MS) return;
    this.#abort();
    this.#limitExit(EXIT_MS, () => this.#exit());
  };

  async #start(
    member: LifeMember,
    started: Promise<unknown> | undefined,
  ): Promise<void> {
    this.#pendingStarts += 1;
    const hold = member.holds.add();
    try {
      await started;
    } catch {
      // The caller gets the error.
    }
    hold[Symbol.dispose]();
    this.#pendingStarts -= 1;
    if (this.#members.has(member)) this.#becomeReady();
  }

  /** Waits for one turn of the event loop: the program may start another member in it. */
  #becomeReady(): void {
    this.#readyTimer ??= setTimeout(() => {
      this.#readyTimer = undefined;
      const isStarting = this.#pendingStarts > 0;
      if (isStarting || this.#stopping.signal.aborted) return;
      const notifying = [...this.#members].filter(({ notifies }) => notifies);
      if (notifying.length === 0) return;
      if (!this.#isReady) {
        this.#isReady = true;
        const statuses = notifying.flatMap(({ status }) =>
          (typeof status === "function" ? status() : status) ?? []
        );
        this.#notify({
          ready: true,
          status: statuses.length > 0 ? statuses.join("; ") : undefined,
        });
      }
      this.#pings ??= this.#notified.then((isNotified) =>
        isNotified
          ? this.#surroundings.watch(() => this.#isHealthy())
          : undefined
      );
    });
  }

  /** A failure is logged, and ends the notifications. The service continues. */
  #notify(state: NotifyState): void {
    this.#notified = this.#notified.then(async (isNotified) => {
      try {
        return isNotified && await this.#surroundings.notify(state);
      } catch (error) {
        const [report] = [...this.#members]
          .flatMap(({ onNotifyError }) => onNotifyError ?? []);
        const what = state.ready === true ? "is ready" : "stops";
        if (report !== undefined) report(error as NotifyError);
        else this.log(`Cannot notify that the service ${what}`, error);
        return false;
      }
    });
  }

  async #isHealthy(): Promise<boolean> {
    const all = [...this.#members].map(({ healthy }) => healthy?.() ?? true);
    return (await Promise.all(all)).every(Boolean);
  }

  /** Schedules the idle exit for the earliest time at which it may be due. */
  #checkIdle(): void {
    if (this.#idleTimer !== undefined) return;
    const idleInMs = this.#idleInMs();
    if (idleInMs === undefined) return;
    this.#idleTimer = setTimeout(() => {
      this.#idleTimer = undefined;
      if (this.#idleInMs() === 0) void this.stop();
      else this.#checkIdle();
    }, Math.min(idleInMs, TIMER_MAX_MS));
    Deno.unrefTimer(this.#idleTimer);
  }

  /** Returns the time to the idle exit; undefined when something prevents it. */
  #idleInMs(): number | undefined {
    if (this.#stopping.signal.aborted || this.#ownHolds.size > 0) return;
    let idleAt: number | undefined;
    for (const { idleTimeoutMs, idleSince, holds } of this.#members) {
      if (idleTimeoutMs === 0 || holds.size > 0) return;
      idleAt = Math.max(idleAt ?? 0, idleSince + idleTimeoutMs);
    }
    if (idleAt === undefined) return;
    this.#isActivated ??= this.#surroundings.isActivated();
    // Timers may be early by a fraction of a millisecond.
    return this.#isActivated
      ? Math.max(0, Math.ceil(idleAt - performance.now()))
      : undefined;
  }

  async #stop(): Promise<void> {
    this.#stoppingSince = performance.now();
    clearTimeout(this.#idleTimer);
    const members = [...this.#members];
    this.#stopping.abort(new DOMException(STOPPING, "AbortError"));
    const drained = members.map((member) => member.drain());
    if (members.some(({ notifies }) => notifies)) {
      this.#notify({ stopping: true });
    }
    await Promise.all([
      ...drained,
      this.#ownHolds.drain(this.#longestDrainMs),
    ]);
    this.#finished.resolve();
    this.#limitExit(EXIT_MS, () => {
      this.#mustExit = true;
      this.#exitUnlessHeld();
    });
    const remainingMs = this.#remainingMs;
    this.#unrefTimer(remainingMs, () => this.#abort());
    this.#limitExit(remainingMs + EXIT_MS, () => this.#exit());
  }

  get #longestDrainMs(): number {
    const all = [...this.#members].map(({ drainTimeoutMs }) => drainTimeoutMs);
    return all.length > 0 ? Math.max(...all) : DRAIN_TIMEOUT_MS;
  }

  /** The time for work that has begun after its member has drained. */
  get #remainingMs(): number {
    const elapsed = performance.now() - this.#stoppingSince;
    return Math.max(0, this.#longestDrainMs - elapsed);
  }

  /** After a pause of the process, what ends the program in time comes first. */
  #limitExit(delayMs: number, exit: () => void): void {
    this.#unrefTimer(delayMs, () => this.#unrefTimer(READ_MS, exit));
  }

  #unrefTimer(delayMs: number, callback: () => void): void {
    const timer = setTimeout(callback, Math.min(delayMs, TIMER_MAX_MS));
    Deno.unrefTimer(timer);
  }

  #abort(): void {
    for (const { holds } of this.#members) holds.abort();
    this.#ownHolds.abort();
  }

  #exitUnlessHeld(): void {
    const all = [this.#ownHolds, ...[...this.#members].map((m) => m.holds)];
    if (all.every(({ size }) => size === 0)) this.#exit();
  }

  #exit(): void {
    this.log("The program still runs after its service has stopped: it exits");
    this.#surroundings.exit();
  }
}
