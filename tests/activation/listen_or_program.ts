/** Says hello to one peer, wherever `listenOr()` listens. */

import { ActivationError } from "../../activation/errors.ts";
import { listenOr } from "../../activation/listen_or.ts";

try {
  using listener = await listenOr(JSON.parse(Deno.args[0]!));
  console.log(JSON.stringify(listener.addr));
  using conn = await listener.accept();
  await conn.write(new TextEncoder().encode("hello"));
} catch (error) {
  if (!(error instanceof ActivationError)) throw error;
  console.log(`${error.code}: ${error.message}`);
}
