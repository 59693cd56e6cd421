import { ClientError } from "../../client/client_error.ts";
import { soon } from "../support/eventually.ts";
import { send } from "../support/peer.ts";
import { TestServer } from "../support/test_server.ts";

/** The other end of a connection. */
export type Peer = (conn: Deno.Conn) => Promise<unknown>;

/** Runs a client with this peer, and returns the message of its error; "" without one. */
export async function failureOf(
  peer: Peer,
  client: (conn: Deno.Conn) => Promise<unknown>,
): Promise<string> {
  using server = new TestServer(peer);
  using conn = await Deno.connect({ transport: "unix", path: server.address });
  try {
    await soon("the client has ended", client(conn));
    return "";
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
    return error.message;
  }
}

/** Sends a reply to each packet; half-closes at the end of the packets. */
export function replying(
  reply: (
    packet: Uint8Array,
  ) => string | Uint8Array | Promise<string | Uint8Array>,
  atEnd: Peer = (conn) => conn.closeWrite(),
): Peer {
  return async (conn) => {
    const buffer = new Uint8Array(64 * 1024);
    for (let count; (count = await conn.read(buffer)) !== null;) {
      await send(conn, await reply(buffer.subarray(0, count)));
    }
    await atEnd(conn);
  };
}

export const echo: Peer = replying((packet) => packet);
