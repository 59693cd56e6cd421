/**
 * The runner behind `make check`: every check there is, one step after the
 * other, each shown as it runs. A step that fails does not keep the next one
 * from running. The last line counts: `N passed, N failed, N skipped`.
 *
 * From the environment: `SUITE=NAME,...` runs these steps only, `ONLY=TEXT` the
 * tests with TEXT in their name only, and `REQUIRE_SYSTEM=1` makes a failure of
 * a step that cannot run here.
 *
 * @module
 */

/** How many checks, or tests, ended how. */
interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/** One step: what it runs, or why it cannot, as a sentence that says what to do. */
interface Step {
  name: string;
  run: () => Promise<Counts> | Counts;
  missing?: () => string | undefined;
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

/** Seconds until a step of one check counts as hung. */
const CHECK_LIMIT = 120;

/** A program of each of Debian's packages that tests use. */
const PACKAGES: Record<string, string> = {
  binutils: "objdump",
  curl: "curl",
  debhelper: "dh",
  "dpkg-dev": "dpkg-buildpackage",
  fakeroot: "fakeroot",
  "libarchive-tools": "bsdtar",
  lintian: "lintian",
  makepkg: "makepkg",
  "pacman-package-manager": "pacman",
  pkgconf: "pkg-config",
  python3: "python3",
  rpm: "rpmbuild",
  rpmlint: "rpmlint",
  socat: "socat",
  strace: "strace",
  systemd: "systemd-socket-activate",
  "systemd-container": "systemd-nspawn",
  tmux: "tmux",
};

const steps: Step[] = [
  { name: "fmt", run: () => check("fmt", "--check") },
  { name: "lint", run: () => check("lint") },
  {
    name: "types",
    run: () => check("check", "--quiet", "--frozen", ...typescript(SOURCES)),
  },
  {
    name: "doc-lint",
    run: () => check("doc", "--lint", "mod.ts", "serve/mod.ts"),
  },
  {
    name: "doc-examples",
    run: () => tests("doc-examples", typescript(LIBRARY), 120, ["--doc"]),
  },
  {
    name: "publish",
    run: () => check("publish", "--dry-run", "--allow-dirty", "--quiet"),
  },
  {
    name: "shellcheck",
    missing: () =>
      onPath("shellcheck") ? undefined : "apt-get install shellcheck",
    run: () => one(["shellcheck", "-x", "-P", "SCRIPTDIR", ...shell(SOURCES)]),
  },
  {
    name: "unit",
    missing: missingPackages("python3", "strace", "systemd"),
    run: () => unitTestsWithCoverage(300),
  },
  {
    name: "integration",
    missing: missingPackages("python3", "socat", "strace", "systemd", "tmux"),
    run: () => tests("integration", testFiles("tests/integration"), 300),
  },
  {
    name: "packages",
    missing: () => {
      if (Deno.uid() !== 0) {
        return "they build as somebody else, without a network: run make check as root";
      }
      return missingPackages(
        ...["binutils", "debhelper", "dpkg-dev", "fakeroot"],
        ...["libarchive-tools", "lintian", "makepkg"],
        ...["pacman-package-manager", "pkgconf", "rpm", "rpmlint", "systemd"],
      )();
    },
    run: () => tests("packages", testFiles("tests/packaging"), 300),
  },
  {
    name: "system",
    missing: () => {
      if (Deno.uid() !== 0) {
        return "they boot a systemd of their own: run make check as root";
      }
      return missingPackages(
        ...["curl", "debhelper", "dpkg-dev", "pkgconf", "python3"],
        ...["socat", "systemd-container"],
      )();
    },
    run: () => tests("system", testFiles("tests/system"), 600),
  },
];

/** Says what to install of these packages; undefined when all are there. */
function missingPackages(...names: string[]): () => string | undefined {
  return () => {
    const missing = names.filter((name) => !onPath(PACKAGES[name]!));
    return missing.length === 0
      ? undefined
      : `apt-get install --no-install-recommends ${missing.join(" ")}`;
  };
}

// Steps of one check each.

/** A Deno command that is one check. */
function check(...args: string[]): Promise<Counts> {
  return one([Deno.execPath(), ...args]);
}

/** A command that is one check: passed when it exits with 0. */
async function one(command: string[]): Promise<Counts> {
  const ok = await run(command, CHECK_LIMIT) === 0;
  return { passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 };
}

// Steps of many tests.

/**
 * Runs test files within so many seconds, and counts from the report that Deno
 * writes about them.
 */
async function tests(
  name: string,
  files: string[],
  limit: number,
  options: string[] = [],
): Promise<Counts> {
  if (files.length === 0) {
    console.log("no tests yet");
    return { passed: 0, failed: 0, skipped: 0 };
  }
  const report = `build/junit-${name}.xml`;
  removeIfThere(report);
  const only = Deno.env.get("ONLY");
  const filter = only ? ["--filter", only] : [];
  const code = await run(
    [
      ...[Deno.execPath(), "test", "--allow-all", "--no-check", "--frozen"],
      ...[`--junit-path=${report}`, ...filter, ...options, ...files],
    ],
    limit,
  );
  const { counts, ran } = readReport(report, filter.length > 0);
  // A file that does not load is missing in the report.
  if (!options.includes("--doc") && !filter.length) {
    for (const file of files.filter((file) => !ran.has(file))) {
      console.log(`${file}: no test of it ran`);
      counts.failed++;
    }
  }
  if (code !== 0 && counts.failed === 0) counts.failed++;
  return counts;
}

/**
 * Runs the unit tests, and checks how many branches of the library they take.
 * The programs that tests start count as well: they are told by a variable.
 */
async function unitTestsWithCoverage(limit: number): Promise<Counts> {
  const profiles = `${Deno.cwd()}/build/coverage`;
  if (isThere(profiles)) Deno.removeSync(profiles, { recursive: true });
  Deno.env.set("DENO_COVERAGE_DIR", profiles);
  const counts = await tests("unit", unitTests(), limit);
  Deno.env.delete("DENO_COVERAGE_DIR");
  // A part of the tests covers a part only.
  if (Deno.env.get("ONLY")) return counts;
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
  console.log(table);
  const branches = Number(/^\| All files +\| +([0-9.]+)/m.exec(table)?.[1]);
  if (branches >= BRANCHES_COVERED) counts.passed++;
  else {
    console.log(
      `branch coverage is ${branches} %, less than ${BRANCHES_COVERED} %`,
    );
    counts.failed++;
  }
  return counts;
}

/** A program that a test killed may have left half a profile, or none of it. */
function removeBrokenProfiles(directory: string): void {
  for (const { name } of Deno.readDirSync(directory)) {
    const path = `${directory}/${name}`;
    const isWhole = Deno.readTextFileSync(path).trimEnd().endsWith("}");
    if (!isWhole) Deno.removeSync(path);
  }
}

/**
 * The counts of a JUnit report, and which files ran. Steps are not counted. What
 * bears no time was not reached: either not asked for, or an error outside of a
 * test ended its file, and then it failed.
 */
function readReport(
  path: string,
  filtered: boolean,
): { counts: Counts; ran: Set<string> } {
  const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
  const ran = new Set<string>();
  const suites = readIfThere(path).matchAll(
    /<testsuite name="([^"]*)"[^>]*>(.*?)<\/testsuite>/gs,
  );
  for (const [, file, suite] of suites) {
    ran.add(file!.replace(/^\.\//, ""));
    const cases = [
      ...suite!.matchAll(
        /<testcase name="([^"]*)"([^>]*)>(.*?)<\/testcase>/gs,
      ),
    ];
    const names = new Set(cases.map(([, name]) => name!));
    for (const [, name, attributes, outcome] of cases) {
      if (isStep(name!, names)) continue;
      const reached = / time="/.test(attributes!);
      if (!reached && filtered) continue;
      if (!reached || /<(failure|error)\b/.test(outcome!)) counts.failed++;
      else if (/<skipped\b/.test(outcome!)) counts.skipped++;
      else counts.passed++;
    }
  }
  return { counts, ran };
}

