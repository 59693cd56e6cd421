// The content of the packages, by the tools of each distribution.

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
  sh,
  VERSION,
} from "./packages.ts";

const MACHINE = (await sh("uname -m")).trimEnd();
const CONFIG = ["/etc/default/ipc-client", "/etc/default/ipc-server"];
const PROGRAMS = ["ipc-client", "ipc-server"];

const KINDS = ["deb", "rpm", "arch", "dist"];

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
    const path = `${folder}/${program}`;
    await sh(`test -x ${path}; cmp ${path} '${REPOSITORY}bin/${program}'`);
  }
}

/** What "make install" installs, in a folder of its own. */
async function installed(...variables: string[]): Promise<string> {
  const root = await Deno.makeTempDir({ dir: directory.path });
  const command = `make install DESTDIR=${root} ${variables.join(" ")}`;
  await sh(command, { cwd: REPOSITORY });
  return root;
}

/** The lines of an output, sorted; a compressed manual or document has its plain name. */
const lines = (output: string) =>
  output.trimEnd().split("\n")
    .map((line) => line.replace(/(\/(man|doc)\/.*)\.gz$/, "$1")).sort();

/** The paths of all files below a folder. */
const paths = async (root: string) =>
  lines(await sh(`find ${root} ! -type d -printf '/%P\\n'`));

const names = (folder: string) =>
  [...Deno.readDirSync(folder)].map(({ name }) => name).sort();

/** The minor version of the oldest glibc 2 that has all symbols. */
async function glibcFloor(): Promise<number> {
  const command = "packaging/glibc_floor bin/ipc-{client,server}";
  const floor = await sh(command, { cwd: REPOSITORY });
  return Number(/^2\.(\d+)\n$/.exec(floor)![1]);
}

/** The notices of Deno and of what is linked into it. */
const NOTICES = names(`${REPOSITORY}packaging/licenses`);
const SPDX =
  "MIT AND Apache-2.0 AND (Apache-2.0 OR ISC) AND (Apache-2.0 WITH LLVM-exception) AND BSD-3-Clause AND CC0-1.0 AND ISC AND MPL-2.0 AND OpenSSL AND Unicode-3.0 AND Zlib AND blessing AND bzip2-1.0.6";
const HOMEPAGE = "https://ipc.example.org/";

Deno.test("the deb has its metadata and dependencies", async () => {
  const format =
    "${Package} ${Version} ${Architecture} ${Homepage}\n${Maintainer}\n${Depends}\n";
  const [head, maintainer, depends] = (await sh(
    `dpkg-deb --show --showformat='${format}' ${file(".deb")}`,
  )).split("\n");
  const architecture = (await sh("dpkg --print-architecture")).trimEnd();
  assertEquals(head, `ipc-server ${VERSION}-1 ${architecture} ${HOMEPAGE}`);
  assertMatch(maintainer!, /^.+ <.+@.+>$/);
  assertStringIncludes(depends!, "systemd (>= 248)");
  assertStringIncludes(depends!, "libgcc-s1");
  const libc = /\blibc6 \(>= 2\.(\d+)\)/.exec(depends!)?.[1];
  assert(Number(libc) >= await glibcFloor(), depends);
});

Deno.test("the deb's scripts do not touch the host when dpkg works on another root", async () => {
  const script = `
    mount -t tmpfs run /run
    mkdir -p /run/systemd/system # as if systemd had booted this host
    cd ${directory.path}
    dpkg-deb --control ${file(".deb")} control
    mkdir -p bin chroot/etc/systemd/system/sockets.target.wants
    ln -s /nowhere chroot/etc/systemd/system/sockets.target.wants/ipc-server@two.socket
    printf '#!/bin/sh\\necho "\${0##*/} $*" >>called\\n' | tee bin/systemctl >bin/deb-systemd-invoke
    chmod +x bin/*
    export PATH="$PWD/bin:$PATH" DPKG_ROOT="$PWD/chroot"
    {
      sh control/preinst upgrade 0.0.1
      sh control/postinst configure 0.0.1
      sh control/prerm remove
      sh control/postrm remove
      sh control/postrm purge
    } >/dev/null 2>&1
    sort -u called`;
  // debhelper's own lines do not look at DPKG_ROOT.
  assertEquals(
    await sh(
      `unshare --mount --propagation=private sh -e <<'END'\n${script}\nEND`,
    ),
    "systemctl --system daemon-reload\n",
  );
  assertEquals(names(directory.join("chroot/etc/systemd/system")), []);
});

