// What `make install` puts on a machine, and that `make uninstall` takes away.

import { assert, assertEquals } from "@std/assert";
import { copySources } from "../packaging/packages.ts";
import { TempDir } from "../support/temp_dir.ts";
import { Machine, REPOSITORY, run, type Tree } from "./machine.ts";

const UNITS = ["ipc-server.socket", "ipc-server.service", "ipc-client.service"];
const PROGRAMS = ["ipc-server", "ipc-client"];

/** By default, and if every directory is set: where files are installed. */
const PLACES: [
  byDefault: string,
  elsewhere: string,
  source: string,
  files: string[],
][] = [
  ["/usr/libexec/ipc", "/opt/echo/programs", "bin", PROGRAMS],
  ["/usr/lib/systemd/system", "/etc/systemd/system", "units", [
    ...[...UNITS, "ipc-server@.socket", "ipc-server@.service"],
  ]],
  ["/usr/lib/systemd/user", "/etc/systemd/user", "units/user", UNITS],
  ["/usr/share/man/man1", "/opt/echo/manuals/man1", "cli/manual", [
    "ipc-client.1",
  ]],
  ["/usr/share/man/man5", "/opt/echo/manuals/man5", "cli/manual", [
    "ipc-server.socket.5",
  ]],
  ["/usr/share/man/man8", "/opt/echo/manuals/man8", "cli/manual", [
    "ipc-server.8",
  ]],
  [
    "/usr/share/bash-completion/completions",
    "/opt/echo/completions/bash",
    ...["cli/completions/bash", PROGRAMS] as const,
  ],
  [
    "/usr/share/zsh/site-functions",
    "/opt/echo/completions/zsh",
    "cli/completions/zsh",
    ["_ipc-server"],
  ],
  ["/usr/share/fish/vendor_conf.d", "/etc/fish/conf.d", "cli/completions", [
    "ipc.fish",
  ]],
  ["/usr/share/doc/ipc-server/units", "/opt/echo/documents/units", "units", [
    "README.md",
    ...Array.from(
      Deno.readDirSync(`${REPOSITORY}/units/drop-ins`),
      ({ name }) => `drop-ins/${name}`,
    ),
  ]],
];

/** Every installed file by default, and its source. */
const FILES = PLACES.flatMap(([byDefault, , source, names]) =>
  names.map((name) => [`${byDefault}/${name}`, `${source}/${name}`] as const)
);

/** Variables of `make`, and the directories that they replace. */
const LAYOUTS: [
  what: string,
  variables: string[],
  moved: Record<string, string>,
][] = [
  ["by default", [], {}],
  ["under another prefix", ["prefix=/usr/local"], { "/usr": "/usr/local" }],
  ["with each directory set", [
    ...["prefix=/opt/echo", "bindir=/opt/bin", "mandir=/opt/echo/manuals"],
    ...["pkglibexecdir=/opt/echo/programs", "docdir=/opt/echo/documents"],
    "systemdsystemunitdir=/etc/systemd/system",
    "systemduserunitdir=/etc/systemd/user",
    "bashcompletiondir=/opt/echo/completions/bash",
    "zshcompletiondir=/opt/echo/completions/zsh",
    "fishconfdir=/etc/fish/conf.d",
  ], {
    "/usr/bin": "/opt/bin",
    ...Object.fromEntries(PLACES.map(([from, to]) => [from, to])),
  }],
];

/** Replaces default directories of ours in a path or a text. */
function relocated(text: string, moved: Record<string, string>): string {
  const ours =
    /\/usr(?=\/(?:libexec\/ipc|lib\/systemd\/(?:system|user)|bin\/ipc-client|share)\b)[\w.\/-]*/g;
  return text.replaceAll(ours, (path) => {
    const from = Object.keys(moved).find((directory) =>
      path === directory || path.startsWith(`${directory}/`)
    );
    return from === undefined ? path : moved[from] + path.slice(from.length);
  });
}

