/**
 * The runner behind `make check`: every check there is. What takes seconds runs
 * first and is shown as it runs; then the tests, up to two steps side by side,
 * each shown when it has ended. A step that fails does not
 * keep the others from running. The last line counts: `N passed, N failed,
 * N skipped`; what failed is named above it.
 *
 * Debian's packages that the steps need come first: root gets them installed,
 * others are shown the command.
 *
 * From the environment: `SUITE=NAME,...` runs these steps only, `ONLY=TEXT` the
 * tests with TEXT in their name only, and `REQUIRE_SYSTEM=1` makes a failure of
 * a step that cannot run here.
 *
 * @module
 */

import { Output, stopAll } from "./check/output.ts";
import { install, missing, type Package } from "./check/packages.ts";
import { inWords, readReport, type Result } from "./check/result.ts";

/** One step: what it runs, and what it cannot run without. */
interface Step {
  name: string;
  run: (output: Output) => Promise<Result>;
  packages?: Package[];
  /** Why only root can run it. */
  asRoot?: string;
}

/** Where TypeScript and shell sources are; everything else is fetched or built. */
const SOURCES = [
  "mod.ts",
  "activation",
  "daemon",
  "serve",
  "examples",
  "server",
  "client",
  "cli",
  "manual",
  "completions",
  "tests",
  "toolchain",
  "units",
  "packaging",
  ".ci",
];
/** What is imported from outside, and therefore documented with examples. */
const LIBRARY = ["mod.ts", "activation", "daemon", "serve"];
/** Test folders with a step of their own; all others are unit tests. */
const OWN_STEP = ["integration", "system", "packaging", "bench"];

/** How many branches of the activation and daemon folders tests take at least, in percent. */
const BRANCHES_COVERED = 95;

/** How many suites run at a time at most. */
const LANES_MOST = 2;

/** Seconds until a step of one check counts as hung. */
const CHECK_LIMIT = 120;

const checks: Step[] = [
  { name: "fmt", run: (output) => deno(output, "fmt", "--check") },
  { name: "lint", run: (output) => deno(output, "lint") },
  {
    name: "types",
    run: (output) =>
      deno(output, "check", "--quiet", "--frozen", ...typescript(SOURCES)),
  },
  {
    name: "doc-lint",
    run: (output) => deno(output, "doc", "--lint", "mod.ts", "serve/mod.ts"),
  },
  {
    name: "publish",
    run: (output) =>
      deno(output, "publish", "--dry-run", "--allow-dirty", "--quiet"),
  },
  {
    name: "shellcheck",
    packages: ["shellcheck"],
    run: (output) =>
      one(output, ["shellcheck", "-x", "-P", "SCRIPTDIR", ...shell(SOURCES)]),
  },
];

/** In an order that lets two lanes end at about the same time. */
const suites: Step[] = [
  {
    name: "system",
    packages: [
      ...["bash-completion", "curl", "debhelper", "dpkg-dev", "fish"],
      ...["libsystemd-dev", "pkgconf", "procps", "python3", "socat"],
      ...["systemd-container", "zsh"],
    ] as Package[],
    asRoot: "they boot a systemd of their own",
    run: (output) => tests(output, "system", testFiles("tests/system"), 900),
  },
  {
    name: "packages",
    packages: [
      ...["binutils", "debhelper", "dpkg-dev", "fakeroot", "git"],
      ...["libarchive-tools", "libsystemd-dev", "lintian", "makepkg"],
      ...["pacman-package-manager", "pkgconf", "rpm", "rpmlint", "systemd"],
      "zstd",
    ] as Package[],
    asRoot: "they build as somebody else, without a network",
    run: (output) =>
      tests(output, "packages", testFiles("tests/packaging"), 600),
  },
  {
    name: "newest",
    packages: ["procps", "python3", "socat", "strace", "systemd"],
    run: (output) => onNewest(output, 600),
  },
  {
    name: "unit",
    packages: ["procps", "python3", "socat", "strace", "systemd"],
    run: (output) => unitTestsWithCoverage(output, 600),
  },
  {
    name: "integration",
    packages: [
      ...["bash-completion", "binutils", "fish", "gcc", "git", "groff-base"],
      ...["libc6-dev", "libsystemd-dev", "mandoc", "procps", "python3"],
      ...["socat", "strace", "systemd", "tmux", "zsh"],
    ] as Package[],
    run: (output) =>
      tests(output, "integration", testFiles("tests/integration"), 600),
  },
  {
    name: "doc-examples",
    run: (output) =>
      tests(output, "doc-examples", withExamples(LIBRARY), 200, {
        options: ["--doc"],
      }),
  },
];

