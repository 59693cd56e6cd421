import type { SocketName } from "../runtime/stream_handle.ts";
import type { UdpHandle } from "../runtime/udp_handle.ts";
import { hostAndPort, netAddr } from "./_address.ts";
import { TIMER_MAX_MS } from "./_timer.ts";

/** The pause after recvfrom(2) has failed twice, in milliseconds. */
const RETRY_MS = 1_000;

type Datagram = [bytes: Uint8Array<ArrayBuffer>, from: Deno.NetAddr];

interface PendingReceive {
  /** The buffer to fill; undefined to return all of the datagram. */
  into: Uint8Array | undefined;
  resolve(datagram: Datagram): void;
  reject(error: Error): void;
}

/** A `Deno.DatagramConn` over an adopted UDP socket. */
export class UdpDatagramConn {
  readonly addr: Deno.NetAddr;
  readonly #handle: UdpHandle;
  readonly #onClosed: () => void;
  readonly #pending: PendingReceive[] = [];
  #isReceiving = false;
  #failures = 0;
  #isClosed = false;
  #isRef = true;
  /**
   * Keeps the process alive in place of the handle: a receive of the handle that is
   * under way cannot be unreferenced.
   */
  readonly #alive = setInterval(() => {}, TIMER_MAX_MS);

  /** @param onClosed Called once, when the socket is closed. */
  constructor(handle: UdpHandle, onClosed: () => void) {
    this.#handle = handle;
    this.#onClosed = onClosed;
    const name: Partial<SocketName> = {};
    handle.getsockname(name);
    this.addr = { ...netAddr(name.address, name.port), transport: "udp" };
    handle.unref();
    handle.onmessage = (count, _handle, bytes, from) => {
      if (this.#isClosed) return;
      if (from === undefined) this.#retry();
      else this.#deliver(bytes!.subarray(0, count), from);
    };
    Deno.unrefTimer(this.#alive);
  }

  receive(p?: Uint8Array): Promise<Datagram> {
    if (this.#isClosed) return Promise.reject(closedError());
    return new Promise((resolve, reject) => {
      this.#pending.push({ into: p, resolve, reject });
      this.#update();
    });
  }

  send(p: Uint8Array, to: Deno.Addr): Promise<number> {
    if (this.#isClosed) return Promise.reject(closedError());
    const { hostname, port } = to as Deno.NetAddr;
    return new Promise((resolve, reject) => {
      const fail = () =>
        this.#sendError(p, hostname, port).then(reject, reject);
      // As in Node.js: a status of 0 is success, Deno 2.9 has null for it.
      const oncomplete = (status: number | null, sent?: number) => {
        if (status === null || status === 0) resolve(sent!);
        else fail();
      };
      const request = { oncomplete };
      const status = this.#handle.send(request, [p], 1, port, hostname, true);
      // Above 0, it was sent at once: the number of bytes and 1.
      if (status < 0) fail();
      else if (status > 0) resolve(status - 1);
    });
  }

  close(): void {
    if (this.#isClosed) {
      throw new Deno.errors.BadResource("Bad resource ID");
    }
    this.#isClosed = true;
    clearInterval(this.#alive);
    this.#handle.close();
    this.#onClosed();
    for (const { reject } of this.#pending.splice(0)) {
      reject(new Deno.errors.Interrupted("operation canceled"));
    }
  }

  ref(): void {
    this.#isRef = true;
    this.#update();
  }

  unref(): void {
    this.#isRef = false;
    this.#update();
  }

  [Symbol.dispose](): void {
    if (!this.#isClosed) this.close();
  }

  async *[Symbol.asyncIterator](): AsyncIterableIterator<Datagram> {
    try {
      for (;;) yield await this.receive();
    } catch (error) {
      if (!this.#isClosed) throw error;
    }
  }

  /** Receives only while a receive is pending: the kernel queues other datagrams. */
  #update(): void {
    if (this.#isClosed) return;
    const isPending = this.#pending.length > 0;
    if (isPending && this.#isRef) Deno.refTimer(this.#alive);
    else Deno.unrefTimer(this.#alive);
    if (!isPending || this.#isReceiving) return;
    this.#isReceiving = true;
    this.#handle.recvStart();
  }

  /** The handle calls back again at once, unless it is stopped here. */
  #stop(): void {
    this.#isReceiving = false;
    this.#handle.recvStop();
  }

  #deliver(bytes: Uint8Array, from: SocketName): void {
    this.#failures = 0;
    const { into, resolve } = this.#pending.shift()!;
    if (this.#pending.length === 0) this.#stop();
    const source = { ...netAddr(from.address, from.port), transport: "udp" };
    resolve([received(bytes, into), source as Deno.NetAddr]);
    if (this.#pending.length === 0) this.#update();
  }

  /** Called when recvfrom(2) has failed, for lack of memory for example: nothing is lost. */
  #retry(): void {
    this.#stop();
    // After the callback: at its end, the handle continues to receive.
    if (this.#failures++ === 0) queueMicrotask(() => this.#update());
    else Deno.unrefTimer(setTimeout(() => this.#update(), RETRY_MS));
  }

  /** The handle does not report why a send has failed. */
  async #sendError(
    { length }: Uint8Array,
    hostname: string,
    port: number,
  ): Promise<Error> {
    if (this.#isClosed) {
      return new Deno.errors.Interrupted("operation canceled");
    }
    const to = hostAndPort(hostname, port);
    const { state } = await Deno.permissions.query({ name: "net", host: to });
    return state === "granted"
      ? new Error(`Cannot send ${length} bytes to ${to}`)
      : new Deno.errors.NotCapable(
        `Requires net access to "${to}", run again with the --allow-net flag`,
      );
  }
}

/** Copies a datagram: the memory that it arrived in is larger than most datagrams. */
function received(
  bytes: Uint8Array,
  into: Uint8Array | undefined,
): Uint8Array<ArrayBuffer> {
  if (into === undefined) return new Uint8Array(bytes);
  const part = bytes.subarray(0, into.length);
  into.set(part);
  return into.subarray(0, part.length) as Uint8Array<ArrayBuffer>;
}

function closedError(): Error {
  return new Deno.errors.BadResource("Socket has been closed");
}
