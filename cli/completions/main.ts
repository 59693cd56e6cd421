/**
 * Writes the shells' completions into the folder that is given, one folder a shell.
 * They are made of what the programs say about themselves; run by `make`.
 *
 * @module
 */

import { CLIENT_USAGE } from "../../client/usage.ts";
import { SERVER_USAGE } from "../../server/usage.ts";
import { bashCompletion } from "./bash.ts";
import { fishCompletion } from "./fish.ts";
import { zshCompletion } from "./zsh.ts";

const [folder] = Deno.args;
for (const usage of [SERVER_USAGE, CLIENT_USAGE]) {
  const files = {
    [`bash/${usage.name}`]: bashCompletion(usage),
    [`zsh/_${usage.name}`]: zshCompletion(usage),
    [`fish/${usage.name}.fish`]: fishCompletion(usage),
  };
  for (const [file, text] of Object.entries(files)) {
    Deno.writeTextFileSync(`${folder}/${file}`, text);
  }
}
