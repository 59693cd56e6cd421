import type { Socket } from "node:net";

type Chunk = Uint8Array<ArrayBuffer>;

/** Starts and stops what a socket receives. */
export interface Inflow {
  /** Leaves what comes from now on to the kernel. */
  pause(): void;
  /** Takes what the kernel holds, from now on. */
  resume(): void;
}

/** The part of the handles of `node:net` that is used here. */
interface Handle {
  /** Called with what was read, or with nothing at the end and on errors. */
  onread(this: Handle, data?: ArrayBuffer): void;
  reading: boolean;
  readStart(): number;
  readStop(): number;
}

/**
 * Hands over what a paused socket receives, chunk by chunk. The end and errors
 * remain the socket's events.
 *
 * A stream of `node:net` takes each chunk through some twenty calls before
 * anybody sees it, most of what a small message costs. Where the socket has a
 * handle of the form that is known, the chunks are taken from that instead.
 */
export function tapSocket(
  socket: Socket,
  onChunk: (chunk: Chunk) => void,
): Inflow {
  const { _handle: handle, encrypted } = socket as {
    _handle?: unknown;
    encrypted?: boolean;
  };
  // That of TLS looks the same, and cannot be stopped: its stream can be.
  return isKnown(handle) && !encrypted
    ? tapHandle(socket, handle, onChunk)
    : tapStream(socket, onChunk);
}

/** Hands over what the stream itself emits. */
export function tapStream(
  socket: Socket,
  onChunk: (chunk: Chunk) => void,
): Inflow {
  // What is emitted is a Buffer, which is slower than its base class, and shares
  // its bytes where that copies them.
  socket.on("data", ({ buffer, byteOffset, length }: Chunk) => {
    onChunk(new Uint8Array(buffer, byteOffset, length));
  });
  return { pause: () => socket.pause(), resume: () => socket.resume() };
}

function tapHandle(
  socket: Socket,
  handle: Handle,
  onChunk: (chunk: Chunk) => void,
): Inflow {
  const { onread } = handle;
  handle.onread = function (data) {
    if (data === undefined) onread.call(this, data);
    else onChunk(new Uint8Array(data));
  };
  let flowing = false;
  return {
    pause() {
      handle.reading = false;
      handle.readStop();
    },
    resume() {
      if (socket.destroyed) return;
      if (!flowing) {
        // The stream has to flow for its end to be seen; it reads nothing.
        flowing = true;
        socket.resume();
      }
      handle.reading = true;
      handle.readStart();
    },
  };
}

function isKnown(handle: unknown): handle is Handle {
  return typeof handle === "object" && handle !== null &&
    ["onread", "readStart", "readStop"].every((name) =>
      typeof Reflect.get(handle, name) === "function"
    );
}
