/**
 * What `make release VERSION=x.y.z` does: it gives the tree its version, checks
 * it, commits and tags. Nothing is pushed, and a failure leaves the tree as it was.
 *
 * From the environment: `RELEASE_CHECKS`, the targets of make that must succeed
 * with the new version.
 *
 * @module
 */

import {
  datedChangelog,
  precedes,
  UsageError,
  versionIn,
  withVersion,
} from "./release_texts.ts";

const FILES = ["deno.json", "CHANGELOG.md"] as const;
const EXECUTABLES = ["bin/ipc-server", "bin/ipc-client"];

/** Runs a command; what it writes to stdout is returned. */
async function output(command: string, ...args: string[]): Promise<string> {
  const { success, stdout } = await new Deno.Command(command, {
    args,
    stdin: "null",
    stderr: "inherit",
  }).output();
  if (!success) {
    throw new UsageError(`"${[command, ...args].join(" ")}" failed`);
  }
  return new TextDecoder().decode(stdout).trimEnd();
}

/** Runs a command whose output is for whoever makes the release. */
async function show(command: string, ...args: string[]): Promise<void> {
  const { success } = await new Deno.Command(command, { args, stdin: "null" })
    .spawn().status;
  if (!success) {
    throw new UsageError(`"${[command, ...args].join(" ")}" failed`);
  }
}

/** Whether the tree and the version are fit for a release. */
async function assertReady(version: string): Promise<void> {
  const changed = await output("git", "status", "--porcelain");
  if (changed !== "") {
    throw new UsageError(
      `There are changes that were not committed: commit or stash them first\n${changed}`,
    );
  }
  if (await output("git", "tag", "--list", `v${version}`) !== "") {
    throw new UsageError(`There is a tag "v${version}" already`);
  }
  const current = versionIn(await Deno.readTextFile("deno.json"));
  const changelog = await Deno.readTextFile("CHANGELOG.md");
  const released = changelog.includes(`\n## [${current}]`) ||
    await output("git", "tag", "--list", `v${current}`) !== "";
  if (precedes(version, current) || (version === current && released)) {
    throw new UsageError(
      `VERSION is "${version}": it must be higher than "${current}"`,
    );
  }
}

/** What was built must say the version too. */
async function assertBuiltWith(version: string): Promise<void> {
  for (const executable of EXECUTABLES) {
    const said = await output(executable, "--version");
    if (!said.split(/\s/).includes(version)) {
      throw new UsageError(
        `"${executable} --version" says "${said}", which is not "${version}"`,
      );
    }
  }
}

async function release(version: string): Promise<void> {
  await assertReady(version);
  const today = new Date().toISOString().slice(0, 10);
  const texts = {
    "deno.json": withVersion(await Deno.readTextFile("deno.json"), version),
    "CHANGELOG.md": datedChangelog(
      await Deno.readTextFile("CHANGELOG.md"),
      version,
      today,
    ),
  };
  try {
    for (const file of FILES) await Deno.writeTextFile(file, texts[file]);
    await show("make");
    await assertBuiltWith(version);
    const checks = (Deno.env.get("RELEASE_CHECKS") ?? "check").split(" ")
      .filter((target) => target !== "");
    if (checks.length > 0) await show("make", ...checks);
    await show(
      "git",
      "commit",
      "--quiet",
      "-m",
      `Release ${version}`,
      "--",
      ...FILES,
    );
  } catch (error) {
    await show("git", "checkout", "--quiet", "HEAD", "--", ...FILES);
    throw error;
  }
  await show(
    "git",
    "tag",
    "--annotate",
    "-m",
    `Release ${version}`,
    `v${version}`,
  );
  console.log(`released: v${version}`);
  console.log(
    "next: make deb rpm arch dist && git push --follow-tags",
  );
}

if (import.meta.main) {
  try {
    await release(Deno.args[0] ?? "");
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`release: ${error.message}`);
    Deno.exit(1);
  }
}
