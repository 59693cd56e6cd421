/**
 * The service manager's end of the notify protocol: a datagram socket that keeps
 * the states that services send.
 */

import { soon } from "./eventually.ts";

/** Receives the datagrams that are sent to a notify socket. */
export class NotifyReceiver implements Disposable {
  /** The value of `NOTIFY_SOCKET`. */
  readonly socket: string;
  readonly #datagrams: Deno.DatagramConn;

  /** @param socket An absolute path or `@abstract`. */
  constructor(socket: string) {
    this.socket = socket;
    this.#datagrams = Deno.listenDatagram({
      transport: "unixpacket",
      path: socket.replace(/^@/, "\0"),
    });
  }

  /** Returns the next datagram, as text. */
  async next(): Promise<string> {
    const [bytes] = await soon(
      "a notification has come",
      this.#datagrams.receive(),
    );
    return new TextDecoder().decode(bytes);
  }

  [Symbol.dispose](): void {
    this.#datagrams.close();
  }
}
