// A packager's machine: a Deno, a cache, and no network.

import { assertEquals } from "@std/assert";
import { REPOSITORY } from "../support/program.ts";
import { TempDir } from "../support/temp_dir.ts";
import { bringAlong, contents, copySources, run } from "./packages.ts";

Deno.test("a fresh copy of the sources builds and installs without a network", async () => {
  using directory = new TempDir();
  const tree = directory.join("tree");
  const root = directory.join("root");
  const env = await bringAlong(directory.path);
  await copySources(tree);
  await run(
    [
      "unshare",
      "--net",
      "sh",
      "-c",
      'make && make install "DESTDIR=$1"',
      "sh",
      root,
    ],
    { cwd: tree, env },
  );
  const plain = directory.join("plain");
  await run(["make", "install", `DESTDIR=${plain}`], { cwd: REPOSITORY });
  assertEquals(await contents(root), await contents(plain));
});
