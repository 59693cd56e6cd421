/**
 * `bundle_imports.ts FOLDER STD`: writes the import map for the bundles of the programs
 * into FOLDER: the imports of `deno.json`, and replacements.
 *
 * - For the packages of `@std`, the files below STD, whose checksums were compared.
 * - In place of `deno.json`, a file with only the version: programs use nothing
 *   else of it.
 * - In place of the servers of `serve()` and `serveNode()`, an empty module: no program
 *   calls them, and the bundler would keep the parts of other modules that they import on
 *   demand.
 *
 * @module
 */

import config from "../deno.json" with { type: "json" };

const [folder, std] = Deno.args;
const top = new URL("../", import.meta.url);
const imports = Object.entries(config.imports).map(([name, specifier]) => [
  name,
  specifier.replace(/^npm:deno-std@[^/]*/, `${std}`),
]);
write("version.json", JSON.stringify({ version: config.version }));
write("empty.js", "export const openServers = undefined;");
write(
  "imports.json",
  JSON.stringify({
    imports: {
      ...Object.fromEntries(imports),
      [`${new URL("deno.json", top)}`]: "./version.json",
      [`${new URL("serve/_open_servers.ts", top)}`]: "./empty.js",
      [`${new URL("serve/_node_member.ts", top)}`]: "./empty.js",
    },
  }),
);

function write(name: string, text: string): void {
  Deno.writeTextFileSync(`${folder}/${name}`, text);
}
