/** Serves until it is restarted; prints whether it got a socket. */

import { serve } from "../../serve/mod.ts";

await serve(() => new Response()).then(
  () => console.log("adopted"),
  (error) => console.log(`${error.name}: ${error.message}`),
);
