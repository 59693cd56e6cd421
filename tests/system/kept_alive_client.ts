/**
 * Posts over kept-alive connections, with pauses below the grace period of a stop, until
 * its standard input ends. Prints a line for each 25 responses, and for each lost request:
 * "late" when a busy machine has made its pause longer than the grace period.
 *
 * Arguments: `tcp PORT`, `unix PATH` or `tls PORT CERTIFICATE`.
 */

const CONNECTIONS = 8;
/** Below the 250 ms for which a connection stays open, also on a busy machine. */
const PAUSE_MS = 150;
const GRACE_MS = 250;

const [kind, where, certificate] = Deno.args;
const encoder = new TextEncoder();
const decoder = new TextDecoder();
let responses = 0;
let isOver = false;

function connect(): Promise<Deno.Conn> {
  if (kind === "unix") {
    return Deno.connect({ transport: "unix", path: where! });
  }
  const address = { hostname: "127.0.0.1", port: Number(where) };
  return kind === "tls"
    ? Deno.connectTls({
      ...address,
      caCerts: [Deno.readTextFileSync(certificate!)],
    })
    : Deno.connect(address);
}

/** Posts a body. */
async function send(conn: Deno.Conn, body: string): Promise<void> {
  const head =
    `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n`;
  await conn.write(encoder.encode(head + body));
}

/** Receives a response, and returns whether the connection can be used again. */
async function receive(conn: Deno.Conn): Promise<boolean> {
  const buffer = new Uint8Array(64 * 1024);
  for (let text = "";;) {
    const count = await conn.read(buffer);
    if (count === null) throw new Error(`the response is "${text}"`);
    text += decoder.decode(buffer.subarray(0, count), { stream: true });
    const end = text.indexOf("\r\n\r\n");
    const [, length] = /\r\ncontent-length: *(\d+)\r\n/i.exec(text) ?? [];
    if (end === -1 || text.length < end + 4 + Number(length)) continue;
    return !/\r\nconnection: *close\r\n/i.test(text);
  }
}

async function client(): Promise<void> {
  let conn: Deno.Conn | undefined;
  /** The last time at which the server may have begun to wait for a request. */
  let waitsSince = 0;
  for (let request = 0; !isOver; request++) {
    if (conn === undefined) {
      waitsSince = performance.now();
      conn = await connect();
    }
    let isKept = false;
    let pause = 0;
    try {
      await send(conn, `request ${request}`);
      const now = performance.now();
      pause = now - waitsSince;
      waitsSince = now;
      isKept = await receive(conn);
      if (++responses % 25 === 0) console.log(`responses: ${responses}`);
    } catch (error) {
      pause ||= performance.now() - waitsSince;
      const what = pause < GRACE_MS ? "lost" : "late";
      console.log(`${what}: ${error} (request ${request}, after ${pause} ms)`);
    }
    if (!isKept) {
      conn.close();
      conn = undefined;
    }
    // The tested condition: requests come at any moment of a restart.
    await new Promise((resolve) =>
      setTimeout(resolve, Math.random() * PAUSE_MS)
    );
  }
  conn?.close();
}

const clients = Promise.all(Array.from({ length: CONNECTIONS }, client));
for await (const _ of Deno.stdin.readable);
isOver = true;
await clients;
console.log(`total: ${responses}`);
