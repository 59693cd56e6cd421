/**
 * Writes the shell completions into a folder, with one folder for each shell. Generates
 * them from the options of the programs; run by `make`.
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
