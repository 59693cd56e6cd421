// npm's deno-std is the code of denoland/std: toolchain/std_code.sha256 has the checksums
// of the sources' code.

import { assert, assertEquals } from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import { output, REPOSITORY, run } from "../support/program.ts";
import { TempDir } from "../support/temp_dir.ts";

const LISTED = `${REPOSITORY}toolchain/std_code.sha256`;

/** The files of deno-std that the imports of deno.json lead to. */
async function modules(): Promise<{ folder: string; names: string[] }> {
  await run("toolchain/npm_install", ["npm/deno-std"], { cwd: REPOSITORY });
  const folder =
    `${REPOSITORY}toolchain/installed/deno-std/node_modules/deno-std/`;
  const specifiers = Object.values(config.imports);
  const names = new Set(
    specifiers.map((it) => it.replace(/^npm:deno-std@[^/]*\//, "")),
  );
  for (const name of names) {
    const text = await Deno.readTextFile(folder + name);
    // Not those in comments.
    const imports = text.matchAll(/^(?! \*).*\b(?:from|import)\s*"([^"]+)"/gm);
    for (const [, path] of imports) {
      assert(path!.startsWith("."), `${name} imports ${path}`);
      names.add(new URL(path!, `file:///${name}`).pathname.slice(1));
    }
  }
  return { folder, names: [...names].sort() };
}

function codeOf(folder: string, names: string[]): Promise<string> {
  return output(`${REPOSITORY}toolchain/std_code`, names, { cwd: folder });
}

Deno.test("each module of deno-std that is imported is the code of denoland/std", async () => {
  const { folder, names } = await modules();
  assert(names.length > 30, `${names}`);
  assertEquals(await codeOf(folder, names), Deno.readTextFileSync(LISTED));
});

Deno.test("Deno and npm install the same deno-std", async () => {
  const read = async (name: string) =>
    JSON.parse(await Deno.readTextFile(`${REPOSITORY}${name}`));
  const { packages } = await read("toolchain/npm/deno-std/package-lock.json");
  const { version, integrity } = packages["node_modules/deno-std"];
  const { npm } = await read("deno.lock");
  assertEquals(npm, { [`deno-std@${version}`]: { integrity } });
});

Deno.test("types, comments and layout do not change the checksum of a module, and code does", async () => {
  using directory = new TempDir();
  const start = 'import { f } from "../internal/build_message.js";\n';
  const g = "export function g(x) { return f(x); }\n";
  const texts = {
    "a.ts":
      'import { f } from "@std/internal/build-message";\n// Why.\nexport function g(x: number): number {\n  return f(x);\n}\n',
    "b.js": start + g,
    "c.js": start + g.replace("(x);", "(x + 1);"),
    "d.js": `${start}import { h } from "./evil.js";\n${g}`,
  };
  for (const [name, text] of Object.entries(texts)) {
    await Deno.writeTextFile(directory.join(name), text);
  }
  const checksums = await codeOf(directory.path, Object.keys(texts));
  const [a, b, c, d] = checksums.split("\n").map((line) => line.slice(0, 64));
  assertEquals(a, b);
  assert(c !== a && d !== a, checksums);
});
