// Services that write first, to clients that half-close without sending.

import { assertEquals } from "@std/assert";
import {
  activate,
  ALLOW_ACTIVATION,
  dial,
  type Kind,
  WITHOUT_HANDLES,
} from "../support/activate.ts";
import { receiveAllText } from "../support/peer.ts";

const WHOLE = 'await write("first second\\n");';
const PARTS =
  'await Promise.all([write("first "), write("second\\n"), conn.closeWrite()]);';

/** By node:net, each first write waits for 10 ms. Unix sockets never lost one. */
const SERVICES: [string, Kind, write: string, count: number, ...string[]][] = [
  ["in one write", "IPv4", WHOLE, 1_000],
  ["in one write", "unix path", WHOLE, 100],
  ["in parts", "IPv4", PARTS, 1_000],
  ["in parts", "unix path", PARTS, 100],
  ["by node:net", "IPv4", WHOLE, 50, WITHOUT_HANDLES],
  ["by node:net", "unix path", WHOLE, 50, WITHOUT_HANDLES],
];
for (const [what, kind, write, clients, ...flags] of SERVICES) {
  const greet = `const greet = async (conn) => {
    const write = (text) => conn.write(new TextEncoder().encode(text));
    ${write}
    conn.close();
  };`;
  const isGreeted = async (address: string, count: number) => {
    for (let client = 0; client < count; client++) {
      using conn = await dial(address);
      await conn.closeWrite();
      assertEquals(await receiveAllText(conn), "first second\n");
    }
  };
  const allow = [ALLOW_ACTIVATION, ...flags];

  Deno.test(`${what}, ${kind}: each of ${clients} half-closed clients gets its banner`, async () => {
    const script = `${greet}
      for await (const conn of await listen(3)) await greet(conn);`;
    await using program = await activate({ kind, script, allow });
    await isGreeted(program.address, clients);
  });

  if (kind !== "IPv4") continue;
  Deno.test(`${what}: a service of one connection writes first as well`, async () => {
    const script = `${greet} await greet(await connection(3));`;
    const options = ["--accept"];
    await using program = await activate({ kind, script, allow, options });
    await isGreeted(program.address, 5);
  });
}
