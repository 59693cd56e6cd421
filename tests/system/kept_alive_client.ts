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
let responses = 0;
let isOver = false;

function connect(): Promise<Deno.Conn> {
  const address = { hostname: "127.0.0.1", port: Number(where) };
  if (kind === "tcp") return Deno.connect(address);
  if (kind === "unix") {
    return Deno.connect({ transport: "unix", path: where! });
  }
  const caCerts = [Deno.readTextFileSync(certificate!)];
  return Deno.connectTls({ ...address, caCerts });
}

/** Receives a response, and returns whether the connection can be used again. */
async function receive(conn: Deno.Conn): Promise<boolean> {
  const buffer = new Uint8Array(64 * 1024);
  for (let text = "";;) {
    const count = await conn.read(buffer);
    if (count === null) throw new Error(`the response is "${text}"`);
    text += new TextDecoder().decode(buffer.subarray(0, count));
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
    const body = `request ${request}`;
    const head = `Host: x\r\nContent-Length: ${body.length}\r\n\r\n`;
    try {
      const text = `POST / HTTP/1.1\r\n${head}${body}`;
      await conn.write(new TextEncoder().encode(text));
      const now = performance.now();
      pause = now - waitsSince;
      waitsSince = now;
      isKept = await receive(conn);
      if (++responses % 25 === 0) console.log(`responses: ${responses}`);
    } catch (error) {
      pause ||= performance.now() - waitsSince;
      const what = pause < GRACE_MS ? "lost" : "late";
      console.log(`${what}: ${error} (${body}, after ${pause} ms)`);
    }
    if (!isKept) {
      conn.close();
      conn = undefined;
    }
    // The tested condition: requests come at any moment of a restart.
    const next = Math.random() * PAUSE_MS;
    await new Promise((resolve) => setTimeout(resolve, next));
  }
  conn?.close();
}

const clients = Promise.all(Array.from({ length: CONNECTIONS }, client));
for await (const _ of Deno.stdin.readable);
isOver = true;
await clients;
console.log(`total: ${responses}`);
