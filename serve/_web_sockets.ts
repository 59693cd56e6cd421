import type { WebSocketBinding } from "../runtime/web_socket.ts";

/** The code with which the WebSockets of a server that stops are closed. */
const GOING_AWAY = 1001;

/** The open WebSockets of a server. */
export class WebSockets {
  /** Undefined when the internals of the runtime are of another shape. */
  readonly binding: WebSocketBinding | undefined;
  readonly #open = new Map<WebSocket, () => void>();
  readonly #onEmpty: () => void;
  #isStopping = false;

  /** @param onEmpty Called when the last WebSocket is closed. */
  constructor(binding: WebSocketBinding | undefined, onEmpty: () => void) {
    this.binding = binding;
    this.#onEmpty = onEmpty;
  }

  get size(): number {
    return this.#open.size;
  }

  /** @param release Called when the WebSocket is closed. */
  add(socket: WebSocket, release: () => void): void {
    this.#open.set(socket, release);
    socket.addEventListener("open", () => {
      if (this.#isStopping) socket.close(GOING_AWAY);
    });
    socket.addEventListener("close", () => this.#delete(socket));
    socket.addEventListener("error", () => {
      // Before "open", no "close" follows.
      if (socket.readyState === WebSocket.CONNECTING) this.#delete(socket);
    });
  }

  /** Closes all WebSockets, and those that are added later. */
  drain(): void {
    this.#isStopping = true;
    for (const socket of this.#open.keys()) {
      if (socket.readyState === WebSocket.OPEN) socket.close(GOING_AWAY);
    }
  }

  /** Closes them at once, also those whose client is silent. */
  abort(): void {
    for (const socket of [...this.#open.keys()]) {
      this.binding?.abort(socket);
      this.#delete(socket);
    }
  }

  #delete(socket: WebSocket): void {
    const release = this.#open.get(socket);
    if (release === undefined) return;
    this.#open.delete(socket);
    release();
    if (this.#open.size === 0) this.#onEmpty();
  }
}
