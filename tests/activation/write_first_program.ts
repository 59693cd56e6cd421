/**
 * Sends a banner to each client without reading: with "whole" as its second argument
 * in one write; with "parts" in two concurrent writes, and closes at the same time.
 */

import {
  type AdoptedConn,
  connection,
  listen,
  listenFds,
} from "../../activation/mod.ts";

const encoder = new TextEncoder();
const [way, how] = Deno.args;

async function greet(conn: AdoptedConn): Promise<void> {
  if (how === "whole") {
    await conn.write(encoder.encode("first second\n"));
  } else {
    const writes = ["first ", "second\n"].map((text) =>
      conn.write(encoder.encode(text))
    );
    await Promise.all([...writes, conn.closeWrite()]);
  }
  conn.close();
}

if (way === "connection") await greet(await connection(3));
else for await (const conn of await listen(listenFds()[0]!)) await greet(conn);