/** Each path below some places of a tree, with its type, mode, owner and link. */
async function listing(tree: Pick<Tree, "root" | "run">, ...places: string[]) {
  const list = await tree.run(
    "find",
    ...places.map((place) => `${tree.root}/${place}`),
    "-printf",
    "%p %y %m %u:%g -> %l\n",
  );
  return list.split("\n").map((line) => line.slice(tree.root.length));
}

/** What differs between two listings. */
function difference(before: string[], after: string[]) {
  return {
    added: after.filter((line) => !before.includes(line)),
    removed: before.filter((line) => !after.includes(line)),
  };
}
const NONE = { added: [], removed: [] };

/** A tree that others have installed things into. */
async function treeOfOthers(): Promise<string> {
  const root = await Deno.makeTempDir({ prefix: "ipc-install-" });
  for (
    const file of [
      "usr/libexec/other/program",
      "usr/lib/systemd/system/other.service",
      "usr/lib/systemd/user/other.service",
      "usr/local/bin/other",
      "usr/share/man/man8/other.8",
      "usr/local/share/fish/vendor_conf.d/other.fish",
      "etc/systemd/system/other.service",
      "opt/other/program",
    ]
  ) {
    await Deno.mkdir(`${root}/${file.slice(0, file.lastIndexOf("/"))}`, {
      recursive: true,
    });
    await Deno.writeTextFile(`${root}/${file}`, file);
  }
  // Packages of shells bring such directories, with nothing in them.
  for (
    const empty of [
      "usr/share/fish/vendor_conf.d",
      "usr/local/share/zsh/site-functions",
    ]
  ) await Deno.mkdir(`${root}/${empty}`, { recursive: true });
  return root;
}

for (const [what, variables, moved] of LAYOUTS) {
  Deno.test(`installed ${what}, every file is in place; uninstalled, none is left`, async () => {
    const root = await treeOfOthers();
    try {
      const before = await listing({ root, run }, ".");
      // An administrator's umask must not lock the services' users out.
      const script = 'umask 077; exec make "$@"';
      const make = (target: string) =>
        run(
          ...["sh", "-c", script, "sh", `--directory=${REPOSITORY}`] as const,
          ...[target, `DESTDIR=${root}`, ...variables],
        );

      await make("install");
      const { added } = difference(before, await listing({ root, run }, "."));
      const files = added.flatMap((line) =>
        /^(\S+(?<!\/made-directories)) f /.exec(line)?.[1] ?? []
      );
      assertEquals(
        files.map((path) => path.replace(/^\/\./, "")).sort(),
        FILES.map(([path]) => relocated(path, moved)).sort(),
      );
      for (const [path, from] of FILES) {
        const installed = `${root}${relocated(path, moved)}`;
        const isProgram = path.startsWith("/usr/libexec");
        const { mode } = await Deno.stat(installed);
        assertEquals(mode! & 0o7777, isProgram ? 0o755 : 0o644, installed);
        const source = `${REPOSITORY}/${from}`;
        if (isProgram) await run("cmp", installed, source);
        else {
          assertEquals(
            await Deno.readTextFile(installed),
            relocated(await Deno.readTextFile(source), moved),
          );
        }
      }
      const link = `${root}${relocated("/usr/bin/ipc-client", moved)}`;
      assertEquals(
        await Deno.realPath(link),
        `${root}${relocated("/usr/libexec/ipc/ipc-client", moved)}`,
      );
      assert(!(await Deno.readLink(link)).startsWith("/"), "a relative link");

      await make("uninstall");
      assertEquals(
        difference(before, await listing({ root, run }, ".")),
        NONE,
      );
    } finally {
      await Deno.remove(root, { recursive: true });
    }
  });
}

