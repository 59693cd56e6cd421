// What `make install` puts on a machine, and that `make uninstall` takes away.

import { assert, assertEquals } from "@std/assert";
import { page } from "../docs/pages.ts";
import { copySources } from "../packaging/packages.ts";
import { REPOSITORY } from "../support/program.ts";
import { TempDir } from "../support/temp_dir.ts";
import {
  CLIENT,
  Machine,
  run,
  SERVER,
  SOCKET,
  SOCKET_PATH,
  type Tree,
} from "./machine.ts";

const UNITS = [SOCKET, SERVER, CLIENT];
const PROGRAMS = ["ipc-server", "ipc-client"];
const DROP_INS = Array.from(
  Deno.readDirSync(`${REPOSITORY}units/drop-ins`),
  ({ name }) => `drop-ins/${name}`,
);

/** Where files are installed by default, and if every directory is set; their source. */
const PLACES = `
/usr/bin/ipc-client /opt/bin/ipc-client bin
/usr/libexec/ipc /opt/echo/programs bin ${PROGRAMS}
/usr/lib/systemd/system /etc/systemd/system units ${UNITS} ipc-server@.socket ipc-server@.service
/usr/lib/systemd/user /etc/systemd/user units/user ${UNITS}
/usr/share/man/man1 /opt/echo/manuals/man1 cli/manual ipc-client.1
/usr/share/man/man5 /opt/echo/manuals/man5 cli/manual ipc-server.socket.5
/usr/share/man/man8 /opt/echo/manuals/man8 cli/manual ipc-server.8
/usr/share/bash-completion/completions /opt/echo/bash cli/completions/bash ${PROGRAMS}
/usr/share/zsh/site-functions /opt/echo/zsh cli/completions/zsh _ipc-server
/usr/share/fish/vendor_conf.d /etc/fish/conf.d cli/completions ipc.fish
/usr/share/doc/ipc-server/units /opt/echo/documents/units units README.md ${DROP_INS}
`.trim().split("\n").map((line) =>
  line.split(/[ ,]/) as [string, string, string, ...string[]]
);
const FILES = PLACES.flatMap(([place, _, source, ...names]) =>
  names.map((name) => ({
    path: `${place}/${name}`,
    source: `${source}/${name}`,
  }))
);

/** Variables of `make`, and where a place is then. */
const LAYOUTS: Record<
  string,
  [variables: string, move: (place: string, elsewhere: string) => string]
> = {
  "by default": ["", (place) => place],
  "under another prefix, all programs in one directory": [
    "prefix=/usr/local/ pkglibexecdir=/usr/local/bin",
    (place) =>
      place.replace("/libexec/ipc", "/bin").replace("/usr", "/usr/local"),
  ],
  "with each directory set": [
    `prefix=/opt/echo bindir=/opt/bin mandir=/opt/echo/manuals \
      pkglibexecdir=/opt/echo/programs docdir=/opt/echo/documents \
      systemdsystemunitdir=/etc/systemd/system \
      systemduserunitdir=/etc/systemd/user bashcompletiondir=/opt/echo/bash \
      zshcompletiondir=/opt/echo/zsh fishconfdir=/etc/fish/conf.d`,
    (_, elsewhere) => elsewhere,
  ],
};

/** Each path below places of a tree, with its type, mode, owner and link. */
async function listing({ root, run }: Tree, places = "."): Promise<string[]> {
  const list = await run(
    `cd ${root}; find ${places} -printf '/%P %y %m %u:%g -> %l\\n'`,
  );
  return list.split("\n").sort();
}

/** A tree that others have installed things into. */
async function treeOfOthers(): Promise<TempDir & Tree> {
  const directory = new TempDir();
  await run(`cd ${directory.path}
    for file in usr/libexec/other/program usr/lib/systemd/system/other.service \
      usr/lib/systemd/user/other.service usr/local/bin/other etc/other/file \
      usr/share/man/man8/other.8 usr/local/share/fish/vendor_conf.d/other.fish \
      etc/systemd/system/other.service opt/other/program
    do mkdir -p \${file%/*}; echo $file >$file; done
    # Packages of shells bring such directories, with nothing in them.
    mkdir -p usr/share/fish/vendor_conf.d usr/local/share/zsh/site-functions`);
  return Object.assign(directory, { root: directory.path, run });
}

const machine = new Machine({ prepare: () => Promise.resolve() });

