/**
 * Writes the manuals into the folder that is given. Each is made of its template
 * and of what its program says about itself; run by `make`.
 *
 * @module
 */

import { CLIENT_USAGE } from "../client/usage.ts";
import config from "../deno.json" with { type: "json" };
import { SERVER_USAGE } from "../server/usage.ts";
import { editionDate } from "./edition_date.ts";
import { fillIn } from "./fill_in.ts";

const PAGES = {
  "ipc-client.1": CLIENT_USAGE,
  "ipc-server.socket.5": undefined,
  "ipc-server.8": SERVER_USAGE,
};

const [folder] = Deno.args;
const { version } = config;
const date = editionDate(
  Deno.env.get("SOURCE_DATE_EPOCH"),
  Deno.readTextFileSync("CHANGELOG.md"),
  version,
);
for (const [page, usage] of Object.entries(PAGES)) {
  const template = Deno.readTextFileSync(`manual/${page}.in`);
  const text = fillIn(template, usage, { version, date });
  Deno.writeTextFileSync(`${folder}/${page}`, text);
}
