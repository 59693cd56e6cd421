// The results of make: small programs, and the demonstration.

import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import {
  IPC_CLIENT,
  IPC_SERVER,
  makeEnvironment,
  REPOSITORY,
  run,
} from "../support/program.ts";
import { TempDir } from "../support/temp_dir.ts";

/** Variables that only the Makefile sets: lists, and values derived from others. */
const OF_THE_MAKEFILE =
  /^(Q|say|PROGRAMS|EXECUTABLES|\w*UNITS|DROP_INS|MANUALS|COMPLETIONS|SOURCES|PACKAGES|DIRECTORIES|unfit|check_directory|targetdirs|installed\w*|made_\w+)$/;

/** Variables that packagers set, and the Makefile only passes on. */
const FROM_ENVIRONMENT = [
  "DENO",
  "DENORT_BIN",
  "DENO_DIR",
  "SOURCE_DATE_EPOCH",
];

const KIBIBYTE = 1024;
const PAGE = 4096;

/** Returns the offset of a section in an ELF file. */
async function sectionOffset(path: string, name: string): Promise<number> {
  const { stdout } = await run("readelf", [
    "--section-headers",
    "--wide",
    path,
  ]);
  const [, offset] = new RegExp(`${RegExp.escape(name)} +\\w+ +\\w+ (\\w+)`)
    .exec(stdout) ?? [];
  assert(offset !== undefined, `no section ${name} in ${stdout}`);
  return Number.parseInt(offset!, 16);
}

for (const path of [IPC_SERVER, IPC_CLIENT]) {
  const name = path.split("/").at(-1);
  Deno.test(`${name} adds less than 80 KiB to Deno's runtime`, async () => {
    const { size } = await Deno.stat(path);
    const start = await sectionOffset(path, ".sui.phdrs");
    // Deno appends the program to its runtime, from this section on, aligned to a page.
    const payload = size - start + PAGE;
    assert(payload > PAGE + KIBIBYTE, `${payload} bytes cannot be all`);
    assert(payload < 80 * KIBIBYTE, `${payload} bytes`);
  });
}

for (const program of ["ipc-server", "ipc-client"]) {
  Deno.test(`${program} has the version of deno.json, and nothing else of it`, async () => {
    const folder = `${REPOSITORY}build/${program}`;
    let bundle = "";
    for await (const { name } of Deno.readDir(folder)) {
      bundle += await Deno.readTextFile(`${folder}/${name}`);
    }
    assertStringIncludes(bundle, `{version:"${config.version}"}`);
    assertEquals(bundle.includes(config.name), false);
  });
}

Deno.test("make help and the packagers' README list every variable, and no other", async () => {
  const text = (path: string) => Deno.readTextFile(`${REPOSITORY}${path}`);
  const { stdout: help } = await run("make", ["help"], { cwd: REPOSITORY });
  const assigned = (await text("Makefile")).matchAll(/^(\w+) :?=/gm);
  const made = Array.from(assigned, ([, name]) => name!)
    .filter((name) => !OF_THE_MAKEFILE.test(name)).sort();
  const [, told = ""] = /\nVariables\n(.*)$/s.exec(help) ?? [];
  for (const name of [...made, ...FROM_ENVIRONMENT]) {
    assertMatch(told, new RegExp(`(^|\\s)${name}=`), name);
  }
  const rows = (await text("packaging/README.md"))
    .split("\n## ").find((section) => section.startsWith("Variables\n"))!
    .matchAll(/^\| (`[A-Za-z0-9_=`, ]+`) +\| .*\|$/gm);
  const explained = Array.from(rows, ([, names]) => names!)
    .flatMap((names) => names.split(", "))
    .map((name) => /^`(\w+)/.exec(name)![1]!);
  assertEquals(
    explained.sort(),
    [...made.filter((name) => name !== "MINUTES"), ...FROM_ENVIRONMENT].sort(),
  );
});

/** Directories that cannot be installed to, and the reasons. */
const UNFIT_DIRECTORIES: [variable: string, value: string, cause: string][] = [
  ..."&|%;()*?[]{}<>'\"`\\!#".split("").map((
    character,
  ): [string, string, string] => [
    "prefix",
    `/opt/a${character}b`,
    `choose a directory without ${character} in its name`,
  ]),
  ["bindir", "/opt/a$$b", "choose a directory without $ in its name"],
  ["pkglibexecdir", "/opt/a b", "it must not have spaces"],
  ["DESTDIR", "/opt/a ", "it must not have spaces"],
  ["DESTDIR", "/opt/a&b", "choose a directory without & in its name"],
  ["prefix", "opt", "it must start with /"],
  ["fishconfdir", "", "it must start with /"],
];

Deno.test("make refuses a directory that installing cannot handle, before it does anything", async () => {
  using destination = new TempDir();
  for (const [variable, value, cause] of UNFIT_DIRECTORIES) {
    const { code, stdout, stderr } = await run("make", [
      "install",
      `DESTDIR=${destination.path}`,
      `${variable}=${value}`,
    ], { cwd: REPOSITORY, env: makeEnvironment() });
    assertEquals(code, 2, `${variable}=${value}\n${stdout}`);
    assertStringIncludes(
      stderr,
      `*** ${variable} is "${value.replace("$$", "$")}": ${cause}.`,
    );
    assertEquals([...Deno.readDirSync(destination.path)], []);
  }
});

Deno.test("make checks every directory that it has a variable for", async () => {
  const makefile = await Deno.readTextFile(`${REPOSITORY}Makefile`);
  const [, checked] = /^DIRECTORIES = ((?:.*\\\n)*.*)$/m.exec(makefile)!;
  assertEquals(
    checked!.split(/[\s\\]+/).sort(),
    Array.from(
      makefile.matchAll(/^(DESTDIR|prefix|(?!dist)\w+dir) =/gm),
      ([, name]) => name!,
    ).sort(),
  );
});

Deno.test("the demonstration exits with the client's status", async () => {
  const { code, stdout } = await run("examples/run", [], {
    cwd: REPOSITORY,
    env: { INTERVAL: "nonsense" },
  });
  assertEquals(code, 64);
  assertStringIncludes(stdout, "client | ipc-client: ");
});