/** A Deno command that is one check. */
function deno(output: Output, ...args: string[]): Promise<Result> {
  return one(output, [Deno.execPath(), ...args]);
}

/** A command that is one check: passed when it exits with 0. */
async function one(output: Output, command: string[]): Promise<Result> {
  const code = await output.run(command, CHECK_LIMIT);
  return code === 0
    ? { passed: 1, skipped: 0, failed: [] }
    : { passed: 0, skipped: 0, failed: [`exit code ${code}`] };
}

/** Runs test files, and counts from the report that Deno writes about them. */
async function tests(
  output: Output,
  name: string,
  files: string[],
  limit: number,
  { options = [], env = {}, deno = Deno.execPath() }: {
    options?: string[];
    env?: Record<string, string>;
    deno?: string;
  } = {},
): Promise<Result> {
  const report = `build/junit-${name}.xml`;
  removeIfThere(report);
  const only = Deno.env.get("ONLY");
  const filter = only ? ["--filter", only] : [];
  const code = await output.run(
    [
      ...[deno, "test", "--allow-all", "--no-check", "--frozen"],
      ...[`--junit-path=${report}`, ...filter, ...options, ...files],
    ],
    limit,
    env,
  );
  const { result, ran } = readReport(readIfThere(report), {
    filtered: filter.length > 0,
  });
  // A file that does not load is missing in the report.
  if (!options.includes("--doc") && !filter.length) {
    for (const file of files.filter((file) => !ran.has(file))) {
      result.failed.push(`${file}: no test of it ran`);
    }
  }
  if (code !== 0 && result.failed.length === 0) {
    result.failed.push(`exit code ${code}`);
  }
  return result;
}

/**
 * Runs the unit tests, and checks how many branches of the library they take.
 * The programs that tests start count as well: they are told by a variable.
 */
async function unitTestsWithCoverage(
  output: Output,
  limit: number,
): Promise<Result> {
  const profiles = `${Deno.cwd()}/build/coverage`;
  if (isThere(profiles)) Deno.removeSync(profiles, { recursive: true });
  const result = await tests(output, "unit", unitTests(), limit, {
    env: { DENO_COVERAGE_DIR: profiles },
  });
  // A part of the tests covers a part only.
  if (Deno.env.get("ONLY")) return result;
  removeBrokenProfiles(profiles);
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      "coverage",
      "--include=/(activation|daemon)/",
      "--exclude=/tests/",
      profiles,
    ],
    env: { NO_COLOR: "1" },
  }).output();
  const table = new TextDecoder().decode(stdout);
  output.log(table);
  const branches = Number(/^\| All files +\| +([0-9.]+)/m.exec(table)?.[1]);
  if (branches >= BRANCHES_COVERED) result.passed++;
  else {
    result.failed.push(
      `branch coverage is ${branches} %, less than ${BRANCHES_COVERED} %`,
    );
  }
  return result;
}

/** Runs the library's tests on the newest Deno that npm has, as locked. */
async function onNewest(output: Output, limit: number): Promise<Result> {
  const { arch } = Deno.build;
  const name = `deno-newest-${arch}`;
  const code = await output.run(["toolchain/npm_install", name], CHECK_LIMIT);
  if (code !== 0) return { passed: 0, skipped: 0, failed: [`no ${name}`] };
  const machine = arch === "x86_64" ? "x64" : "arm64";
  const deno =
    `toolchain/installed/${name}/node_modules/@deno/linux-${machine}-glibc/deno`;
  const files = LIBRARY.flatMap((folder) => testFiles(`tests/${folder}`));
  return await tests(output, "newest", files, limit, {
    deno: Deno.realPathSync(deno),
  });
}

/** A program that a test killed may have left half a profile, or none of it. */
function removeBrokenProfiles(directory: string): void {
  for (const { name } of Deno.readDirSync(directory)) {
    const path = `${directory}/${name}`;
    const isWhole = Deno.readTextFileSync(path).trimEnd().endsWith("}");
    if (!isWhole) Deno.removeSync(path);
  }
}

