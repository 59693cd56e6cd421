import { serve } from "../../../serve/mod.ts";

await serve((_request) => new Response("Hello, World!"), { notify: false });
