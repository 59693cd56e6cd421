// The server on arm64, which an emulator of the processor runs: qemu-user. Its modules run
// on npm's Deno for arm64, since there is no runtime base to compile them onto.

import { assertEquals } from "@std/assert";
import { eventually, soon } from "../support/eventually.ts";
import { receiveAllText, send } from "../support/peer.ts";
import { REPOSITORY } from "../support/program.ts";
import { TempDir } from "../support/temp_dir.ts";
import { run } from "./packages.ts";

const INSTALLED = `${REPOSITORY}toolchain/installed/`;
const DENO = "deno-aarch64/node_modules/@deno/linux-arm64-glibc/deno";
/** Where Debian's cross packages install the libraries of arm64. */
const LIBRARIES = "/usr/aarch64-linux-gnu";
/** In milliseconds: emulated, the server takes seconds to start. */
const PATIENCE = { within: 60_000 };

Deno.test("on arm64 the server starts, adopts the socket and echoes", {
  ignore: Deno.build.arch !== "x86_64",
}, async () => {
  await run(["toolchain/npm_install", "npm/deno-aarch64"], { cwd: REPOSITORY });
  const sum = await run(["sha256sum", DENO], { cwd: INSTALLED });
  const pinned = await Deno.readTextFile(`${REPOSITORY}toolchain/checksums`);
  assertEquals(pinned.includes(sum), true, sum);

  using directory = new TempDir();
  const path = directory.join("job.socket");
  const server = new Deno.Command("systemd-socket-activate", {
    args: [
      ...[`--listen=${path}`, "--fdname=ipc-server.socket"],
      ...["-E", `DENO_DIR=${directory.join("cache")}`, "-E", "NO_COLOR=1"],
      ...["qemu-aarch64-static", "-L", LIBRARIES, INSTALLED + DENO],
      ...["run", "--no-prompt", "--frozen", "--cached-only"],
      ...["--config=deno.json", "-P=server", "build/ipc-server/main.js"],
    ],
    cwd: REPOSITORY,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output = server.output();
  try {
    using conn = await eventually(
      "systemd-socket-activate listens",
      () => Deno.connect({ transport: "unix", path }).catch(() => undefined),
      (conn) => conn !== undefined,
    ) as Deno.UnixConn;
    await send(conn, "hello\n");
    const echo = new Uint8Array(64);
    const length = await soon("the echo arrives", conn.read(echo), PATIENCE);
    assertEquals(
      new TextDecoder().decode(echo.subarray(0, length!)),
      "hello\n",
    );
    await send(conn, "close");
    assertEquals(await receiveAllText(conn), "close");
  } finally {
    server.kill("SIGTERM");
  }
  const { code, stdout } = await soon("the server has ended", output, PATIENCE);
  assertEquals(
    { code, stdout: new TextDecoder().decode(stdout) },
    {
      code: 0,
      stdout: "server start\nserver recv: hello\nserver recv: close\n",
    },
  );
});
