/**
 * Writes the import map for the bundles of both programs into the folder that is given:
 * the imports of `deno.json`, and two replacements.
 *
 * - In place of `deno.json`, a file with nothing but the version, which is all that
 *   programs want of it.
 * - In place of `serve/mod.ts`, an empty module: the bundler keeps the parts of other
 *   modules that `serve()` would import on demand, and no program calls it.
 *
 * @module
 */

import config from "../deno.json" with { type: "json" };

const [folder] = Deno.args;
const { imports, version } = config;
write("version.json", JSON.stringify({ version }));
write("empty.js", "");
write(
  "imports.json",
  JSON.stringify({
    imports: {
      ...imports,
      "../deno.json": "./version.json",
      "../serve/mod.ts": "./empty.js",
    },
  }),
);

function write(name: string, text: string): void {
  Deno.writeTextFileSync(`${folder}/${name}`, text);
}
