/** Serves HTTPS on the socket that it is given. */

import { serve } from "../../serve/serve.ts";

const [cert = "", key = ""] = Deno.args;
const service = serve(() => new Response("hello"), { cert, key });
await service;
console.log("listening");
