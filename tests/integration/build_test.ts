// What make makes: small programs, and a demonstration that runs.

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
  /^(Q|say|PROGRAMS|EXECUTABLES|\w*UNITS|DROP_INS|MANUALS|COMPLETIONS|DOCUMENTS|SOURCES|PACKAGES|DIRECTORIES|unfit|check_directory|targetdirs|installed\w*|made_\w+|built)$/;

/** What packagers set, and the Makefile only passes on. */
const FROM_ENVIRONMENT = [
  "DENO",
  "DENORT_BIN",
  "DENO_DIR",
  "SOURCE_DATE_EPOCH",
];

const KIBIBYTE = 1024;
const PAGE = 4096;

/**
 * Returns where an ELF file keeps a section.
 *
 * Deno appends a program to its runtime as sections of their own, whose names
 * start with ".sui" and ".note.sui".
 */
async function sectionOffset(path: string, name: string): Promise<number> {
  using file = await Deno.open(path);
  const at = async (offset: number, length: number) => {
    const bytes = new Uint8Array(length);
    await file.seek(offset, Deno.SeekMode.Start);
    for (let count = 0; count < length;) {
      count += (await file.read(bytes.subarray(count)))!;
    }
    return new DataView(bytes.buffer);
  };
  const header = await at(0, 64);
  const tableOffset = Number(header.getBigUint64(0x28, true));
  const entrySize = header.getUint16(0x3a, true);
  const count = header.getUint16(0x3c, true);
  const namesIndex = header.getUint16(0x3e, true);
  const table = await at(tableOffset, entrySize * count);
  const offsetOf = (index: number) =>
    Number(table.getBigUint64(index * entrySize + 0x18, true));
  const sizeOf = (index: number) =>
    Number(table.getBigUint64(index * entrySize + 0x20, true));
  const names = new TextDecoder("latin1").decode(
    await at(offsetOf(namesIndex), sizeOf(namesIndex)),
  );
  for (let index = 0; index < count; index++) {
    const start = table.getUint32(index * entrySize, true);
    if (names.slice(start).split("\0", 1)[0] === name) return offsetOf(index);
  }
  throw new Error(`No section ${name} in ${path}`);
}

for (const path of [IPC_SERVER, IPC_CLIENT]) {
  const name = path.split("/").at(-1);
  Deno.test(`${name} adds less than 64 KiB to Deno's runtime`, async () => {
    const { size } = await Deno.stat(path);
    const start = await sectionOffset(path, ".sui.phdrs");
    // The first section is aligned to a page; where the runtime ended is lost.
    const payload = size - start + PAGE;
    assert(payload > PAGE + KIBIBYTE, `${payload} bytes cannot be all`);
    assert(payload < 64 * KIBIBYTE, `${payload} bytes`);
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

/** A directory of each kind that installing cannot handle, and why. */
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

Deno.test("make run shows both sides of the main job, and cleans up", async () => {
  using directory = new TempDir();
  const { code, stdout, stderr } = await run("make", ["run"], {
    cwd: REPOSITORY,
    env: {
      ...makeEnvironment(),
      INTERVAL: "20ms",
      TMPDIR: directory.path,
    },
  });
  assertEquals(code, 0, stderr);
  const lines = stdout.split("\n");
  const of = (side: string) =>
    lines.filter((line) => line.startsWith(`${side} | `))
      .map((line) => line.slice(`${side} | `.length));
  const sent = [...Array.from({ length: 10 }, (_, i) => `${i + 1}`), "close"];
  assertEquals(of("server"), [
    "server start",
    ...sent.map((text) => `server recv: ${text}`),
  ]);
  const client = of("client");
  assertEquals(client[0], "client start");
  assertStringIncludes(client[1], "connect server by socket:");
  assertEquals(
    client.slice(2),
    sent.flatMap((text) => [`input data: ${text}`, `recv:${text}`]),
  );
  assertEquals([...Deno.readDirSync(directory.path)], []);
});

Deno.test("the demonstration exits with the client's status", async () => {
  const { code, stdout } = await run("examples/run", [], {
    cwd: REPOSITORY,
    env: { INTERVAL: "nonsense" },
  });
  assertEquals(code, 64);
  assertStringIncludes(stdout, "client | ipc-client: ");
});