Deno.test("a read-only tree can be installed from, and a fresh copy of it uninstalls", async () => {
  using copy = new TempDir();
  await copySources(copy.path);
  const root = await treeOfOthers();
  try {
    const before = await listing({ root, run }, ".");
    await run(
      ...["unshare", "--mount", "sh", "-ec"],
      `mount --bind "$1" "$1"
      mount -o remount,ro,bind "$1"
      ! touch "$1/Makefile" 2>/dev/null
      cd "$1"
      make install "DESTDIR=$2"`,
      ...["sh", REPOSITORY, root],
    );
    await run("make", "-C", copy.path, "uninstall", `DESTDIR=${root}`);
    assertEquals(difference(before, await listing({ root, run }, ".")), NONE);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

Deno.test("an empty DESTDIR gets no list of directories, and is emptied again", async () => {
  using stage = new TempDir();
  const make = (target: string) =>
    run("make", "-C", REPOSITORY, target, `DESTDIR=${stage.path}`);
  await make("install");
  const files = await listing({ root: stage.path, run }, ".");
  assertEquals(files.filter((line) => line.includes("made-")), []);
  await make("uninstall");
  // The top of the tree stays.
  assertEquals([...Deno.readDirSync(stage.path)].map(({ name }) => name), [
    "usr",
  ]);
  assertEquals([...Deno.readDirSync(stage.join("usr"))], []);
});

Deno.test("installing builds nothing, and needs no Deno", async () => {
  const state = async () =>
    await Promise.all(PROGRAMS.map(async (program) => {
      const { ino, size, mtime } = await Deno.stat(
        `${REPOSITORY}/bin/${program}`,
      );
      return { ino, size, mtime };
    }));
  const root = await Deno.makeTempDir({ prefix: "ipc-install-" });
  try {
    const before = await state();
    await run(
      "make",
      `--directory=${REPOSITORY}`,
      "install",
      `DESTDIR=${root}`,
      "DENO=/nonexistent",
      "DENORT_BIN=/nonexistent",
    );
    assertEquals(await state(), before);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

Deno.test("after an installation nothing is enabled or started, and the units pass verify", async () => {
  await using machine = await Machine.boot();
  for (const unit of UNITS) {
    const { stdout } = await machine.attempt("systemctl", "is-enabled", unit);
    assertEquals(stdout, "disabled\n", unit);
    await machine.reaches(unit, "inactive (dead)");
  }
  const verified = await machine.attempt("systemd-analyze", "verify", ...UNITS);
  assertEquals(verified, { code: 0, stdout: "", stderr: "" });
});

Deno.test("the programs can be installed on a running machine, and removed", async () => {
  const prefix = "prefix=/usr/local";
  await using machine = await Machine.boot({ prepare: async () => {} });
  const { tree } = machine;
  const places = [
    ...["usr/local", "usr/libexec", "usr/lib/systemd", "etc/systemd"],
    "usr/share/man",
  ];
  const everything = () => listing(tree, ...places);
  const before = await everything();

  const make = (target: string) =>
    tree.run(
      "make",
      "-C",
      REPOSITORY,
      target,
      // A slash at the end is often typed.
      `DESTDIR=${tree.root}/`,
      prefix,
    );

  await make("install");
  await make("installcheck");
  await machine.systemctl("daemon-reload");
  await machine.write(
    "/etc/default/ipc-client",
    "IPC_CLIENT_OPTIONS=--interval 10ms\n",
  );
  await machine.systemctl("start", "ipc-client.service");
  await machine.journalUpTo("ipc-client.service", "recv:close");
  await machine.reaches("ipc-client.service", "inactive (dead)");
  assertEquals(
    (await machine.show("ipc-client.service", "Result")).Result,
    "success",
  );

  await machine.systemctl("stop", ...UNITS);
  await make("uninstall");
  await machine.systemctl("daemon-reload");
  for (const unit of UNITS) {
    assertEquals(await machine.show(unit, "LoadState"), {
      LoadState: "not-found",
    });
  }
  assertEquals(difference(before, await everything()), NONE);
  assertEquals(
    (await machine.attempt("test", "-e", "/run/ipc-server/job.socket")).code,
    1,
  );
});
