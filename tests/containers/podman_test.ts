// docs/containers.md: an image with the server, which podman runs with a passed socket.

import { assertEquals } from "@std/assert";
import { page } from "../docs/pages.ts";
import { ActivatedServer } from "../integration/activated_server.ts";
import { NotifyReceiver } from "../support/notify_receiver.ts";
import { echoOf } from "../support/peer.ts";
import { output, REPOSITORY, run } from "../support/program.ts";
import { TempDir } from "../support/temp_dir.ts";

const PODMAN = `${REPOSITORY}tests/containers/podman`;

let directory: TempDir;
let env: Record<string, string>;

// Runs the first commands of the page, where the page expects it.
Deno.test.beforeAll(async () => {
  directory = new TempDir();
  env = { PODMAN_DIRECTORY: directory.join("podman") };
  const [, commands = ""] = /^```sh\n(.*?)^```$/ms
    .exec(page("docs/containers.md"))!;
  for (const name of ["bin", "examples"]) {
    await Deno.symlink(`${REPOSITORY}${name}`, directory.join(name));
  }
  const script = `set -e; podman() { ${PODMAN} "$@"; }; ${commands}`;
  const options = { cwd: directory.path, env };
  await output("bash", ["-c", script], options);
});
Deno.test.afterAll(async () => {
  // A container outlives the command that runs it, if that is killed.
  await run(PODMAN, ["rm", "--all", "--force", "--time=0"], { env });
  directory[Symbol.dispose]();
});

/** How podman's generator translates the lines of a container unit. */
const TRANSLATED: Record<string, (value: string) => string> = {
  Network: (value) => `--network=${value}`,
  ReadOnly: () => "--read-only",
  DropCapability: (value) => `--cap-drop=${value}`,
  NoNewPrivileges: () => "--security-opt=no-new-privileges",
  Notify: () => "--sdnotify=container",
  PodmanArgs: (value) => value,
  Pull: (value) => `--pull=${value}`,
};

/** The options in `examples/container/echo.container`, and its image. */
function containerUnit(): string[] {
  const unit = page("examples/container/echo.container");
  const [, section = ""] = /^\[Container\]\n(.*?)^\[/ms.exec(unit)!;
  const options = [...section.matchAll(/^(?!Image=)(\w+)=(.*)$/gm)]
    .map(([, name, value]) => TRANSLATED[name!]!(value!));
  return [...options, /^Image=(.*)$/m.exec(section)![1]!];
}

/** Listens, and runs the image at the first connection. */
async function activated(
  options: string[],
  variables: Record<string, string> = {},
): Promise<ActivatedServer> {
  return await ActivatedServer.listen({
    command: [PODMAN, "run", "--rm", ...options, ...containerUnit()],
    options: Object.entries({ ...env, ...variables })
      .map(([name, value]) => `--setenv=${name}=${value}`),
  });
}

for (const init of [[], ["--init"]]) {
  Deno.test(`the server in a container serves the passed socket, and stops on SIGTERM ${init}`, async () => {
    await using server = await activated(init);
    using conn = await server.dial();
    assertEquals(await echoOf(conn, "hello\n"), "hello\n");
    await server.stdout.line("server start");
    server.kill("SIGTERM");
    assertEquals(await server.exitCode({ within: 30_000 }), 0);
  });
}

Deno.test("podman relays READY=1, and WATCHDOG=1 if WATCHDOG_USEC is passed", async () => {
  using receiver = new NotifyReceiver(directory.join("notify"));
  await using server = await activated([], {
    NOTIFY_SOCKET: receiver.socket,
    WATCHDOG_USEC: "1000000",
  });
  using conn = await server.dial();
  assertEquals(await echoOf(conn, "hello\n"), "hello\n");
  for (const wanted of ["READY=1", "WATCHDOG=1"]) {
    let state = "";
    while (!state.split("\n").includes(wanted)) state = await receiver.next();
  }
});
