// What V8 compiled when the server was built is next to it, and makes its starts short.

import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import {
  IPC_SERVER,
  makeEnvironment,
  REPOSITORY,
  run,
} from "../support/program.ts";
import { TempDir } from "../support/temp_dir.ts";
import { ActivatedServer } from "./activated_server.ts";

const CACHE = `${REPOSITORY}bin/.ipc-server`;
const VERBOSE = { DENO_LOG: "denort::code_cache=debug" };

/** The server and its cache, somewhere else. */
async function copy(directory: TempDir): Promise<string> {
  const server = directory.join("ipc-server");
  await run("cp", ["-r", IPC_SERVER, CACHE, directory.path]);
  return server;
}

/** The one file of a server's cache. */
function cacheFile(server: string): string {
  const folder = server.replace(/ipc-server$/, ".ipc-server");
  const files = [...Deno.readDirSync(folder)].filter(({ isFile }) => isFile);
  assertEquals(files.length, 1);
  return `${folder}/${files[0]!.name}`;
}

async function assertServes(server: string): Promise<void> {
  await using activated = await ActivatedServer.listen({ command: [server] });
  using peer = await activated.connect();
  await peer.write(new TextEncoder().encode("hello\n"));
  const reply = new Uint8Array(16);
  assertEquals(await peer.read(reply), 6);
  assertStringIncludes(new TextDecoder().decode(reply), "hello\n");
}

Deno.test("the server reads the cache that is next to it", async () => {
  const { code, stderr } = await run(IPC_SERVER, ["--version"], {
    env: VERBOSE,
  });
  assertEquals(code, 0);
  const [, count] = /Loaded (\d+) code cache entries from (.*)\n/.exec(stderr)!;
  assert(Number(count) > 50, stderr);
  assertStringIncludes(stderr, cacheFile(IPC_SERVER));
});

/** Does what the Makefile does, with other V8 flags and another warm-up. */
async function build(
  directory: TempDir,
  moreFlags: string,
  warmUp: string,
): Promise<string> {
  const makefile = await Deno.readTextFile(`${REPOSITORY}Makefile`);
  const [, flags] = /^V8_FLAGS = (.*)$/m.exec(makefile)!;
  const deno = async (...args: string[]) => {
    const { code, stderr } = await run(Deno.execPath(), args, {
      cwd: REPOSITORY,
      env: makeEnvironment(),
    });
    assertEquals(code, 0, stderr);
  };
  const compile = async (output: string, ...args: string[]) =>
    await deno(
      ...["compile", "--quiet", "--frozen", `--output=${output}`],
      ...[`--v8-flags=${flags}${moreFlags}`, ...args],
    );
  const server = directory.join("ipc-server");
  await compile(
    server,
    "--self-extracting",
    "-P=server",
    "build/ipc-server.js",
  );
  const warm = directory.join("warm_up");
  await compile(warm, warmUp);
  await run(warm, [], { env: { TMPDIR: directory.path } });
  await deno(
    ...["run", "--allow-all", "toolchain/write_code_cache.ts"],
    ...[directory.join("deno-compile-warm_up.cache"), server],
  );
  return server;
}

/** How many entries a server finds in its cache. */
async function entries(server: string): Promise<number> {
  const { stderr } = await run(server, ["--version"], { env: VERBOSE });
  return Number(/Loaded (\d+) code cache entries/.exec(stderr)![1]);
}

Deno.test("the cache is the same whenever it is made", async () => {
  using directory = new TempDir();
  const server = await build(directory, "", "toolchain/warm_up.ts");
  assertEquals(
    await Deno.readFile(cacheFile(server)),
    await Deno.readFile(cacheFile(IPC_SERVER)),
  );
});

