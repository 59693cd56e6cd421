import { assert, assertEquals } from "@std/assert";
import { createServer, type Socket } from "node:net";
import { type Inflow, tapSocket, tapStream } from "../../activation/inflow.ts";
import { eventually } from "../support/eventually.ts";
import { send } from "../support/peer.ts";
import { TempDir } from "../support/temp_dir.ts";

/** A paused socket of `node:net`, and the peer that it is connected to. */
async function pair(directory: TempDir) {
  const path = directory.join("socket");
  const accepted = Promise.withResolvers<Socket>();
  const server = createServer(
    { allowHalfOpen: true, pauseOnConnect: true },
    accepted.resolve,
  );
  const listening = Promise.withResolvers<void>();
  server.listen(path, listening.resolve);
  await listening.promise;
  const peer = await Deno.connect({ transport: "unix", path });
  const socket = await accepted.promise;
  server.close();
  return { socket, peer };
}

/** A socket whose handle is of no known form, as another Deno may have it. */
function withoutHandle(socket: Socket): Socket {
  return new Proxy(socket, {
    get: (target, name) =>
      name === "_handle"
        ? undefined
        : typeof Reflect.get(target, name) === "function"
        ? Reflect.get(target, name).bind(target)
        : Reflect.get(target, name),
  });
}

const WAYS: [
  way: string,
  tap: (socket: Socket, onChunk: (chunk: Uint8Array) => void) => Inflow,
][] = [
  ["from the handle", tapSocket],
  ["from the stream", tapStream],
  [
    "from the stream of an unknown handle",
    (socket, onChunk) => tapSocket(withoutHandle(socket), onChunk),
  ],
];

for (const [way, tap] of WAYS) {
  Deno.test(`chunks come ${way} in order, as plain bytes, and only while wanted`, async () => {
    using directory = new TempDir();
    const { socket, peer } = await pair(directory);
    const received: number[] = [];
    let ended = false;
    socket.on("end", () => ended = true);
    const inflow = tap(socket, (chunk) => {
      assertEquals(Object.getPrototypeOf(chunk), Uint8Array.prototype);
      received.push(...chunk);
    });
    await send(peer, Uint8Array.of(1, 2, 3));
    assertEquals(received, []);
    inflow.resume();
    await eventually("three bytes", () => received.length, (n) => n === 3);
    inflow.pause();
    await send(peer, Uint8Array.of(4, 5));
    await new Promise((resolve) => setTimeout(resolve, 20));
    assertEquals(received, [1, 2, 3]);
    assert(!ended);
    inflow.resume();
    peer.close();
    await eventually("the end", () => ended, Boolean);
    assertEquals(received, [1, 2, 3, 4, 5]);
    socket.destroy();
    inflow.resume();
  });
}