Deno.test("the deb has the files of make install, with working programs", async () => {
  const root = directory.join("deb");
  await sh(`dpkg-deb --raw-extract ${file(".deb")} ${root}`);
  await assertPrograms(`${root}/usr/libexec/ipc`);
  assertEquals(
    lines(await Deno.readTextFile(`${root}/DEBIAN/conffiles`)),
    CONFIG,
  );
  const documents = "/usr/share/doc/ipc-server";
  const copyright = await Deno.readTextFile(`${root}${documents}/copyright`);
  for (
    const text of ["the Deno authors", "the ipc authors", `Source: ${HOMEPAGE}`]
  ) assertStringIncludes(copyright, text);
  const notices = names(`${root}${documents}/notices`);
  assertEquals(
    notices.map((name) => name.replace(/\.gz$/, "")).sort(),
    NOTICES,
  );
  const units = await sh(
    "pkg-config --variable=systemdsystemunitdir systemd || echo /usr/lib/systemd/system",
  );
  const plain = await installed(
    `systemdsystemunitdir=${units.trimEnd().split("\n").at(-1)}`,
    "zshcompletiondir=/usr/share/zsh/vendor-completions",
  );
  const own =
    /^\/DEBIAN\/|^\/usr\/share\/(lintian\/|doc\/ipc-server\/(changelog|copyright|notices|ipc-server\.spdx))/;
  assertEquals(
    (await paths(root)).filter((path) => !own.test(path)),
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
  const path = "usr/share/doc/ipc-server/ipc-server.spdx.json";
  const text = await sh(
    `dpkg-deb --fsys-tarfile ${file(".deb")} | tar -xO ./${path}`,
  );
  assertEquals(await sh(`bsdtar -xOf ${file(".pkg.tar.zst")} ${path}`), text);
  const archive = file(`-linux-${MACHINE}.tar.gz`);
  for (const list of [`rpm -qpl ${file(".rpm")}`, `tar -tf ${archive}`]) {
    assertStringIncludes(await sh(list), "/ipc-server.spdx.json\n");
  }

  const { spdxVersion, packages, relationships } = JSON.parse(text);
  assertEquals(spdxVersion, "SPDX-2.3");
  const ids = packages.map(({ SPDXID }: Component) => SPDXID);
  assertEquals(new Set(ids).size, ids.length);
  assertEquals(
    relationships.map((each: Record<string, string>) =>
      each.relatedSpdxElement
    ),
    ids,
  );
  const { crate = [], library = [] } = Object.groupBy(
    packages as Component[],
    ({ SPDXID }) => SPDXID.split("-")[1]!,
  );
  const grep = "grep -v '^#' packaging/linked_libraries";
  const table = await sh(grep, { cwd: REPOSITORY });
  const rows = table.trimEnd().split("\n").map((row) => row.split("\t"));
  assertEquals(
    library.map(({ name, licenseDeclared }) => [name, licenseDeclared]),
    rows.map((row) => row.slice(1, 3)),
  );
  // Brotli is a crate, and so its notice has no row.
  assertEquals(
    [...rows.map((row) => row[3]!), "brotli", "deno", "rust-crates"].sort(),
    NOTICES,
  );
  const read = (path: string) =>
    Deno.readTextFileSync(`${REPOSITORY}packaging/${path}`);
  const unnamed = rows.filter(([_, name]) =>
    !read("deb/copyright").includes(name!)
  );
  assertEquals(unnamed, []);
  const licences = rows.flatMap((row) => row[2]!.split(/ AND | OR |[()]/));
  assertEquals(
    licences.filter((it) => !SPDX.includes(it) && it !== "BSL-1.0"),
    [],
  );
  // Each bundled library has its own line: a wildcard would hide new ones.
  assertMatch(
    read("deb/ipc-server.lintian-overrides"),
    /^(?!.*embedded-library \*)/s,
  );
  assert(crate.length > 350, `${crate.length} crates`);
  assert(crate.filter(({ versionInfo }) => versionInfo).length > 250);
  const wanted = ["rustls", "lcms2", "cssparser", "deno_net", "std"];
  const found = crate.map(({ name }) => name);
  assertEquals(wanted.filter((name) => !found.includes(name)), []);
});

Deno.test("the rpm has its metadata and dependencies", async () => {
  const format =
    "%{NAME} %{VERSION} %{ARCH} %{LICENSE} %{URL} %{BUILDHOST}\n[%{FILENAMES} %{FILEFLAGS:fflags}\n]";
  const output = await sh(
    `rpm -qp --requires --scripts --queryformat='${format}' ${file(".rpm")}`,
  );
  for (
    const text of [
      `ipc-server ${VERSION} ${MACHINE} ${SPDX} ${HOMEPAGE} reproducible\n`,
      // c: config, n: noreplace, l: licence.
      ...CONFIG.map((path) => `${path} cn\n`),
      `libc.so.6(GLIBC_2.${await glibcFloor()})(64bit)\n`,
      "systemd >= 248\n",
      "remove-system-units ipc-server.socket ipc-server.service ipc-client.service ",
    ]
  ) assertStringIncludes(output, text);
  assertEquals(output.match(/ l$/gm)?.length, NOTICES.length + 1);
});

Deno.test("the rpm can be installed and verified, and its programs work", async () => {
  const root = directory.join("rpm");
  await Deno.mkdir(root);
  const rpm = (args: string) =>
    sh(`rpm --root ${root} --dbpath /var/lib/rpm ${args}`);
  // There is nothing else in that root: no systemd, and no shell for scripts.
  await rpm(`-i --nodeps --noscripts ${file(".rpm")}`);
  assertEquals(await rpm("-V --nodeps ipc-server"), "");
  await assertPrograms(`${root}/usr/libexec/ipc`);

  const owned = lines(await rpm("-ql ipc-server"));
  const plain = await paths(await installed());
  assertEquals(plain.filter((path) => !owned.includes(path)), []);
  await Deno.writeTextFile(`${root}${CONFIG[0]}`, "changed\n");
  await rpm("-e --noscripts ipc-server");
  assertEquals(
    (await paths(root)).filter((path) =>
      !/\/(\.rpmdb|lib\/.*\/?rpm)\//.test(path)
    ),
    [`${CONFIG[0]}.rpmsave`],
  );
});

Deno.test("rpmlint finds no error", async () => {
  const config = `${REPOSITORY}packaging/rpm/rpmlint.toml`;
  const output = await sh(`rpmlint --config=${config} ${file(".rpm")}`);
  assertStringIncludes(output, " 0 errors,");
});

Deno.test("the package for Arch has its metadata, and its lists match its files", async () => {
  const root = directory.join("arch");
  await sh(`mkdir ${root}; bsdtar -xf ${file(".pkg.tar.zst")} -C ${root}`);
  const info = await Deno.readTextFile(`${root}/.PKGINFO`);
  for (
    const line of [
      "pkgname = ipc-server",
      `pkgver = ${VERSION}-1`,
      `arch = ${MACHINE}`,
      `license = ${SPDX}`,
      `url = ${HOMEPAGE}`,
      `depend = glibc>=2.${await glibcFloor()}`,
      "depend = systemd",
      ...CONFIG.map((path) => `backup = ${path.slice(1)}`),
    ]
  ) assertStringIncludes(info, `${line}\n`);
  await assertPrograms(`${root}/usr/lib/ipc`);
  assertEquals(
    names(`${root}/usr/share/licenses/ipc-server`),
    ["LICENSE", ...NOTICES].sort(),
  );
  const listed = async (archive: string) =>
    lines(await sh(`bsdtar -tf ${archive} | sed 's|^\\./||; s|/$||'`))
      .filter((name) => name !== ".MTREE");
  assertEquals(
    await listed(`${root}/.MTREE`),
    await listed(file(".pkg.tar.zst")),
  );
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
  await sh(`mkdir -p ${root}/var/lib/pacman
    printf '[options]\\nSigLevel = Never\\n' >${root}/pacman.conf`);
  const pacman = (args: string) =>
    sh(
      `pacman --root ${root} --config ${root}/pacman.conf --noconfirm ${args}`,
    );
  const install = "-U --noscriptlet --nodeps --nodeps";
  await pacman(`${install} ${file(".pkg.tar.zst")}`);
  assertStringIncludes(await pacman("-Qkk ipc-server"), "0 altered files");
  await assertPrograms(`${root}/usr/lib/ipc`);
  await pacman("-R --noscriptlet --nodeps ipc-server");
  assertEquals(
    (await paths(root)).filter((path) => /^\/(usr|etc)\//.test(path)),
    [],
  );
});

Deno.test("the archive of executables installs where there is neither Deno nor a compiler", async () => {
  const tools = directory.join("tools");
  const root = directory.join("from-archive");
  const tree = directory.join(`ipc-server-${VERSION}-linux-${MACHINE}`);
  await sh(`
    mkdir ${tools}
    for tool in /usr/bin/* /usr/sbin/*; do
      case \${tool##*/} in
      deno* | node* | npm | npx | *gcc* | *g++* | cc | c++ | *clang* | cpp) ;;
      *) ln -s "$tool" ${tools} 2>/dev/null || : ;;
      esac
    done
    tar -xf ${file(`-linux-${MACHINE}.tar.gz`)} -C ${directory.path}`);
  const env = { PATH: tools, INTERVAL: "10ms" };
  const make = (...args: string[]) =>
    attempt(`make ${args.join(" ")}`, { cwd: tree, env });
  for (const target of ["install", "installcheck"]) {
    const { code, stdout } = await make(target, `DESTDIR=${root}`);
    assertEquals(code, 0, stdout);
  }
  const plain = await installed();
  assertEquals(await contents(`${root}/usr`), await contents(`${plain}/usr`));
  assertStringIncludes((await make()).stdout, "Nothing to be done for 'all'");
  assertStringIncludes((await make("run")).stdout, "client | recv:close\n");
  for (const target of ["check", "dist", "clean"]) {
    const { code, stdout } = await make(target);
    assertEquals(code, 2, stdout);
    assertStringIncludes(stdout, `"make ${target}" needs the sources`);
  }
});

Deno.test("SHA256SUMS lists every package and archive", async () => {
  assertEquals(
    lines(await sh("sha256sum --check SHA256SUMS", { cwd: directory.path })),
    files.filter((name) => name !== "SHA256SUMS").map((name) => `${name}: OK`),
  );
});

Deno.test("the packages of a pre-release, made in its tree, name who made them, are listed, and are no sources", async () => {
  using copy = new TempDir();
  const tree = copy.join("tree");
  const version = "7.8.9-rc.1";
  await copySources(tree);
  // Programs of another version: younger than the sources, they are not built again.
  await sh(
    `sed -i 's/"${VERSION}"/"${version}"/' ${tree}/deno.json; cp -R bin ${tree}`,
    { cwd: REPOSITORY },
  );
  const [maintainer, homepage] = ["A O'B & C <a@b.example>", "http://a/?b&c|d"];
  const made = await make(
    [...KINDS, `MAINTAINER="${maintainer}" HOMEPAGE='${homepage}'`],
    ...[`${tree}/out`, tree] as const,
  );
  const [deb] = made.filter((name) => name.endsWith(".deb"));
  assertEquals(
    await sh(`dpkg-deb --field ${tree}/out/${deb} Maintainer Homepage`),
    `Maintainer: ${maintainer}\nHomepage: ${homepage}\n`,
  );
  const listed = await Deno.readTextFile(`${tree}/out/SHA256SUMS`);
  assertEquals(
    lines(listed).map((line) => line.slice(66)).sort(),
    made.filter((name) => name !== "SHA256SUMS"),
  );
  assertEquals(made.length, 6, made.join(" "));
  // A later version is made beside the earlier one, and without it.
  await make(["dist"], `${tree}/out`, tree);
  const inside = await sh(`tar -tf ${tree}/out/ipc-server-${version}.tar.gz`);
  assertEquals(/\.deb$|\.rpm$|SHA256SUMS|\.gz$/m.exec(inside), null);
});

Deno.test("two builds give the same executables, packages and archives", async () => {
  using other = new TempDir();
  // The other starts from the archive of the sources, which are of another day.
  const elsewhere = other.join("else where/of/another length");
  const tree = `${elsewhere}/ipc-server-${VERSION}`;
  const archive = directory.join(`ipc-server-${VERSION}.tar.gz`);
  await sh(`mkdir -p '${elsewhere}' ${other.join("tmp")}
    tar -xf ${archive} -C '${elsewhere}'
    find '${tree}' -exec touch -d '2001-05-06 07:08:09' {} +`);
  const env = {
    ...await bringAlong(other.path, tree),
    HOME: elsewhere,
    TMPDIR: other.join("tmp"),
    TZ: "Pacific/Kiritimati",
    LANG: "tr_TR.UTF-8",
    LC_ALL: "C.UTF-8",
    USER: "nobody",
  };
  // Without a network, as an unprivileged user, and with umask 077.
  await sh(
    `chown -R 65534:65534 ${other.path}
    umask 077
    unshare --net setpriv --reuid=65534 --regid=65534 --clear-groups \\
      make -j2 ${KINDS.join(" ")} distdir=dist COMPRESSION=fast`,
    { cwd: tree, env },
  );
  for (
    const [these, those, names] of [
      [`${tree}/bin`, `${REPOSITORY}bin`, PROGRAMS],
      [`${tree}/dist`, directory.path, files],
    ] as const
  ) {
    const sums = `sha256sum ${names.join(" ")}`;
    assertEquals(
      await sh(sums, { cwd: these }),
      await sh(sums, { cwd: those }),
    );
  }
});

Deno.test("lintian reports nothing", async () => {
  let deb = file(".deb");
  // Reading the executables takes a minute: only CI does it.
  if (Deno.env.get("REQUIRE_SYSTEM") !== "1") {
    const root = directory.join("without-executables");
    await sh(`
      dpkg-deb --raw-extract ${deb} ${root}
      cd ${root}
      cp /bin/true usr/libexec/ipc/ipc-client
      cp /bin/true usr/libexec/ipc/ipc-server
      find [!De]* -type f -exec md5sum {} + >DEBIAN/md5sums
      dpkg-deb --build --root-owner-group -Zgzip . ${root}.deb`);
    deb = `${root}.deb`;
  }
  // Debian's archive refuses packages with the fast compression.
  const options = "--allow-root --display-info --tag-display-limit=0";
  const output = await sh(
    `lintian ${options} --suppress-tags=malformed-deb-archive ${deb}`,
  );
  assertEquals(output.match(/^[EW]: .*|.*spare-manual-page.*/gm), null);
});
