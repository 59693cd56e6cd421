// The server on arm64, which an emulator of the processor runs: qemu-user. Its modules run
// on npm's Deno for arm64, since there is no runtime base to compile them onto.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { listenFor } from "../support/activate.ts";
import { soon } from "../support/eventually.ts";
import { readText, receiveAllText, send } from "../support/peer.ts";
import { REPOSITORY } from "../support/program.ts";
import { TempDir } from "../support/temp_dir.ts";
import { sh } from "./packages.ts";

const DENO = "deno-aarch64/node_modules/@deno/linux-arm64-glibc/deno";
/** Where Debian's cross packages install the libraries of arm64. */
const LIBRARIES = "/usr/aarch64-linux-gnu";
/** In milliseconds: emulated, the server takes seconds to start. */
const PATIENCE = { within: 60_000 };

Deno.test("on arm64 the server starts, adopts the socket and echoes", {
  ignore: Deno.build.arch !== "x86_64",
}, async () => {
  await sh("toolchain/npm_install npm/deno-aarch64", { cwd: REPOSITORY });
  const installed = `${REPOSITORY}toolchain/installed/`;
  assertStringIncludes(
    await Deno.readTextFile(`${REPOSITORY}toolchain/checksums`),
    await sh(`sha256sum ${DENO}`, { cwd: installed }),
  );
  using cache = new TempDir();
  await using server = await listenFor({
    names: "ipc-server.socket",
    env: { DENO_DIR: cache.path, NO_COLOR: "1" },
    command: [
      ...["qemu-aarch64-static", "-L", LIBRARIES, installed + DENO, "run"],
      ...["--no-prompt", "--frozen", "--cached-only", "-P=server"],
      ...[`--config=${REPOSITORY}deno.json`],
      `${REPOSITORY}build/ipc-server/main.js`,
    ],
  });
  using conn = await server.dial();
  await send(conn, "hello\n");
  const echo = soon("the echo arrives", readText(conn), PATIENCE);
  assertEquals(await echo, "hello\n");
  await send(conn, "close");
  assertEquals(await receiveAllText(conn), "close");
  server.kill("SIGTERM");
  await server.exits(0, PATIENCE);
  assertEquals(
    server.stdout.seen.join("|"),
    "server start|server recv: hello|server recv: close",
  );
});