/** A step is reported as a test named `TEST > STEP`. */
function isStep(name: string, names: Set<string>): boolean {
  const parts = name.split(" &gt; ");
  return parts.some((_, end) =>
    end > 0 && names.has(parts.slice(0, end).join(" &gt; "))
  );
}

// Commands.

/** What runs now, for the signal handler to stop. */
let running: Deno.ChildProcess | undefined;

/** Runs a command to its end, or to the limit; its output is shown as it comes. */
async function run(command: string[], limit: number): Promise<number> {
  // `timeout` gives the command a process group, and stops all that is in it.
  running = new Deno.Command("timeout", {
    args: ["--kill-after=10s", `${limit}s`, ...command],
    stdin: "null",
    clearEnv: true,
    env: environment(),
  }).spawn();
  const { code } = await running.status;
  running = undefined;
  if (code === 124 || code === 137) {
    console.log(`stopped: it did not end within ${limit} seconds`);
  }
  return code;
}

/**
 * The environment of every step: ours, with the Deno that runs this. What make
 * leaves in it would speak to a make that a test starts.
 */
function environment(): Record<string, string> {
  const inherited = Deno.env.toObject();
  for (const name of ["MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES"]) {
    delete inherited[name];
  }
  return { ...inherited, DENO: Deno.execPath() };
}

function onPath(program: string): boolean {
  const folders = (Deno.env.get("PATH") ?? "").split(":");
  return folders.some((folder) => isThere(`${folder}/${program}`));
}

// Files.

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

// The run as a whole.

/** The steps that SUITE chooses. */
function chosen(): Step[] {
  const names = (Deno.env.get("SUITE") ?? "").split(",").filter((name) =>
    name !== ""
  );
  const known = steps.map((step) => step.name);
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    console.error(`SUITE is made of these names: ${known.join(",")}`);
    Deno.exit(64);
  }
  return names.length === 0
    ? steps
    : steps.filter((step) => names.includes(step.name));
}

async function runStep(step: Step): Promise<Counts> {
  const missing = step.missing?.();
  if (missing === undefined) return await step.run();
  const required = Deno.env.get("REQUIRE_SYSTEM") === "1";
  console.log(`${required ? "CANNOT RUN" : "SKIPPED"}: ${missing}`);
  return { passed: 0, failed: required ? 1 : 0, skipped: required ? 0 : 1 };
}

function inWords({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

async function main(): Promise<void> {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => {
      running?.kill("SIGTERM");
      Deno.exit(130);
    });
  }
  const total: Counts = { passed: 0, failed: 0, skipped: 0 };
  const summary: string[] = [];
  for (const step of chosen()) {
    console.log(`\n== ${step.name}`);
    const start = performance.now();
    const counts = await runStep(step);
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    summary.push(
      `${step.name.padEnd(14)} ${seconds.padStart(6)} s   ${inWords(counts)}`,
    );
    total.passed += counts.passed;
    total.failed += counts.failed;
    total.skipped += counts.skipped;
  }
  console.log(`\n== summary\n${summary.join("\n")}\n`);
  console.log(inWords(total));
  Deno.exit(total.failed > 0 || total.passed === 0 ? 1 : 0);
}

if (import.meta.main) await main();