/** Every file in these files and folders, sorted; nothing that was fetched. */
function walk(paths: string[]): string[] {
  return paths.filter(isThere).flatMap((path) => {
    if (!Deno.statSync(path).isDirectory) return [path];
    const names = [...Deno.readDirSync(path)].map((entry) => entry.name).sort();
    return walk(
      names.filter((name) => name !== "installed" && name !== "node_modules")
        .map((name) => `${path}/${name}`),
    );
  });
}

function typescript(paths: string[]): string[] {
  return walk(paths).filter((path) => path.endsWith(".ts"));
}

/** Each file is loaded by itself, which takes a while. */
function withExamples(paths: string[]): string[] {
  return typescript(paths).filter((path) =>
    Deno.readTextFileSync(path).includes("* ```ts")
  );
}

/** Shell scripts, known by their name or their first line. */
function shell(paths: string[]): string[] {
  return walk(paths).filter((path) =>
    /\.(sh|bash)$/.test(path) ||
    /^#!.*\b(ba|da)?sh\n/.test(Deno.readTextFileSync(path))
  );
}

function testFiles(path: string): string[] {
  return walk([path]).filter((path) => path.endsWith("_test.ts"));
}

function unitTests(): string[] {
  return testFiles("tests").filter((path) =>
    !OWN_STEP.includes(path.split("/")[1]!)
  );
}

function isThere(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

function readIfThere(path: string): string {
  return isThere(path) ? Deno.readTextFileSync(path) : "";
}

function removeIfThere(path: string): void {
  if (isThere(path)) Deno.removeSync(path);
}

/** The names that SUITE chooses; all when there is no SUITE. */
function chosen(): Set<string> {
  const known = [...checks, ...suites].map((step) => step.name);
  const names = (Deno.env.get("SUITE") ?? "").split(",").filter((name) =>
    name !== ""
  );
  if (names.some((name) => !known.includes(name))) {
    console.error(`SUITE is made of these names: ${known.join(",")}`);
    Deno.exit(64);
  }
  return new Set(names.length === 0 ? known : names);
}

async function runStep(step: Step, output: Output): Promise<Result> {
  const lacking = missing(step.packages ?? []);
  const cause = step.asRoot !== undefined && Deno.uid() !== 0
    ? `${step.asRoot}: run make check as root`
    : lacking.length > 0
    ? `${lacking.join(", ")} not installed`
    : undefined;
  if (cause === undefined) return await step.run(output);
  const required = Deno.env.get("REQUIRE_SYSTEM") === "1";
  output.log(`${required ? "CANNOT RUN" : "SKIPPED"}: ${cause}`);
  return required
    ? { passed: 0, skipped: 0, failed: [`cannot run: ${cause}`] }
    : { passed: 0, skipped: 1, failed: [] };
}

async function main(): Promise<void> {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => {
      stopAll();
      Deno.exit(130);
    });
  }
  const names = chosen();
  const first = checks.filter((step) => names.has(step.name));
  const rest = suites.filter((step) => names.has(step.name));
  const runnable = [...first, ...rest].filter((step) =>
    step.asRoot === undefined || Deno.uid() === 0
  );
  await install(missing(runnable.flatMap((step) => step.packages ?? [])));

  const total: Result = { passed: 0, skipped: 0, failed: [] };
  const summary: string[] = [];
  const inLane = async (steps: Step[], live: boolean) => {
    for (let step; (step = steps.shift()) !== undefined;) {
      const output = new Output(live);
      output.log(`\n== ${step.name}`);
      const start = performance.now();
      const result = await runStep(step, output);
      output.show();
      const seconds = ((performance.now() - start) / 1000).toFixed(1);
      summary.push(
        `${step.name.padEnd(14)} ${seconds.padStart(6)} s   ${inWords(result)}`,
      );
      total.passed += result.passed;
      total.skipped += result.skipped;
      total.failed.push(
        ...result.failed.map((what) => `${step.name}: ${what}`),
      );
    }
  };
  await inLane(first, true);
  const lanes = Math.min(
    LANES_MOST,
    navigator.hardwareConcurrency,
    rest.length,
  );
  if (lanes > 1) {
    console.log(`\n${rest.map(({ name }) => name).join(", ")} ...`);
  }
  await Promise.all(
    Array.from({ length: lanes }, () => inLane(rest, lanes === 1)),
  );
  console.log(`\n== summary\n${summary.join("\n")}\n`);
  for (const what of total.failed) console.log(`failed: ${what}`);
  console.log(inWords(total));
  Deno.exit(total.failed.length > 0 || total.passed === 0 ? 1 : 0);
}

if (import.meta.main) await main();
