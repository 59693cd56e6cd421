import { serve } from "../../../serve/mod.ts";

const [cert, key] = Deno.args.map((file) => Deno.readTextFileSync(file));
const handler = (_request: Request) => new Response("Hello, World!");
await serve(handler, { notify: false, cert, key });
