/**
 * The service manager's end of the notify protocol: a datagram socket that keeps
 * the states that services send.
 */

import { soon } from "./eventually.ts";
import { TempDir } from "./temp_dir.ts";

/** Receives the datagrams that are sent to a notify socket. */
export class NotifyReceiver implements Disposable {
  /** The value of `NOTIFY_SOCKET`. */
  readonly socket: string;
  /** An environment that has no other variable. */
  readonly env: Map<string, string>;
  readonly #datagrams: Deno.DatagramConn;
  readonly #directory = new TempDir();

  /** @param socket An absolute path or `@abstract`; by default a path of its own. */
  constructor(socket?: string) {
    this.socket = socket ??= this.#directory.join("notify");
    this.env = new Map([["NOTIFY_SOCKET", socket]]);
    this.#datagrams = Deno.listenDatagram({
      transport: "unixpacket",
      path: socket.replace(/^@/, "\0"),
    });
  }

  /** Returns the next datagram, as text. */
  async next(): Promise<string> {
    const receiving = this.#datagrams.receive();
    const [bytes] = await soon("a notification has come", receiving);
    return new TextDecoder().decode(bytes);
  }

  [Symbol.dispose](): void {
    this.#datagrams.close();
    this.#directory[Symbol.dispose]();
  }
}
