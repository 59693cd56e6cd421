/**
 * Listens until its second connection has come, and then stays until the end of its
 * standard input.
 */

import { listen } from "../../activation/mod.ts";

const listener = await listen(3);
(await listener.accept()).close();
(await listener.accept()).close();
listener.close();
console.log("closed");
await new Response(Deno.stdin.readable).text();
