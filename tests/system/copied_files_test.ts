// README's "Drop in": two executables and three units, copied into place, and nothing
// else.

import { assert, assertEquals } from "@std/assert";
import { Machine, REPOSITORY } from "./machine.ts";

const SOCKET = "ipc-server.socket";
const SERVER = "ipc-server.service";
const CLIENT = "ipc-client.service";

/** Where the files are before they are copied. */
const SOURCE = "/root/ipc";

/** README's commands, for a user who is root. */
function readmeCommands(): string {
  const readme = Deno.readTextFileSync(`${REPOSITORY}/README.md`);
  const [, commands] = /^## Drop in\n.*?^```sh\n(.*?)^```/ms.exec(readme) ?? [];
  assert(commands !== undefined, "README has no commands under Drop in");
  return commands!.replaceAll("sudo ", "");
}

/** Each file in the directories where programs write, except systemd's own. */
async function files(machine: Machine): Promise<Set<string>> {
  const places = ["/etc", "/home", "/opt", "/root", "/run", "/srv", "/tmp"];
  const others = [
    ...["/run/log", "/run/systemd", "/run/udev", "/var/log/journal"],
    // The mount points in the root directory of the service.
    "/run/ipc-server-root",
  ];
  const found = await machine.run(
    ...["find", ...places, "/usr/libexec", "/var", "-xdev"],
    ...["(", ...others.flatMap((path) => ["-path", path, "-o"]), "-false", ")"],
    ...["-prune", "-o", "-type", "f", "-print"],
  );
  return new Set(found.trimEnd().split("\n"));
}

Deno.test("with two executables and three units copied into place, the main job works and creates no files", async () => {
  await using machine = await Machine.boot({
    prepare: async ({ root, run }) => {
      const source = `${root}${SOURCE}`;
      await run("mkdir", "-p", `${source}/bin`, `${source}/units`);
      for (
        const file of [
          ...["bin/ipc-server", "bin/ipc-client", `units/${SOCKET}`],
          ...[`units/${SERVER}`, `units/${CLIENT}`],
        ]
      ) await run("cp", `${REPOSITORY}/${file}`, `${source}/${file}`);
    },
  });
  await machine.write(
    "/etc/default/ipc-client",
    "IPC_CLIENT_OPTIONS=--interval=50ms\n",
  );
  const [start, ...install] = readmeCommands().trimEnd().split("\n").reverse();
  const shell = (script: string) =>
    machine.run("sh", "-e", "-c", `cd ${SOURCE}; ${script}`);
  await shell(install.toReversed().join("\n"));
  const before = await files(machine);
  await shell(start!);

  await machine.journalUpTo(CLIENT, "recv:close");
  await machine.reaches(CLIENT, "inactive (dead)");
  await machine.reaches(SERVER, "active (running)");
  assertEquals(await machine.show(CLIENT, "NRestarts", "Result"), {
    NRestarts: "0",
    Result: "success",
  });
  const added = [...(await files(machine)).difference(before)];
  assertEquals(added, []);
});
