import { TempDir } from "../support/temp_dir.ts";
import { soon } from "../support/eventually.ts";

/**
 * Runs a test with a connection whose peer runs a script. Both
 * ends are closed when the test is over.
 */
export async function withPeer(
  script: (conn: Deno.Conn) => Promise<unknown>,
  test: (conn: Deno.Conn) => Promise<void>,
): Promise<void> {
  using directory = new TempDir();
  const path = directory.join("peer.socket");
  using listener = Deno.listen({ transport: "unix", path });
  using conn = await Deno.connect({ transport: "unix", path });
  using peer = await listener.accept();
  // Errors of the peer show at this end.
  const playing = script(peer).catch(() => {});
  try {
    await test(conn);
  } finally {
    conn[Symbol.dispose]();
    await soon("the script of the peer has ended", playing);
  }
}

/** Echoes until the peer half-closes. */
export async function echo(conn: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(64 * 1024);
  for (let count; (count = await conn.read(buffer)) !== null;) {
    for (let sent = 0; sent < count;) {
      sent += await conn.write(buffer.subarray(sent, count));
    }
  }
  await conn.closeWrite();
}

/** Reads everything and sends nothing. */
export async function silence(conn: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(64 * 1024);
  while (await conn.read(buffer) !== null);
}

/** Receives one packet, as text. */
export async function packet(conn: Deno.Conn): Promise<string> {
  const buffer = new Uint8Array(64 * 1024);
  const count = await conn.read(buffer);
  return new TextDecoder().decode(buffer.subarray(0, count ?? 0));
}
