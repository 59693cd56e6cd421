// "make release" in a clone, with checks that take no time.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { TempDir } from "../support/temp_dir.ts";
import { REPOSITORY } from "../support/program.ts";
import {
  attempt,
  copySources,
  inherited,
  sh,
  toolchain,
  VERSION,
} from "./packages.ts";

const PERSON = Object.fromEntries(
  ["AUTHOR", "COMMITTER"].flatMap((role) => [
    [`GIT_${role}_NAME`, "Test"],
    [`GIT_${role}_EMAIL`, "test@example.org"],
  ]),
);

/** Makes a repository with these sources, its first commit done. */
async function clone(tree: string) {
  await copySources(tree);
  const git = (args: string) => sh(`git ${args}`, { cwd: tree, env: PERSON });
  await git("init --quiet --initial-branch=main");
  await git("add --all");
  await git("commit --quiet --message=First");
  const outer = { ...await toolchain(), ...inherited("HOME", "DENO_DIR") };
  const release = (version: string, checks = "help") =>
    attempt(`make release VERSION=${version} RELEASE_CHECKS=${checks}`, {
      cwd: tree,
      env: { ...outer, ...PERSON },
    });
  return { git, release };
}

Deno.test("a release has its version everywhere, and is committed and tagged", async () => {
  using directory = new TempDir();
  const tree = directory.join("tree");
  const { git, release } = await clone(tree);
  const { code, stdout } = await release("7.8.9");
  assertEquals(code, 0, stdout);
  assertStringIncludes(stdout, "git push --follow-tags");
  const read = (file: string) => Deno.readTextFile(`${tree}/${file}`);
  assertStringIncludes(await read("deno.json"), '"version": "7.8.9"');
  assertStringIncludes(
    await read("CHANGELOG.md"),
    `## [Unreleased]\n\n## [7.8.9] - ${
      new Date().toISOString().slice(0, 10)
    }\n`,
  );
  assertStringIncludes(await sh(`${tree}/bin/ipc-server --version`), "7.8.9");
  assertEquals(await git("status --porcelain"), "");
  assertEquals(await git("cat-file -t v7.8.9"), "tag\n");
  assertEquals(
    await git("log -1 --format=%s%d"),
    "Release 7.8.9 (HEAD -> main, tag: v7.8.9)\n",
  );

  const again = await release("7.8.9");
  assertEquals(again.code, 2);
  assertStringIncludes(again.stdout, 'the tag "v7.8.9" exists');
});

Deno.test("an invalid release is refused, and the tree is unchanged", async () => {
  using directory = new TempDir();
  const tree = directory.join("tree");
  const { git, release } = await clone(tree);
  const refused = async (version: string, why: string, checks?: string) => {
    const { code, stdout } = await release(version, checks);
    assertEquals(code, 2, stdout);
    assertStringIncludes(stdout, why);
  };
  const malformed = ["1", "1.2", "01.2.3", "v1.2.3", "1.2.3-", "1.2.3-a_b"];
  for (const version of ["", "seven", "1.2.3+b", ...malformed]) {
    await refused(version, `VERSION is "${version}": use the form`);
  }
  for (const version of ["0.0.1", `${VERSION}-rc.10`]) {
    await refused(version, `VERSION is "${version}": it must be higher than`);
  }
  await refused("7.8.9", '"make no-such-target" failed', "no-such-target");
  assertEquals(await git("status --porcelain"), "");
  await Deno.writeTextFile(`${tree}/new.txt`, "not committed\n");
  await refused("7.8.9", "?? new.txt");
  await Deno.remove(`${tree}/new.txt`);
  assertEquals(await git("log --format=%s%d"), "First (HEAD -> main)\n");
  await Deno.writeTextFile(`${tree}/CHANGELOG.md`, "## [Unreleased]\n");
  await git("commit --quiet --all --message=Empty");
  await refused("7.8.9", "lists nothing");
  assertEquals(await git("tag"), "");
});

const ASCENDING = [
  ...["1.0.0-1", "1.0.0-2", "1.0.0-10", "1.0.0-alpha", "1.0.0-alpha.1"],
  ...["1.0.0-beta", "1.0.0-rc.9", "1.0.0-rc.10", "1.0.0", "1.0.1", "1.2.0"],
  ...["1.10.0", "2.0.0"],
];

Deno.test("releases have the order of Semantic Versioning", async () => {
  const script = Deno.readTextFileSync(`${REPOSITORY}packaging/release`);
  const [later] = /^later\(\) \{.*?^\}$/ms.exec(script)!;
  const pairs = ASCENDING.flatMap((version, i) =>
    ASCENDING.map((other, j) => `later ${version} ${other} && echo ${i > j}`)
  );
  const output = await sh(`set +e\n${[later, ...pairs, ":"].join("\n")}`);
  const above = ASCENDING.length * (ASCENDING.length - 1) / 2;
  assertEquals(output, "true\n".repeat(above));
});
