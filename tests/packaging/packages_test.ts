// What the packages have in them, judged by the tools of each distribution.

import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { REPOSITORY } from "../support/program.ts";
import { TempDir } from "../support/temp_dir.ts";
import {
  attempt,
  bringAlong,
  contents,
  copySources,
  make,
  run,
  toolchain,
  VERSION,
} from "./packages.ts";

const MACHINE = (await run(["uname", "-m"])).trimEnd();
const CONFIG = ["/etc/default/ipc-client", "/etc/default/ipc-server"];
const PROGRAMS = ["ipc-client", "ipc-server"];

const NOBODY = 65534;
const KINDS = ["deb", "rpm", "arch", "dist"];

/** Without a network, as an unprivileged user, and with umask 077. */
const AS_NOBODY = [
  ...["unshare", "--net", "setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`],
  ...["--clear-groups", "sh", "-c", 'umask 077; exec "$@"', "sh"],
];

let directory: TempDir;
let files: string[];

Deno.test.beforeAll(async () => {
  directory = new TempDir();
  files = await make(KINDS, directory.path);
});

Deno.test.afterAll(() => directory[Symbol.dispose]());

/** The path of the one file that ends so. */
function file(ending: string): string {
  const found = files.filter((name) => name.endsWith(ending));
  assertEquals(found.length, 1, `${ending} in ${files.join(" ")}`);
  return directory.join(found[0]!);
}

/** The programs of a package must keep the data that Deno appended to its runtime. */
async function assertPrograms(folder: string): Promise<void> {
  for (const program of PROGRAMS) {
    await run(["cmp", `${folder}/${program}`, `${REPOSITORY}bin/${program}`]);
    const said = await run([`${folder}/${program}`, "--version"]);
    assertStringIncludes(said, `${program} ${VERSION}`);
  }
}

/** What "make install" installs, in a folder of its own. */
async function installed(...variables: string[]): Promise<string> {
  const root = await Deno.makeTempDir({ dir: directory.path });
  await run(["make", "install", `DESTDIR=${root}`, ...variables], {
    cwd: REPOSITORY,
  });
  return root;
}

/** The paths of all files below a folder; a compressed manual has its plain name. */
async function paths(root: string): Promise<string[]> {
  const found = await run([
    "find",
    root,
    "!",
    "-type",
    "d",
    "-printf",
    "/%P\\n",
  ]);
  return found.trimEnd().split("\n")
    .map((path) => path.replace(/(\/man\/.*)\.gz$/, "$1")).sort();
}

/** The oldest glibc that has all symbols, as numbers. */
async function glibcFloor(): Promise<number[]> {
  const floor = await run(
    ["packaging/glibc_floor", ...PROGRAMS.map((name) => `bin/${name}`)],
    { cwd: REPOSITORY },
  );
  assertMatch(floor, /^2\.\d+\n$/);
  return numbers(floor);
}

const numbers = (version: string) => version.trimEnd().split(".").map(Number);

/** The notices of Deno and of what is linked into it. */
const NOTICES = [...Deno.readDirSync(`${REPOSITORY}packaging/licenses`)]
  .map(({ name }) => name).sort();
const SPDX =
  "MIT AND Apache-2.0 AND (Apache-2.0 OR ISC) AND (Apache-2.0 WITH LLVM-exception) AND BSD-3-Clause AND CC0-1.0 AND ISC AND MPL-2.0 AND OpenSSL AND Unicode-3.0 AND Zlib AND blessing AND bzip2-1.0.6";
const HOMEPAGE = "https://ipc.example.org/";

Deno.test("the deb has its metadata and dependencies", async () => {
  const field = async (name: string) =>
    (await run(["dpkg-deb", "--field", file(".deb"), name])).trimEnd();
  assertEquals(await field("Package"), "ipc-server");
  assertEquals(await field("Version"), `${VERSION}-1`);
  assertEquals(
    `${await field("Architecture")}\n`,
    await run(["dpkg", "--print-architecture"]),
  );
  assertMatch(await field("Maintainer"), /^.+ <.+@.+>$/);
  assertEquals(await field("Homepage"), HOMEPAGE);
  const depends = await field("Depends");
  assertStringIncludes(depends, "systemd (>= 248)");
  assertStringIncludes(depends, "libgcc-s1");
  const libc = /\blibc6 \(>= (2\.\d+)\)/.exec(depends)?.[1] ?? "";
  assert(numbers(libc)[1]! >= (await glibcFloor())[1]!, depends);
});

/** Runs a script as if systemd had booted this host. */
const ON_SYSTEMD = [
  ...["unshare", "--mount", "--propagation=private", "sh", "-c"],
  'mount -t tmpfs run /run && mkdir -p /run/systemd/system && exec sh "$@"',
  "sh",
];

Deno.test("the deb's scripts do not touch the host when dpkg works on another root", async () => {
  const control = directory.join("control");
  await run(["dpkg-deb", "--control", file(".deb"), control]);
  const bin = directory.join("bin");
  const root = directory.join("chroot");
  const wants = `${root}/etc/systemd/system/sockets.target.wants`;
  await Deno.mkdir(bin);
  await Deno.mkdir(wants, { recursive: true });
  const called = directory.join("called");
  for (const name of ["systemctl", "deb-systemd-invoke"]) {
    await Deno.writeTextFile(
      `${bin}/${name}`,
      `#!/bin/sh\necho ${name} "$@" >>${called}\n`,
      { mode: 0o755 },
    );
  }
  await Deno.symlink("/nowhere", `${wants}/ipc-server@two.socket`);
  const steps = [
    ["preinst", "upgrade", "0.0.1"],
    ["postinst", "configure", "0.0.1"],
    ["prerm", "remove"],
    ["postrm", "remove"],
    ["postrm", "purge"],
  ];
  for (const [script, ...args] of steps) {
    await run([...ON_SYSTEMD, `${control}/${script}`, ...args], {
      env: { PATH: `${bin}:/usr/sbin:/usr/bin:/sbin:/bin`, DPKG_ROOT: root },
    });
  }
  assertEquals([...Deno.readDirSync(`${root}/etc/systemd/system`)], []);
  const calls = (await Deno.readTextFile(called)).trimEnd().split("\n");
  // debhelper's own lines do not look at DPKG_ROOT.
  assertEquals(new Set(calls), new Set(["systemctl --system daemon-reload"]));
});

Deno.test("the deb has the files of make install, with working programs", async () => {
  const root = directory.join("deb");
  await run(["dpkg-deb", "--raw-extract", file(".deb"), root]);
  await assertPrograms(`${root}/usr/libexec/ipc`);
  assertEquals(
    (await Deno.readTextFile(`${root}/DEBIAN/conffiles`)).trimEnd().split("\n"),
    CONFIG,
  );
  const copyright = await Deno.readTextFile(
    `${root}/usr/share/doc/ipc-server/copyright`,
  );
  assertStringIncludes(copyright, "the Deno authors");
  assertStringIncludes(copyright, "the ipc authors");
  assertStringIncludes(copyright, `\nSource: ${HOMEPAGE}\n`);
  const notices = Deno.readDirSync(`${root}/usr/share/doc/ipc-server/notices`);
  assertEquals(
    [...notices].map(({ name }) => name.replace(/\.gz$/, "")).sort(),
    NOTICES,
  );
  const named = await attempt([
    ...["pkg-config", "--variable=systemdsystemunitdir", "systemd"],
  ]);
  const units = named.code === 0
    ? named.output.trimEnd()
    : "/usr/lib/systemd/system";
  const plain = await installed(
    `systemdsystemunitdir=${units}`,
    "zshcompletiondir=/usr/share/zsh/vendor-completions",
  );
  await Deno.remove(`${root}/DEBIAN`, { recursive: true });
  assertEquals(
    (await paths(root)).map((path) => path.replace(/(\/doc\/.*)\.gz$/, "$1"))
      .filter((path) =>
        !/^\/usr\/share\/(lintian\/|doc\/ipc-server\/(changelog|copyright|notices|ipc-server\.spdx))/
          .test(path)
      ).sort(),
    [...await paths(plain), ...CONFIG].sort(),
  );
});

interface Component {
  SPDXID: string;
  name: string;
  versionInfo?: string;
  licenseDeclared: string;
}

Deno.test("each package lists the components of its executables, and has the notices of libraries", async () => {
  const root = directory.join("components");
  await Deno.mkdir(root);
  await run(["dpkg-deb", "--extract", file(".deb"), root]);
  const path = "/usr/share/doc/ipc-server/ipc-server.spdx.json";
  const text = await Deno.readTextFile(root + path);
  const inArch = [
    "bsdtar",
    "-x",
    "-O",
    "-f",
    file(".pkg.tar.zst"),
    path.slice(1),
  ];
  assertEquals(await run(inArch), text);
  assertStringIncludes(
    await run(["rpm", "-qpl", file(".rpm")]),
    "/ipc-server.spdx.json\n",
  );
  assertStringIncludes(
    await run(["tar", "-t", "-f", file(`-linux-${MACHINE}.tar.gz`)]),
    "/ipc-server.spdx.json\n",
  );

  const { spdxVersion, packages, relationships } = JSON.parse(text);
  assertEquals(spdxVersion, "SPDX-2.3");
  const components: Component[] = packages;
  const ids = components.map(({ SPDXID }) => SPDXID);
  assertEquals(new Set(ids).size, ids.length);
  assertEquals(
    relationships.map(
      ({ relatedSpdxElement }: { relatedSpdxElement: string }) =>
        relatedSpdxElement,
    ),
    ids,
  );
  const table = await Deno.readTextFile(
    `${REPOSITORY}packaging/linked_libraries`,
  );
  const rows = table.trimEnd().split("\n").filter((line) =>
    !line.startsWith("#")
  );
  assertEquals(
    components.filter(({ SPDXID }) => SPDXID.startsWith("SPDXRef-library-"))
      .map(({ name, licenseDeclared }) => [name, licenseDeclared]),
    rows.map((row) => row.split("\t").slice(1, 3)),
  );
  for (const row of rows) {
    assert(NOTICES.includes(row.split("\t")[3]!), row);
  }
  const crates = components.filter(({ SPDXID }) =>
    SPDXID.startsWith("SPDXRef-crate-")
  );
  assert(crates.length > 350, `${crates.length} crates`);
  assert(crates.filter((crate) => crate.versionInfo).length > 250);
  for (const name of ["rustls", "lcms2", "cssparser", "deno_net", "std"]) {
    assert(crates.some((crate) => crate.name === name), name);
  }
});

Deno.test("the rpm has its metadata and dependencies", async () => {
  const rpm = file(".rpm");
  const format =
    "%{NAME} %{VERSION} %{ARCH} %{LICENSE} %{URL} %{BUILDHOST}\n[%{FILENAMES} %{FILEFLAGS:fflags}\n]";
  const [head, ...flags] =
    (await run(["rpm", "-qp", `--queryformat=${format}`, rpm]))
      .trimEnd().split("\n");
  assertEquals(
    head,
    `ipc-server ${VERSION} ${MACHINE} ${SPDX} ${HOMEPAGE} reproducible`,
  );
  // c: config, n: noreplace, l: licence.
  for (const path of CONFIG) {
    assert(flags.includes(`${path} cn`), flags.join("\n"));
  }
  assertEquals(
    flags.filter((line) => line.endsWith(" l")).length,
    ["LICENSE", ...NOTICES].length,
  );
  const requires = await run(["rpm", "-qp", "--requires", rpm]);
  const floor = (await glibcFloor()).join(".");
  assertStringIncludes(requires, `libc.so.6(GLIBC_${floor})(64bit)\n`);
  assertStringIncludes(requires, "systemd >= 248\n");
});

Deno.test("the rpm's scripts apply presets, and do not restart the socket in an upgrade", async () => {
  const scripts = await run(["rpm", "-qp", "--scripts", file(".rpm")]);
  const units = "ipc-server.socket ipc-server.service ipc-client.service";
  assertStringIncludes(scripts, `install-system-units ${units} `);
  assertStringIncludes(scripts, `remove-system-units ${units} `);
  assertStringIncludes(
    scripts,
    "mark-restart-system-units ipc-server.service ",
  );
});

Deno.test("the rpm can be installed and verified, and its programs work", async () => {
  const root = directory.join("rpm");
  await Deno.mkdir(root);
  const rpm = (...args: string[]) =>
    run(["rpm", "--root", root, "--dbpath", "/var/lib/rpm", ...args]);
  // There is nothing else in that root: no systemd, and no shell for scripts.
  await rpm("-i", "--nodeps", "--noscripts", file(".rpm"));
  assertEquals(await rpm("-V", "--nodeps", "ipc-server"), "");
  await assertPrograms(`${root}/usr/libexec/ipc`);

  const owned = (await rpm("-ql", "ipc-server")).trimEnd().split("\n");
  for (const path of await paths(await installed())) {
    assert(owned.some((name) => name.replace(/\.gz$/, "") === path), path);
  }
  await Deno.writeTextFile(`${root}${CONFIG[0]}`, "changed\n");
  await rpm("-e", "--noscripts", "ipc-server");
  assertEquals(
    (await paths(root)).filter((path) =>
      !/\/(\.rpmdb|lib\/.*\/?rpm)\//.test(path)
    ),
    [`${CONFIG[0]}.rpmsave`],
  );
});

Deno.test("rpmlint finds no error", async () => {
  const { code, output } = await attempt([
    "rpmlint",
    `--config=${REPOSITORY}packaging/rpm/rpmlint.toml`,
    file(".rpm"),
  ]);
  assertEquals(code, 0, output);
  assertStringIncludes(output, " 0 errors,");
});

Deno.test("the package for Arch has its metadata, and its lists match its files", async () => {
  const root = directory.join("arch");
  await Deno.mkdir(root);
  await run(["bsdtar", "-x", "-f", file(".pkg.tar.zst"), "-C", root]);
  const info = (await Deno.readTextFile(`${root}/.PKGINFO`)).split("\n");
  for (
    const line of [
      "pkgname = ipc-server",
      `pkgver = ${VERSION}-1`,
      `arch = ${MACHINE}`,
      `license = ${SPDX}`,
      `url = ${HOMEPAGE}`,
      `depend = glibc>=${(await glibcFloor()).join(".")}`,
      "depend = systemd",
      ...CONFIG.map((path) => `backup = ${path.slice(1)}`),
    ]
  ) assert(info.includes(line), `${line}\n${info.join("\n")}`);
  await assertPrograms(`${root}/usr/lib/ipc`);
  const notices = Deno.readDirSync(`${root}/usr/share/licenses/ipc-server`);
  assertEquals(
    [...notices].map(({ name }) => name).sort(),
    ["LICENSE", ...NOTICES].sort(),
  );

  const listed = await run(["bsdtar", "-t", "-f", `${root}/.MTREE`]);
  const inside = await run(["bsdtar", "-t", "-f", file(".pkg.tar.zst")]);
  const names = (text: string) =>
    text.trimEnd().split("\n")
      .map((name) => name.replace(/^\.\//, "").replace(/\/$/, ""))
      .filter((name) => name !== ".MTREE").sort();
  assertEquals(names(listed), names(inside));

  const plain = await installed("libexecdir=/usr/lib");
  assertEquals(
    (await paths(root)).filter((path) =>
      !/^\/\.|^\/usr\/share\/licenses\/|\.spdx\.json$/.test(path)
    ),
    [...await paths(plain), ...CONFIG].sort(),
  );
});

Deno.test("pacman installs and removes the package for Arch", async () => {
  const root = directory.join("pacman");
  await Deno.mkdir(`${root}/var/lib/pacman`, { recursive: true });
  const settings = directory.join("pacman.conf");
  await Deno.writeTextFile(settings, "[options]\nSigLevel = Never\n");
  const pacman = (...args: string[]) =>
    run([
      ...["pacman", "--root", root, "--config", settings, "--noconfirm"],
      ...["--noscriptlet", ...args],
    ]);
  await pacman("-U", "--nodeps", "--nodeps", file(".pkg.tar.zst"));
  assertStringIncludes(
    await run([
      "pacman",
      "--root",
      root,
      "--config",
      settings,
      "-Qkk",
      "ipc-server",
    ]),
    "0 altered files",
  );
  await assertPrograms(`${root}/usr/lib/ipc`);
  await pacman("-R", "--nodeps", "ipc-server");
  assertEquals(
    (await paths(root)).filter((path) => /^\/(usr|etc)\//.test(path)),
    [],
  );
});

Deno.test("the archive of executables installs where there is neither Deno nor a compiler", async () => {
  const tools = directory.join("tools");
  await Deno.mkdir(tools);
  await run([
    "bash",
    "-ec",
    `
    for tool in /usr/bin/* /usr/sbin/*; do
      case \${tool##*/} in
      deno* | node* | npm | npx | *gcc* | *g++* | cc | c++ | *clang* | cpp) ;;
      *) ln -s "$tool" "$1" 2>/dev/null || : ;;
      esac
    done`,
    "bash",
    tools,
  ]);
  await run([
    "tar",
    "-x",
    "-f",
    file(`-linux-${MACHINE}.tar.gz`),
    "-C",
    directory.path,
  ]);
  const tree = directory.join(`ipc-server-${VERSION}-linux-${MACHINE}`);
  const root = directory.join("from-archive");
  for (const target of ["install", "installcheck"]) {
    await run(["make", target, `DESTDIR=${root}`], {
      cwd: tree,
      env: { PATH: tools },
    });
  }
  const plain = await installed();
  assertEquals(
    await contents(`${root}/usr`),
    await contents(`${plain}/usr`),
  );

  const make = (...args: string[]) =>
    attempt(["make", ...args], {
      cwd: tree,
      env: { PATH: tools, INTERVAL: "10ms" },
    });
  assertStringIncludes((await make()).output, "Nothing to be done for 'all'");
  assertStringIncludes((await make("run")).output, "client | recv:close\n");
  for (const target of ["check", "dist", "clean"]) {
    const { code, output } = await make(target);
    assertEquals(code, 2, output);
    assertStringIncludes(output, `"make ${target}" needs the sources`);
  }
});

Deno.test("SHA256SUMS lists every package and archive", async () => {
  const sums = await run(["sha256sum", "--check", "SHA256SUMS"], {
    cwd: directory.path,
  });
  assertEquals(
    sums.trimEnd().split("\n").sort(),
    files.filter((name) => name !== "SHA256SUMS").map((name) => `${name}: OK`),
  );
});

Deno.test("the packages of a pre-release, made in its tree, are listed, and are no sources", async () => {
  using copy = new TempDir();
  const tree = copy.join("tree");
  await copySources(tree);
  const config = `${tree}/deno.json`;
  const version = "7.8.9-rc.1";
  await Deno.writeTextFile(
    config,
    (await Deno.readTextFile(config)).replace(`"${VERSION}"`, `"${version}"`),
  );
  // Programs of another version: younger than the sources, they are not built again.
  await run(["cp", "-R", "bin", tree], { cwd: REPOSITORY });
  const made = await make(KINDS, `${tree}/out`, { cwd: tree });
  const listed = await Deno.readTextFile(`${tree}/out/SHA256SUMS`);
  assertEquals(
    listed.trimEnd().split("\n").map((line) => line.slice(66)).sort(),
    made.filter((name) => name !== "SHA256SUMS"),
  );
  assertEquals(made.length, 6, made.join(" "));
  // A later version is made beside the earlier one, and without it.
  await run(["make", "dist", "distdir=out", "COMPRESSION=fast"], {
    cwd: tree,
    env: await toolchain(),
  });
  const archive = `${tree}/out/ipc-server-${version}.tar.gz`;
  const inside = await run(["tar", "-t", "-f", archive]);
  assertEquals(/\.deb$|\.rpm$|SHA256SUMS|\.gz$/m.exec(inside), null);
});

Deno.test("two builds give the same executables, packages and archives", async () => {
  const here = directory.path;
  using other = new TempDir();
  // The other starts from the archive of the sources, which are of another day.
  const elsewhere = other.join("else where/of/another length");
  await Deno.mkdir(elsewhere, { recursive: true });
  await run([
    "tar",
    "-x",
    "-f",
    `${here}/ipc-server-${VERSION}.tar.gz`,
    "-C",
    elsewhere,
  ]);
  const tree = `${elsewhere}/ipc-server-${VERSION}`;
  await run([
    "find",
    tree,
    "-exec",
    "touch",
    "-d",
    "2001-05-06 07:08:09",
    "{}",
    "+",
  ]);
  await Deno.mkdir(other.join("tmp"));
  const env = {
    ...await bringAlong(other.path, tree),
    HOME: elsewhere,
    TMPDIR: other.join("tmp"),
    TZ: "Pacific/Kiritimati",
    LANG: "tr_TR.UTF-8",
    LC_ALL: "C.UTF-8",
    USER: "nobody",
  };
  await run(["chown", "-R", `${NOBODY}:${NOBODY}`, other.path]);
  await run(
    [...AS_NOBODY, "make", "-j2", ...KINDS, "distdir=dist", "COMPRESSION=fast"],
    { cwd: tree, env },
  );
  assertEquals(
    await sums(`${tree}/bin`, PROGRAMS),
    await sums(`${REPOSITORY}bin`, PROGRAMS),
  );
  assertEquals(await sums(`${tree}/dist`, files), await sums(here, files));
});

Deno.test("lintian reports nothing", async () => {
  let deb = file(".deb");
  // It takes a minute to read the executables, which is for CI to wait.
  if (Deno.env.get("REQUIRE_SYSTEM") !== "1") {
    const root = directory.join("without-executables");
    await run(["dpkg-deb", "--raw-extract", deb, root]);
    for (const program of PROGRAMS) {
      await Deno.copyFile("/bin/true", `${root}/usr/libexec/ipc/${program}`);
    }
    await run([
      "sh",
      "-c",
      'cd "$1" && find usr etc lib -type f -exec md5sum {} + | grep -v " etc/" >DEBIAN/md5sums',
      "sh",
      root,
    ]);
    deb = directory.join("without-executables.deb");
    await run([
      "dpkg-deb",
      "--build",
      "--root-owner-group",
      "-Zgzip",
      root,
      deb,
    ]);
  }
  const { code, output } = await attempt([
    ...["lintian", "--allow-root", "--display-info", "--tag-display-limit=0"],
    // Debian's archive takes no package compressed the way that is fast.
    "--suppress-tags=malformed-deb-archive",
    deb,
  ]);
  assertEquals(code, 0, output);
  const tags = output.split("\n").filter((line) =>
    /^[EW]: /.test(line) || line.includes("spare-manual-page")
  );
  assertEquals(tags, []);
});

/** The sum of each of these files in a folder. */
async function sums(folder: string, names: string[]): Promise<string> {
  return await run(["sha256sum", ...names], { cwd: folder });
}