Deno.test("V8 takes everything that is in the cache, and misses nothing but the program itself", async () => {
  using directory = new TempDir();
  const warmUp = directory.join("warm_up.ts");
  // When all has been taken, Deno asks for no more: one more keeps it asking.
  const unused = 'await import("node:http");\n';
  await Deno.writeTextFile(
    warmUp,
    await Deno.readTextFile(`${REPOSITORY}toolchain/warm_up.ts`) + unused,
  );
  const server = await build(directory, ",--profile-deserialization", warmUp);
  const wanted = await entries(IPC_SERVER);
  assert(await entries(server) > wanted);
  await using activated = await ActivatedServer.listen({
    command: [server, "--quiet", "--idle-timeout", "1s"],
  });
  {
    using peer = await activated.connect();
    await peer.write(new TextEncoder().encode("hello\n"));
    await peer.read(new Uint8Array(16));
  }
  await activated.stdout.ended;
  // V8 writes when its buffer is full, and the server at once.
  const told = activated.stdout.seen.join("\n").replace("server start\n", "");
  assertEquals(told.match(/failed check/g), null, told);
  const taken = told.match(/\[Deserializing from/g) ?? [];
  assertEquals(taken.length, wanted, told);
  assertEquals(told.match(/\[Serializing/g)?.length, 1, told);
});

Deno.test("a cache that is damaged or not there is done without", async () => {
  using directory = new TempDir();
  const server = await copy(directory);
  const file = cacheFile(server);
  const whole = await Deno.readFile(file);
  const damaged = whole.slice();
  damaged.fill(0xff, whole.length / 2, whole.length / 2 + 64);
  for (
    const content of [damaged, whole.slice(0, 1000), new Uint8Array(), null]
  ) {
    if (content === null) await Deno.remove(file);
    else await Deno.writeFile(file, content);
    const { stderr } = await run(server, ["--version"], { env: VERBOSE });
    assertMatch(stderr, /Failed to deserialize code cache/);
    await assertServes(server);
  }
});

Deno.test("the server writes nothing next to itself while its cache is there", async () => {
  using directory = new TempDir();
  const server = await copy(directory);
  const state = async () =>
    (await run("find", [
      directory.path,
      ...["!", "-name", ".deno_compile_node_modules"],
      ...["!", "-name", "job-*", "-printf", "%p %s %T@\n"],
    ])).stdout.split("\n").filter((line) => /\.cache |\.done |\.js /.test(line))
      .sort();
  const before = await state();
  assertEquals(before.length, 2);
  await assertServes(server);
  assertEquals(await state(), before);
});

Deno.test("without its cache, where it can write nothing, the server says so", async () => {
  using directory = new TempDir();
  const server = directory.join("ipc-server");
  await run("cp", [IPC_SERVER, server]);
  // Root may write anywhere, but nobody below a file.
  await Deno.writeTextFile(directory.join(".ipc-server"), "");
  const { code, stderr } = await run(server, ["--version"], {
    env: { HOME: server },
  });
  assertEquals(code, 1);
  assertMatch(stderr, /Failed to create extraction directory: /);
});

Deno.test("make makes a cache that is missing, and installs none of another server", async () => {
  using directory = new TempDir();
  const make = (...args: string[]) =>
    run("make", args, { cwd: REPOSITORY, env: makeEnvironment() });
  const cache = directory.join("cache");
  assertEquals((await make("-q")).code, 0);
  assertEquals((await make("-q", `CODE_CACHE=${cache}`)).code, 1);

  await Deno.mkdir(cache);
  await Deno.writeTextFile(`${cache}/0123456789abcdef.cache`, "");
  const target = directory.join("target");
  const { code, stderr } = await make(
    ...["install", `CODE_CACHE=${cache}`, `DESTDIR=${target}`],
  );
  assertEquals(code, 2);
  assertStringIncludes(stderr, `${cache} is not that of bin/ipc-server: `);
  assertEquals(await Deno.stat(target).catch(() => "absent"), "absent");
});

Deno.test("the client keeps no cache", async () => {
  const { stderr } = await run(`${REPOSITORY}bin/ipc-client`, ["--version"], {
    env: VERBOSE,
  });
  assertEquals(stderr, "");
});
