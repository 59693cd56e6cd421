// What `make install` puts on a machine, and that `make uninstall` takes away.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { copySources } from "../packaging/packages.ts";
import { TempDir } from "../support/temp_dir.ts";
import { Machine, REPOSITORY, run, type Tree } from "./machine.ts";

const UNITS = ["ipc-server.socket", "ipc-server.service", "ipc-client.service"];
const PROGRAMS = ["ipc-server", "ipc-client"];

interface Layout {
  what: string;
  /** The path of the link to the client, and its target. */
  link: [path: string, target: string];
  /** What is given to `make`. */
  variables: string[];
  programs: string;
  units: string;
  userUnits: string;
  manuals: string;
  docs: string;
  completions: { bash: string; zsh: string; fish: string; fishStart: string };
}

/** The default paths of completions below a data directory. */
function completionsBelow(data: string): Layout["completions"] {
  return {
    bash: `${data}/bash-completion/completions`,
    zsh: `${data}/zsh/site-functions`,
    fish: `${data}/fish/vendor_completions.d`,
    fishStart: `${data}/fish/vendor_conf.d`,
  };
}

const LAYOUTS: Layout[] = [
  {
    what: "by default",
    link: ["/usr/bin/ipc-client", "../libexec/ipc/ipc-client"],
    variables: [],
    programs: "/usr/libexec/ipc",
    units: "/usr/lib/systemd/system",
    userUnits: "/usr/lib/systemd/user",
    manuals: "/usr/share/man",
    docs: "/usr/share/doc/ipc-server",
    completions: completionsBelow("/usr/share"),
  },
  {
    what: "under another prefix",
    link: ["/usr/local/bin/ipc-client", "../libexec/ipc/ipc-client"],
    variables: ["prefix=/usr/local"],
    programs: "/usr/local/libexec/ipc",
    units: "/usr/local/lib/systemd/system",
    userUnits: "/usr/local/lib/systemd/user",
    manuals: "/usr/local/share/man",
    docs: "/usr/local/share/doc/ipc-server",
    completions: completionsBelow("/usr/local/share"),
  },
  {
    what: "with each directory given",
    link: ["/opt/bin/ipc-client", "../echo/programs/ipc-client"],
    variables: [
      "prefix=/opt/echo",
      "bindir=/opt/bin",
      "pkglibexecdir=/opt/echo/programs",
      "docdir=/opt/echo/documents",
      "systemdsystemunitdir=/etc/systemd/system",
      "systemduserunitdir=/etc/systemd/user",
      "mandir=/opt/echo/manuals",
      "bashcompletiondir=/opt/echo/completions/bash",
      "zshcompletiondir=/opt/echo/completions/zsh",
      "fishcompletiondir=/opt/echo/completions/fish",
      "fishconfdir=/etc/fish/conf.d",
    ],
    programs: "/opt/echo/programs",
    units: "/etc/systemd/system",
    userUnits: "/etc/systemd/user",
    manuals: "/opt/echo/manuals",
    docs: "/opt/echo/documents",
    completions: {
      bash: "/opt/echo/completions/bash",
      zsh: "/opt/echo/completions/zsh",
      fish: "/opt/echo/completions/fish",
      fishStart: "/etc/fish/conf.d",
    },
  },
];

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
      "usr/local/share/fish/vendor_completions.d/other.fish",
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
      "usr/share/fish/vendor_completions.d",
      "usr/local/share/zsh/site-functions",
    ]
  ) await Deno.mkdir(`${root}/${empty}`, { recursive: true });
  return root;
}

async function permissions(path: string): Promise<string> {
  const { mode } = await Deno.stat(path);
  return ((mode ?? 0) & 0o7777).toString(8);
}

/** Each document of a layout, with the paths that it has to name. */
function documents(
  { programs, units, userUnits, manuals, docs, completions, link }: Layout,
): [path: string, ...names: string[]][] {
  const { bash, zsh, fish, fishStart } = completions;
  return [
    [`${manuals}/man1/ipc-client.1`, `${programs}/ipc-client`, `${link[0]}\n`],
    [`${docs}/units/README.md`, "idle-exit.conf"],
    [`${docs}/units/drop-ins/check.conf`, `${programs}/ipc-server --check`],
    [`${manuals}/man5/ipc-server.socket.5`, `${units}/`, `${userUnits}/`],
    [`${manuals}/man8/ipc-server.8`, `${programs}/ipc-server`],
    ...PROGRAMS.flatMap((name): [string, ...string[]][] => [
      [`${bash}/${name}`, `${programs}/${name}`],
      [`${zsh}/_${name}`, `#compdef ${name}`],
      [`${fish}/${name}.fish`, `complete -c ${name}`],
    ]),
    [`${fishStart}/ipc.fish`, "ipc-{server,client}.fish"],
  ];
}

for (const layout of LAYOUTS) {
  const { what, variables, programs, units, userUnits } = layout;
  Deno.test(`installed ${what}, every file is in place; uninstalled, none is left`, async () => {
    const root = await treeOfOthers();
    try {
      const before = await listing({ root, run }, ".");
      // An administrator's umask must not lock the services' users out.
      const make = (target: string) =>
        run(
          "sh",
          "-c",
          'umask 077; exec make "$@"',
          "sh",
          `--directory=${REPOSITORY}`,
          target,
          `DESTDIR=${root}`,
          ...variables,
        );

      await make("install");
      for (const program of PROGRAMS) {
        const path = `${root}${programs}/${program}`;
        assertEquals(await permissions(path), "755", path);
        await run("cmp", path, `${REPOSITORY}/bin/${program}`);
      }
      const [link, target] = layout.link;
      assertEquals(await Deno.readLink(`${root}${link}`), target);
      assertEquals(
        await run(`${root}${link}`, "--version"),
        await run(`${REPOSITORY}/bin/ipc-client`, "--version"),
      );
      for (const directory of [units, userUnits]) {
        for (const unit of UNITS) {
          const path = `${root}${directory}/${unit}`;
          assertEquals(await permissions(path), "644", path);
          const text = await Deno.readTextFile(path);
          assertEquals(text.includes(root), false, `${path} names DESTDIR`);
          if (unit.endsWith(".service")) {
            const program = `${programs}/${unit.replace(".service", "")}`;
            assertStringIncludes(text, `ExecStart=${program} `);
          }
        }
        assertStringIncludes(
          await Deno.readTextFile(`${root}${directory}/ipc-server.service`),
          `WorkingDirectory=${programs}\n`,
        );
      }

      for (const [path, ...names] of documents(layout)) {
        assertEquals(await permissions(`${root}${path}`), "644", path);
        const text = await Deno.readTextFile(`${root}${path}`);
        for (const name of names) assertStringIncludes(text, name);
        assertEquals(text.includes(root), false, `${path} names DESTDIR`);
      }

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

Deno.test("a running machine can be given the programs, and rid of them", async () => {
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
