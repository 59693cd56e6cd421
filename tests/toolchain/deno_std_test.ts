// npm's deno-std is the code of denoland/std: toolchain/std_code.sha256 has the checksums
// of the sources' code.

import { assert, assertEquals } from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import { REPOSITORY, run } from "../support/program.ts";
import { TempDir } from "../support/temp_dir.ts";

const LISTED = await Deno.readTextFile(
  `${REPOSITORY}toolchain/std_code.sha256`,
);

/** The files of deno-std that the imports of deno.json lead to. */
async function modules(): Promise<{ folder: string; names: string[] }> {
  await run("toolchain/npm_install", ["npm/deno-std"], { cwd: REPOSITORY });
  const folder =
    `${REPOSITORY}toolchain/installed/deno-std/node_modules/deno-std/`;
  const names = new Set(
    Object.values(config.imports)
      .map((specifier) => specifier.replace(/^npm:deno-std@[^/]*\//, "")),
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

async function codeOf(folder: string, names: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(
    `${REPOSITORY}toolchain/std_code`,
    names,
    { cwd: folder },
  );
  assertEquals(code, 0, stderr);
  return stdout;
}

Deno.test("each module of deno-std that is imported is the code of denoland/std", async () => {
  const { folder, names } = await modules();
  assert(names.length > 30, `${names}`);
  assertEquals(await codeOf(folder, names), LISTED);
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
  const texts = {
    "a.ts":
      'import { f } from "@std/internal/build-message";\n// Why.\nexport function g(x: number): number {\n  return f(x);\n}\n',
    "b.js":
      'import { f } from "../internal/build_message.js";\nexport function g(x) { return f(x); }\n',
    "c.js":
      'import { f } from "../internal/build_message.js";\nexport function g(x) { return f(x + 1); }\n',
    "d.js":
      'import { f } from "../internal/build_message.js";\nimport { h } from "./evil.js";\nexport function g(x) { return f(x); }\n',
  };
  for (const [name, text] of Object.entries(texts)) {
    await Deno.writeTextFile(directory.join(name), text);
  }
  const checksums = await codeOf(directory.path, Object.keys(texts));
  const [a, b, c, d] = checksums.split("\n").map((line) => line.slice(0, 64));
  assertEquals(a, b);
  assert(c !== a && d !== a, checksums);
});
