// What a program that uses the library brings: its compiler options, and its Deno.

import { assertEquals, assertStringIncludes } from "@std/assert";
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

/** The version that another part of the tests fetches. */
const [TYPES_NODE] = /@types\/node@[\d.]+/.exec(
  await Deno.readTextFile(`${REPOSITORY}examples/node-servers/deno.lock`),
)!;

const PROGRAMS: Record<string, string> = {
  "": "",
  " and @types/node": `import "npm:${TYPES_NODE}";`,
};

const { exports } = JSON.parse(
  await Deno.readTextFile(`${REPOSITORY}deno.json`),
) as { exports: Record<string, string> };

for (const [what, compilerOptions] of Object.entries(OPTIONS)) {
  for (const [and, source] of Object.entries(PROGRAMS)) {
    Deno.test(`a program with ${what}${and} type-checks`, async () => {
      using directory = new TempDir();
      const entries = Object.entries(exports).map(([name, module]) =>
        [name.replace(".", "@ipc/ipc"), `${REPOSITORY}${module}`] as const
      );
      await Deno.writeTextFile(
        directory.join("deno.json"),
        JSON.stringify({
          imports: Object.fromEntries(entries),
          compilerOptions,
        }),
      );
      const imports = entries.map(([name], i) =>
        `import * as entry${i} from "${name}";\nconsole.log(entry${i});\n`
      );
      await Deno.writeTextFile(
        directory.join("main.ts"),
        `${imports.join("")}${source}\n`,
      );
      const { code, stderr } = await run(
        Deno.execPath(),
        ["check", "--quiet", "--no-lock", "main.ts"],
        { cwd: directory.path, env: Deno.env.toObject() },
      );
      assertEquals({ code, stderr }, { code: 0, stderr: "" });
    });
  }
}

Deno.test("README and toolchain/find name the oldest supported Deno, and the step oldest runs it", async () => {
  const readme = await Deno.readTextFile(`${REPOSITORY}README.md`);
  assertStringIncludes(readme, `Deno ${OLDEST_DENO} or newer`);
  const find = await Deno.readTextFile(`${REPOSITORY}toolchain/find`);
  assertStringIncludes(find, `readonly oldest=${OLDEST_DENO} `);
  const lock = await Deno.readTextFile(
    `${REPOSITORY}toolchain/npm/deno-oldest-x86_64/package.json`,
  );
  assertStringIncludes(lock, `"${OLDEST_DENO}"`);
});
