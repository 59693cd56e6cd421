/** Adopts a UDP socket, with the behaviour that its first argument names. */

import { ActivationError } from "../../activation/errors.ts";
import { claim } from "../../activation/claim.ts";
import { listen } from "../../activation/listen.ts";
import { listenDatagram } from "../../activation/listen_datagram.ts";

const behaviours: Record<string, () => Promise<void>> = {
  /** Echoes the datagrams of a socket, by its name. */
  async echo() {
    using socket = await listenDatagram("echo");
    console.log("adopted");
    for await (const [bytes, from] of socket) await socket.send(bytes, from);
  },
  /** Claims the socket and sends without the permission. */
  async claims() {
    using sockets = await claim({ echo: "udp" });
    const [bytes, from] = await sockets.echo.receive();
    console.log(`received ${bytes.length}`);
    await sockets.echo.send(bytes, from).catch(({ name, message }) =>
      console.log(`${name}: ${message}`)
    );
  },
  /** Receives twice at a time, in order, and ends with a pending receive. */
  async pending() {
    const socket = await listenDatagram(3);
    const both = [socket.receive(), socket.receive()];
    for (const [bytes] of await Promise.all(both)) console.log(`${bytes}`);
    void socket.receive();
    socket.unref();
    console.log("ends");
  },
  /** Adopts as datagrams what is none, and then as a listener. */
  async refused() {
    await listenDatagram(3).catch(report);
    await listenDatagram("other").catch(report);
    await listen(3).then(({ addr }) => console.log(addr.transport), report);
    Deno.exit();
  },
};

function report(error: unknown): void {
  if (!(error instanceof ActivationError)) throw error;
  console.log(`${error.code}: ${error.message}`);
}

await behaviours[Deno.args[0]!]!().catch(report);
