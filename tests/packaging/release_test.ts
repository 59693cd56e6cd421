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
  assertStringIncludes(again.output, 'There is a tag "v7.8.9" already');
});

Deno.test("what cannot be released is refused, and the tree stays as it was", async () => {
  using clone = await Clone.make();
  const head = await clone.git("rev-parse", "HEAD");
  const refused = async (version: string, why: string, checks?: string) => {
    const { code, output } = await clone.release(version, checks);
    assertEquals(code === 0, false, output);
    assertStringIncludes(output, why);
    assertEquals(await clone.git("rev-parse", "HEAD"), head);
    assertEquals(await clone.git("tag"), "");
  };
  await refused("seven", 'VERSION is "seven"');
  await refused("0.0.1", 'VERSION is "0.0.1": it must be higher than');
  await refused("7.8.9", '"make no-such-target" failed', "no-such-target");
  assertEquals(await clone.git("status", "--porcelain"), "");
  await Deno.writeTextFile(`${clone.tree}/new.txt`, "not committed\n");
  await refused("7.8.9", "?? new.txt");
});
