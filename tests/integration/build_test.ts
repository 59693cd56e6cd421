// The results of make: small programs, and the demonstration.

import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import { makeEnvironment, REPOSITORY, run } from "../support/program.ts";
import { TempDir } from "../support/temp_dir.ts";

const text = (path: string) => Deno.readTextFileSync(`${REPOSITORY}${path}`);

for (const program of ["ipc-server", "ipc-client"]) {
  Deno.test(`${program} adds less than 80 KiB to Deno's runtime: code, and its version`, async () => {
    const executable = `${REPOSITORY}bin/${program}`;
    const { stdout } = await run("readelf", ["-SW", executable]);
    const [, offset] = /\.sui\.phdrs +\w+ +\w+ (\w+)/.exec(stdout)!;
    // Deno appends the program to its runtime, from this section on, aligned to a page.
    const { size } = await Deno.stat(executable);
    const payload = size - Number.parseInt(offset!, 16);
    assert(payload > 1024 && payload < 80 * 1024, `${payload} bytes`);
    const bundle = [...Deno.readDirSync(`${REPOSITORY}build/${program}`)]
      .map(({ name }) => text(`build/${program}/${name}`)).join("");
    assertStringIncludes(bundle, `{version:"${config.version}"}`);
    assertEquals(bundle.includes(config.name), false);
  });
}

/** Variables that only the Makefile sets: lists, and values derived from others. */
const OF_THE_MAKEFILE =
  /^(Q|say|PROGRAMS|EXECUTABLES|\w*UNITS|DROP_INS|MANUALS|COMPLETIONS|SOURCES|PACKAGES|DIRECTORIES|unfit|check_directory|targetdirs|installed\w*|made_\w+)$/;

/** Variables that packagers set, and the Makefile only passes on. */
const FROM_ENVIRONMENT = "DENO DENORT_BIN DENO_DIR SOURCE_DATE_EPOCH";

Deno.test("make help and the packagers' README list every variable, and no other", async () => {
  const { stdout: help } = await run("make", ["help"], { cwd: REPOSITORY });
  const variables = Array.from(
    text("Makefile").matchAll(/^(\w+) :?=/gm),
    ([, name]) => name!,
  ).filter((name) => !OF_THE_MAKEFILE.test(name))
    .concat(FROM_ENVIRONMENT.split(" "));
  for (const name of variables) {
    assertMatch(help, new RegExp(`\nVariables\n.*\\s${name}=`, "s"));
  }
  const explained = text("packaging/README.md")
    .split("\n## ").find((section) => section.startsWith("Variables\n"))!
    .matchAll(/^\| (`[A-Za-z0-9_=`, ]+`) +\| .*\|$/gm)
    .flatMap(([, names]) => names!.split(", "))
    .map((name) => /^`(\w+)/.exec(name)![1]!);
  assertEquals(
    [...explained].sort(),
    variables.filter((name) => name !== "MINUTES").sort(),
  );
});

/** Directories that cannot be installed to, and the reasons. */
const UNFIT: string[][] = [
  ...[..."&|%;()*?[]{}<>'\"`\\!#", "$$"].map((character) => [
    ...["prefix", `/opt/a${character}b`],
    `choose a directory without ${character[0]} in its name`,
  ]),
  ["pkglibexecdir", "/opt/a b", "it must not have spaces"],
  ["DESTDIR", "/opt/a ", "it must not have spaces"],
  ["prefix", "opt", "it must start with /"],
  ["fishconfdir", "", "it must start with /"],
];

Deno.test("make refuses a directory that installing cannot handle, before it does anything", async () => {
  using destination = new TempDir();
  for (const [variable, value, cause] of UNFIT) {
    const { code, stderr } = await run("make", [
      ...["install", `DESTDIR=${destination.path}`, `${variable}=${value}`],
    ], { cwd: REPOSITORY, env: makeEnvironment() });
    const quoted = `"${value!.replace("$$", "$")}"`;
    assertStringIncludes(stderr, `*** ${variable} is ${quoted}: ${cause}.`);
    assertEquals(code, 2);
    assertEquals([...Deno.readDirSync(destination.path)], []);
  }
});

Deno.test("make checks every directory that it has a variable for", () => {
  const makefile = text("Makefile");
  const [, checked] = /^DIRECTORIES = ((?:.*\\\n)*.*)$/m.exec(makefile)!;
  assertEquals(
    checked!.split(/[\s\\]+/).sort(),
    Array.from(
      makefile.matchAll(/^(DESTDIR|prefix|(?!dist)\w+dir) =/gm),
      ([, name]) => name!,
    ).sort(),
  );
});

/** The packages of programs that not every Debian has. */
const PACKAGES: Record<string, string> = {
  curl: "curl",
  groff: "groff-base",
  mandoc: "mandoc",
  readelf: "binutils",
};

Deno.test("tests/check installs the package of each program that these tests run", () => {
  const [, listed] = /\[integration\]="([^"]*)"/.exec(text("tests/check"))!;
  const installed = listed!.split(/\s+/);
  const programs = [...Deno.readDirSync(import.meta.dirname!)]
    .map(({ name }) => text(`tests/integration/${name}`)).join("")
    .matchAll(/\brun\("(\w+)"/g);
  for (const [, name] of programs) {
    if (/^(bash|make|mkfifo|sh)$/.test(name!)) continue;
    assert(installed.includes(PACKAGES[name!]!), name);
  }
});

Deno.test("the demonstration exits with the client's status", async () => {
  const options = { cwd: REPOSITORY, env: { INTERVAL: "nonsense" } };
  const { code, stdout } = await run("examples/run", [], options);
  assertEquals(code, 64);
  assertStringIncludes(stdout, "client | ipc-client: ");
});
