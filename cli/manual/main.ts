/**
 * Writes the manuals into a folder. Each combines its template with the options and
 * exit statuses of its program; run by `make`.
 *
 * @module
 */

import { CLIENT_USAGE } from "../../client/usage.ts";
import config from "../../deno.json" with { type: "json" };
import { SERVER_USAGE } from "../../server/usage.ts";
import { fillIn } from "./fill_in.ts";

const PAGES = {
  "ipc-client.1": CLIENT_USAGE,
  "ipc-server.socket.5": undefined,
  "ipc-server.8": SERVER_USAGE,
};

const [folder] = Deno.args;
for (const [page, usage] of Object.entries(PAGES)) {
  const template = Deno.readTextFileSync(`cli/manual/${page}.in`);
  const text = fillIn(template, usage, config.version);
  Deno.writeTextFileSync(`${folder}/${page}`, text);
}
