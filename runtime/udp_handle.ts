import {
  IS_UNIX_SOCKET,
  OTHER_KINDS,
  RefusedFdError,
  UDP_KINDS,
} from "./refused_fd.ts";
import { type StreamBinding, streamBinding } from "./stream_binding.ts";
import type { SocketName } from "./stream_handle.ts";

/** A UDP socket of the runtime, which `node:dgram` is built on. */
export interface UdpHandle {
  /**
   * Called with each datagram, from `recvStart` to `recvStop`. Without `from`, receiving
   * has failed, or the handle is closed.
   */
  onmessage(
    count: number,
    handle: UdpHandle,
    bytes?: Uint8Array,
    from?: SocketName,
  ): void;
  open(fd: number): number;
  recvStart(): number;
  recvStop(): number;
  send(
    request: { oncomplete(status: number | null, sent?: number): void },
    parts: Uint8Array[],
    count: number,
    port: number,
    hostname: string,
    hasCallback: true,
  ): number;
  getsockname(into: Partial<SocketName>): number;
  close(): void;
  ref(): void;
  unref(): void;
}

/** The parts of the runtime that open UDP sockets. */
export interface UdpHandles {
  streams: StreamBinding;
  UDP: new () => UdpHandle;
}

/** Returns the runtime's UDP handles; undefined when they fail validation. */
export async function udpHandles(): Promise<UdpHandles | undefined> {
  const streams = await streamBinding();
  if (streams === undefined) return undefined;
  const { default: process } = await import("node:process");
  try {
    const { UDP } = (process as unknown as {
      binding(name: string): Pick<UdpHandles, "UDP">;
    }).binding("udp_wrap");
    const methods = ["open", "recvStart", "recvStop", "send", "getsockname"];
    const isKnown = [...methods, "close", "ref", "unref"].every((name) =>
      typeof UDP.prototype[name] === "function"
    );
    return isKnown ? { streams, UDP } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Opens a passed descriptor as a UDP socket.
 *
 * @throws {RefusedFdError} It is none.
 */
export function openUdp({ streams, UDP }: UdpHandles, fd: number): UdpHandle {
  const kind = streams.kindOf(fd);
  // Opening a TCP socket as UDP would succeed.
  if (!UDP_KINDS.includes(kind)) {
    throw new RefusedFdError(
      kind === "TCP"
        ? "it is a TCP socket"
        : OTHER_KINDS[kind] ?? IS_UNIX_SOCKET,
    );
  }
  const handle = new UDP();
  if (handle.open(fd) === 0) return handle;
  throw new RefusedFdError("it is no UDP socket", { closed: true });
}
