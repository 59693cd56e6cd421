import { streamBinding } from "./stream_binding.ts";
import type { StreamHandle } from "./stream_handle.ts";

/** A handle of a TCP socket, or of a copy of the descriptor of another. */
interface TcpHandle extends StreamHandle {
  open(fd: number): number;
  takeStream(): number;
}

interface TcpModule {
  TCP: new (role: number) => TcpHandle;
  constants: { SOCKET: number };
}

/** The part of `Deno` that closes resources. */
interface Core {
  tryClose(resource: number): void;
}

/** The part of a socket of `node:net` that an upgrade of Deno uses. */
interface UpgradeSocket {
  destroyed: boolean;
  _handle: TcpHandle | null;
  write(head: string, onSent: (error?: Error) => void): void;
}

/** An upgrade of which the client does not know yet. */
export interface PendingUpgrade extends Deno.WebSocketUpgrade {
  /** The head of the response. */
  readonly head: string;
  /** Lets Deno take the connection, once the head is sent. */
  open(): void;
  /** Emits "error" on the socket. The connection stays as it is. */
  refuse(error: Error): void;
}

/** An error whose cause is that the process has no free descriptor. */
export class NoDescriptor extends Error {}

const SHAPE = "WebSockets of this Deno have another shape";

/** The example of RFC 6455, section 1.3. */
const SAMPLE_KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const SAMPLE_ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/** Makes WebSockets of accepted connections. */
export class WebSocketBinding {
  readonly #tcp: TcpModule;
  readonly #core: Core;

  /** @throws {TypeError} The runtime has no WebSockets of the known shape. */
  constructor(load: (name: string) => unknown, internals: unknown) {
    this.#tcp = load("tcp_wrap") as TcpModule;
    ({ core: this.#core } = internals as { core: Core });
    const { prototype } = this.#tcp.TCP;
    const functions = [
      ...[prototype.open, prototype.takeStream, prototype.readStop],
      this.#core.tryClose,
    ];
    const isKnown = functions.every((each) => typeof each === "function") &&
      typeof this.#tcp.constants.SOCKET === "number" && upgradesAsExpected();
    if (!isKnown) throw new TypeError(SHAPE);
  }

  /**
   * Prepares an upgrade.
   *
   * @param handle The accepted connection. Nothing may read it any more.
   * @param early The bytes that came after the request.
   * @param onTaken Called once Deno has the connection: close the handle.
   * @throws {TypeError} The request does not ask for a WebSocket.
   * @throws {NoDescriptor} The process has no free descriptor.
   */
  upgrade(
    handle: StreamHandle,
    request: Request,
    early: Uint8Array,
    options: Deno.UpgradeWebSocketOptions,
    onTaken: () => void,
  ): PendingUpgrade {
    const tcp = isTcp(handle) ? handle : this.#duplicate(handle);
    let isOver = false;
    const discard = () => {
      if (tcp !== handle && !isOver) tcp.close();
      isOver = true;
    };
    let upgraded;
    try {
      upgraded = callDeno(request, early, options, {
        get _handle() {
          return tcp;
        },
        // Deno has emptied the handle: until it is closed, its number is in use.
        set _handle(_taken) {
          discard();
          onTaken();
        },
      });
    } catch (error) {
      discard();
      throw error;
    }
    const { socket, head, onSent, response } = upgraded;
    // Before "open", no "close" follows.
    socket.addEventListener("error", discard, { once: true });
    return { socket, response, head, open: () => onSent(), refuse: onSent };
  }

  /** Closes a WebSocket at once, also one whose client is silent. */
  abort(socket: WebSocket): void {
    const symbol = Object.getOwnPropertySymbols(socket)
      .find(({ description }) => description === "[[rid]]");
    const resource = symbol && Reflect.get(socket, symbol);
    if (typeof resource === "number") this.#core.tryClose(resource);
    else socket.close();
  }

  /** The descriptor itself is registered with the event loop, and cannot be opened. */
  #duplicate(handle: StreamHandle): TcpHandle {
    const fd = handle.fdForIpc?.();
    if (fd === undefined) throw new TypeError(SHAPE);
    if (fd < 0) throw new NoDescriptor("No descriptor is free");
    const { TCP, constants } = this.#tcp;
    const tcp = new TCP(constants.SOCKET);
    // A failure closes the descriptor.
    if (tcp.open(fd) === 0) return tcp;
    throw new TypeError(SHAPE);
  }
}

function isTcp(handle: StreamHandle): handle is TcpHandle {
  return handle.takeStream !== undefined;
}

/** Calls `Deno.upgradeWebSocket()`, which writes to the socket before it returns. */
function callDeno(
  request: Request,
  head: Uint8Array,
  options: Deno.UpgradeWebSocketOptions,
  handle: Pick<UpgradeSocket, "_handle">,
) {
  let sent: { head: string; onSent(error?: Error): void } | undefined;
  const socket: UpgradeSocket = Object.defineProperties({
    destroyed: false,
    write(head: string, onSent: () => void) {
      sent = { head, onSent };
    },
  }, Object.getOwnPropertyDescriptors(handle)) as UpgradeSocket;
  const upgraded = Deno.upgradeWebSocket(
    request,
    { ...options, socket, head } as object,
  );
  if (sent === undefined) throw new TypeError(SHAPE);
  return { ...upgraded, ...sent };
}

/** Upgrades a request without a connection: no head is ever sent. */
function upgradesAsExpected(): boolean {
  const request = new Request("http://localhost/", {
    headers: {
      ...{ connection: "Upgrade", upgrade: "websocket" },
      "sec-websocket-key": SAMPLE_KEY,
    },
  });
  const handle = { _handle: { takeStream() {} } as unknown as TcpHandle };
  const { head, socket } = callDeno(request, new Uint8Array(), {}, handle);
  return head.startsWith("HTTP/1.1 101 ") && head.includes(SAMPLE_ACCEPT) &&
    head.endsWith("\r\n\r\n") && socket instanceof WebSocket;
}

let loading: Promise<WebSocketBinding | undefined> | undefined;

/** Returns Deno's WebSockets on handles; undefined when they fail validation. */
export function webSocketBinding(): Promise<WebSocketBinding | undefined> {
  return loading ??= load();
}

async function load(): Promise<WebSocketBinding | undefined> {
  // Loads the operations of HTTP, too.
  await streamBinding();
  const { default: process } = await import("node:process");
  try {
    return new WebSocketBinding(
      (process as unknown as { binding(name: string): unknown }).binding,
      Reflect.get(Deno, Reflect.get(Deno, "internal")),
    );
  } catch {
    return undefined;
  }
}
