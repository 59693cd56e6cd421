/**
 * Claims the sockets of its first argument, in JSON. Prints their transports or the
 * error, then whether each descriptor is adopted, and exits at the end of its
 * standard input.
 */

import { ActivationError } from "../../activation/errors.ts";
import { claim } from "../../activation/claim.ts";
import { listen } from "../../activation/listen.ts";
import { listenFds } from "../../activation/environment.ts";

try {
  using claimed = await claim(JSON.parse(Deno.args[0]!));
  for (const [name, listener] of Object.entries(claimed)) {
    console.log(`${name}: ${listener.addr.transport}`);
    using conn = await listener.accept();
    await conn.write(new TextEncoder().encode(name));
  }
} catch (error) {
  if (!(error instanceof ActivationError)) throw error;
  console.log(`${error.code}: ${error.message}`);
}
for (const { fd, name } of listenFds()) {
  const outcome = await listen(fd).then(
    (listener) => {
      listener.close();
      return "left alone";
    },
    (error) => /was adopted before/.test(error) ? "adopted" : `${error}`,
  );
  console.log(`${name} was ${outcome}`);
}
console.log("done");
await new Response(Deno.stdin.readable).text();
