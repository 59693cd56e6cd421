/**
 * Writes the import map for bundles into the folder that is given: the imports of
 * `deno.json`, and in place of that file one with nothing but the version in it,
 * which is all that programs want of it.
 *
 * @module
 */

import config from "../deno.json" with { type: "json" };

const [folder] = Deno.args;
const { imports, version } = config;
write("version.json", { version });
write("imports.json", {
  imports: { ...imports, "../deno.json": "./version.json" },
});

function write(name: string, value: unknown): void {
  Deno.writeTextFileSync(`${folder}/${name}`, JSON.stringify(value));
}