for (const [what, [variables, move]] of Object.entries(LAYOUTS)) {
  const relocated = (text: string) =>
    PLACES.reduce(
      (text, [place, elsewhere]) =>
        text.replaceAll(place, move(place, elsewhere)),
      text,
    );
  Deno.test(`installed ${what}, every file is in place; uninstalled, none is left`, async () => {
    using tree = await treeOfOthers();
    const { root } = tree;
    const before = await listing(tree);
    // An administrator's umask must not lock the services' users out.
    const make = (target: string) =>
      run(
        `umask 077; make -C ${REPOSITORY} ${target} DESTDIR=${root} ${variables}`,
      );
    await make("install");
    const files = (await listing(tree)).filter((line) => !before.includes(line))
      .flatMap((line) =>
        /^(\S+(?<!\/made-directories)) f /.exec(line)?.[1] ?? []
      );
    assertEquals(files, FILES.map(({ path }) => relocated(path)).sort());
    for (const { path, source } of FILES) {
      const isProgram = source.startsWith("bin/");
      const installed = root + relocated(path);
      const { mode } = await Deno.stat(installed);
      assertEquals(mode! & 0o7777, isProgram ? 0o755 : 0o644, path);
      if (isProgram) await run("cmp", installed, REPOSITORY + source);
      else {
        const text = await Deno.readTextFile(installed);
        assertEquals(text, relocated(page(source)));
      }
    }
    const link = root + relocated("/usr/bin/ipc-client");
    const target = root + relocated("/usr/libexec/ipc/ipc-client");
    assertEquals(await Deno.realPath(link), target);
    if (link !== target) {
      assert(!(await Deno.readLink(link)).startsWith("/"), "a relative link");
    }

    await make("uninstall");
    assertEquals(await listing(tree), before);
  });
}

Deno.test("a read-only tree can be installed from, without Deno, and a fresh copy of it uninstalls", async () => {
  using copy = new TempDir();
  await copySources(copy.path);
  using tree = await treeOfOthers();
  const before = await listing(tree);
  await run(
    "unshare",
    ...["--mount", "sh", "-ec"],
    `cd ${REPOSITORY}; mount --bind . .; mount -o remount,ro,bind "$PWD"; cd "$PWD"
    ! touch Makefile 2>/dev/null
    make install DESTDIR=${tree.root} DENO=/nonexistent DENORT_BIN=/nonexistent`,
  );
  await run(`make -C ${copy.path} uninstall DESTDIR=${tree.root}`);
  assertEquals(await listing(tree), before);
});

Deno.test("an empty DESTDIR gets no list of directories, and is emptied again", async () => {
  using stage = new TempDir();
  const make = (target: string) =>
    run(`make -C ${REPOSITORY} ${target} DESTDIR=${stage.path}`);
  await make("install");
  assertEquals(await run(`find ${stage.path} -name 'made-*'`), "");
  await make("uninstall");
  // The top of the tree stays.
  assertEquals(await run(`cd ${stage.path}; find .`), ".\n./usr\n");
});

Deno.test("the programs can be installed on a running machine, where nothing is enabled or started, and removed", async () => {
  const { tree } = machine;
  const everything = () =>
    listing(
      tree,
      "usr/local usr/libexec usr/lib/systemd etc/systemd usr/share/man",
    );
  const before = await everything();
  // A slash at the end is often typed.
  const make = (target: string) =>
    tree.run(
      `make -C ${REPOSITORY} ${target} DESTDIR=${tree.root}/ prefix=/usr/local`,
    );
  await make("install");
  await make("installcheck");
  await machine.systemctl("daemon-reload");
  for (const unit of UNITS) {
    await machine.shows(unit, { UnitFileState: "disabled" });
    await machine.reaches(unit, "inactive (dead)");
  }
  await machine.options("ipc-client", "--interval 10ms");
  await machine.systemctl("start", CLIENT);
  await machine.shows(CLIENT, { ActiveState: "inactive", Result: "success" });

  await machine.systemctl("stop", ...UNITS);
  await make("uninstall");
  await machine.systemctl("daemon-reload");
  for (const unit of UNITS) {
    await machine.shows(unit, { LoadState: "not-found" });
  }
  const changes = new Set(await everything())
    .symmetricDifference(new Set(before));
  assertEquals([...changes], []);
  assertEquals(await machine.has(SOCKET_PATH), false);
});
