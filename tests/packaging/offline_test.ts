// A packager's machine: a Deno, the installed files of the toolchain, and no network.

import { assert, assertEquals } from "@std/assert";
import { page, quoted, tableRows } from "../docs/pages.ts";
import { REPOSITORY } from "../support/program.ts";
import { TempDir } from "../support/temp_dir.ts";
import { bringAlong, contents, copySources, sh } from "./packages.ts";

Deno.test("a fresh copy of the sources builds and installs without a network", async () => {
  using directory = new TempDir();
  const [tree, root, plain] = ["tree", "root", "plain"]
    .map((name) => directory.join(name)) as [string, string, string];
  await copySources(tree);
  const env = await bringAlong(directory.path, tree);
  const build = `unshare --net sh -c 'make && make install DESTDIR=${root}'`;
  await sh(build, { cwd: tree, env });
  await sh(`make install DESTDIR=${plain}`, { cwd: REPOSITORY });
  assertEquals(await contents(root), await contents(plain));
});

/** Where the system's own programs and files are. */
const SYSTEM = /^\/(usr|bin|sbin|lib|lib64|etc|proc|sys|dev)\//;

const lines = (output: string) => output.trimEnd().split("\n");

/** The files that a trace of strace has opened, or run. */
function opened(trace: string): string[] {
  const run = trace.matchAll(/\bexecve\("(\/[^"]+)".* = 0$/gm);
  const read = trace.matchAll(/\bopenat\(.* = \d+<(\/[^>]+)>$/gm);
  return [...new Set([...run, ...read].map(([, path]) => path!))];
}

Deno.test("a build runs and reads what toolchain/README.md lists, and nothing else from outside", async () => {
  using directory = new TempDir();
  const tree = directory.join("tree");
  await copySources(tree);
  const installed = `${tree}/toolchain/installed`;
  // Everything is installed, and nothing is recorded: find searches, without a network.
  await sh(
    `cp -R --reflink=auto toolchain/installed ${installed}
    rm ${installed}/found; mkdir ${directory.join("home")}`,
    { cwd: REPOSITORY },
  );
  const before = new Set(lines(await sh(`find ${directory.path} -type f`)));
  const trace = directory.join("trace");
  await sh(
    `unshare --net strace --follow-forks --seccomp-bpf --quiet=all --decode-fds=path \\
      --string-limit=4096 --trace=execve,openat --output=${trace} make`,
    { cwd: tree, env: { HOME: directory.join("home") } },
  );
  const list = "git ls-files --cached --others --exclude-standard";
  const sources = new Set(
    lines(await sh(list, { cwd: REPOSITORY })).map((it) => `${tree}/${it}`),
  );
  const used = opened(await Deno.readTextFile(trace))
    .filter((path) => !SYSTEM.test(path) && !sources.has(path));
  assertEquals(used.filter((path) => !path.startsWith(directory.path)), []);
  const files = used.filter((path) => before.has(path))
    .map((path) => path.slice(installed.length + 1));
  // A lock, and copies of lock files, which are compared with those of npm/.
  const bookkeeping = /^lock$|^[^/]+\/package-lock\.json$/;
  const listed = tableRows(
    page("toolchain/README.md"),
    "file in `installed/`",
    "origin",
  ).map(([file]) => quoted(file!)[0]!);
  // Another test may have installed those for another kind of machine.
  const own = listed.filter((file) =>
    file.includes(`-${Deno.build.arch}/`) || !/^\w+-\w+64\//.test(file)
  );
  assertEquals(
    files.filter((file) => !bookkeeping.test(file)).sort(),
    own.sort(),
  );
  const check = "sha256sum --check --ignore-missing ../checksums";
  const checked = await sh(check, { cwd: installed });
  assert(own.every((file) => checked.includes(`${file}: OK`)), checked);
});
