// "make release" in a clone, with checks that take no time.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { TempDir } from "../support/temp_dir.ts";
import { attempt, copySources, inherited, run, toolchain } from "./packages.ts";

/** A repository with these sources, its first commit done. */
class Clone implements Disposable {
  readonly #directory = new TempDir();
  readonly tree = this.#directory.join("tree");

  static async make(): Promise<Clone> {
    const clone = new Clone();
    await copySources(clone.tree);
    await clone.git("init", "--quiet", "--initial-branch=main");
    await clone.git("add", "--all");
    await clone.git("commit", "--quiet", "--message=First");
    return clone;
  }

  git(...args: string[]): Promise<string> {
    const settings = ["user.name=Test", "user.email=test@example.org"];
    return run(
      ["git", ...settings.flatMap((setting) => ["-c", setting]), ...args],
      { cwd: this.tree },
    );
  }

  async release(version: string, checks = "help") {
    const names = ["AUTHOR", "COMMITTER"];
    return await attempt(
      ["make", "release", `VERSION=${version}`, `RELEASE_CHECKS=${checks}`],
      {
        cwd: this.tree,
        env: {
          ...await toolchain(),
          ...inherited("HOME", "DENO_DIR"),
          ...Object.fromEntries(names.flatMap((name) => [
            [`GIT_${name}_NAME`, "Test"],
            [`GIT_${name}_EMAIL`, "test@example.org"],
          ])),
        },
      },
    );
  }

  read(file: string): Promise<string> {
    return Deno.readTextFile(`${this.tree}/${file}`);
  }

  [Symbol.dispose](): void {
    this.#directory[Symbol.dispose]();
  }
}

Deno.test("a release has its version everywhere, and is committed and tagged", async () => {
  using clone = await Clone.make();
  const { code, output } = await clone.release("7.8.9");
  assertEquals(code, 0, output);
  assertStringIncludes(output, "git push --follow-tags");
  assertStringIncludes(await clone.read("deno.json"), '"version": "7.8.9"');
  const day = new Date().toISOString().slice(0, 10);
  assertStringIncludes(
    await clone.read("CHANGELOG.md"),
    `## [Unreleased]\n\n## [7.8.9] - ${day}\n`,
  );
  assertStringIncludes(
    await run([`${clone.tree}/bin/ipc-server`, "--version"]),
    "7.8.9",
  );
  assertEquals(await clone.git("status", "--porcelain"), "");
  assertEquals(await clone.git("cat-file", "-t", "v7.8.9"), "tag\n");
  assertEquals(
    await clone.git("rev-parse", "v7.8.9^{commit}"),
    await clone.git("rev-parse", "HEAD"),
  );
  assertEquals(
    await clone.git("log", "-1", "--format=%s"),
    "Release 7.8.9\n",
  );

  const again = await clone.release("7.8.9");
  assertEquals(again.code === 0, false);
  assertStringIncludes(again.output, 'the tag "v7.8.9" exists');
});

Deno.test("an invalid release is refused, and the tree is unchanged", async () => {
  using clone = await Clone.make();
  const head = await clone.git("rev-parse", "HEAD");
  const refused = async (version: string, why: string, checks?: string) => {
    const { code, output } = await clone.release(version, checks);
    assertEquals(code === 0, false, output);
    assertStringIncludes(output, why);
    assertEquals(await clone.git("rev-parse", "HEAD"), head);
    assertEquals(await clone.git("tag"), "");
  };
  const malformed = ["1", "1.2", "01.2.3", "v1.2.3", "1.2.3-", "1.2.3-a_b"];
  for (const version of ["", "seven", "1.2.3+b", ...malformed]) {
    await refused(version, `VERSION is "${version}": use the form`);
  }
  const { version: current } = JSON.parse(await clone.read("deno.json"));
  for (const version of ["0.0.1", `${current}-rc.10`]) {
    await refused(version, `VERSION is "${version}": it must be higher than`);
  }
  await refused("7.8.9", '"make no-such-target" failed', "no-such-target");
  assertEquals(await clone.git("status", "--porcelain"), "");
  await Deno.writeTextFile(`${clone.tree}/new.txt`, "not committed\n");
  await refused("7.8.9", "?? new.txt");
  await Deno.remove(`${clone.tree}/new.txt`);
  await Deno.writeTextFile(`${clone.tree}/CHANGELOG.md`, "## [Unreleased]\n");
  await clone.git("commit", "--quiet", "--all", "--message=Empty changelog");
  const { output } = await clone.release("7.8.9");
  assertStringIncludes(output, "lists nothing");
});

const ASCENDING = [
  ...["1.0.0-1", "1.0.0-2", "1.0.0-10", "1.0.0-alpha", "1.0.0-alpha.1"],
  ...["1.0.0-beta", "1.0.0-rc.9", "1.0.0-rc.10", "1.0.0", "1.0.1", "1.2.0"],
  ...["1.10.0", "2.0.0"],
];

Deno.test("releases have the order of Semantic Versioning", async () => {
  using clone = await Clone.make();
  const script = await clone.read("packaging/release");
  const [later] = /^later\(\) \{.*?^\}$/ms.exec(script)!;
  const pairs = ASCENDING.flatMap((version, i) =>
    ASCENDING.map((other, j) => `later ${version} ${other} && echo ${i > j}`)
  );
  const output = await run(["bash", "-c", [later, ...pairs, ":"].join("\n")]);
  const above = ASCENDING.length * (ASCENDING.length - 1) / 2;
  assertEquals(output, "true\n".repeat(above));
});
