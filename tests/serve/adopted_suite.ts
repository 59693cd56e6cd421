/**
 * Runs the HTTP suite on the sockets that this process was activated with, one a
 * case after the first, and prints each result as a line of JSON.
 */

import { serve } from "../../serve/mod.ts";
import { dial } from "../support/activate.ts";
import { CASES } from "./http_suite.ts";

export interface Result {
  name: string;
  error?: string;
}

if (import.meta.main) {
  for (const [i, { name, run }] of CASES.entries()) {
    const result: Result = { name };
    try {
      await run({
        secure: false,
        serve: (handler, options) =>
          serve(handler, { name: `case-${i}`, notify: false, ...options }),
        dial: () => dial(Deno.args[i]!),
      });
    } catch (error) {
      result.error = error instanceof Error ? error.stack : `${error}`;
    }
    console.log(JSON.stringify(result));
  }
  Deno.exit();
}
