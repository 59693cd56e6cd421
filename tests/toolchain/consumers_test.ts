// What a program that uses the library brings: its compiler options, and its Deno.

import { assertEquals, assertStringIncludes } from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import { OLDEST_DENO } from "../../activation/_oldest_deno.ts";
import { REPOSITORY, run } from "../support/program.ts";
import { TempDir } from "../support/temp_dir.ts";

const OPTIONS: Record<string, Record<string, unknown>> = {
  "the defaults": {},
  "the strictest options": {
    exactOptionalPropertyTypes: true,
    noFallthroughCasesInSwitch: true,
    noImplicitOverride: true,
    noImplicitReturns: true,
    noPropertyAccessFromIndexSignature: true,
    noUncheckedIndexedAccess: true,
    noUnusedLocals: true,
    noUnusedParameters: true,
    allowUnreachableCode: false,
    allowUnusedLabels: false,
    verbatimModuleSyntax: true,
  },
  "isolated declarations": { isolatedDeclarations: true, declaration: true },
  "lax options": { strict: false },
  "no unstable API": { lib: ["deno.window"] },
  "the types of a browser": { lib: ["dom", "dom.iterable", "deno.ns"] },
};

const read = (path: string) => Deno.readTextFileSync(`${REPOSITORY}${path}`);

Deno.test("toolchain/offline/README.md names the package that the runtime base is taken from, and its licence", () => {
  const lock = read("toolchain/offline/denort-x86_64/package-lock.json");
  const [, name] = /"node_modules\/([^"]+)"/.exec(lock)!;
  const [, licence] = /"license": "([^"]+)"/.exec(lock)!;
  const text = read("toolchain/offline/README.md");
  for (const it of [name!, `licence ${licence}`]) {
    assertStringIncludes(text, it);
  }
});

/** The version that another part of the tests fetches. */
const [TYPES_NODE] = /@types\/node@[\d.]+/.exec(
  read("examples/node-servers/deno.lock"),
)!;

const ENTRIES = Object.entries(config.exports).map(([name, module]) =>
  [name.replace(".", "@ipc/ipc"), `${REPOSITORY}${module}`] as const
);

for (const [what, compilerOptions] of Object.entries(OPTIONS)) {
  for (const types of ["", `import "npm:${TYPES_NODE}";`]) {
    Deno.test(`a program with ${what} type-checks; ${types}`, async () => {
      using directory = new TempDir();
      const imports = Object.fromEntries(ENTRIES);
      const configuration = JSON.stringify({ imports, compilerOptions });
      await Deno.writeTextFile(directory.join("deno.json"), configuration);
      const lines = ENTRIES.map(([name], i) =>
        `import * as entry${i} from "${name}";\nconsole.log(entry${i});\n`
      );
      const program = `${lines.join("")}${types}\n`;
      await Deno.writeTextFile(directory.join("main.ts"), program);
      const args = ["check", "--quiet", "--no-lock", "main.ts"];
      const options = { cwd: directory.path, env: Deno.env.toObject() };
      const { code, stderr } = await run(Deno.execPath(), args, options);
      assertEquals({ code, stderr }, { code: 0, stderr: "" });
    });
  }
}

Deno.test("README and toolchain/find name the oldest supported Deno, and the step oldest runs it", () => {
  const places = {
    "README.md": `Deno ${OLDEST_DENO} or newer`,
    "toolchain/find": `readonly oldest=${OLDEST_DENO} `,
    "toolchain/npm/deno-oldest-x86_64/package.json": `"${OLDEST_DENO}"`,
  };
  for (const [path, text] of Object.entries(places)) {
    assertStringIncludes(read(path), text);
  }
});
