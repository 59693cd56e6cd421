// The shipped services beside those that unit/ makes for the same permissions: each
// difference has a comment in the shipped unit.

import { assert, assertEquals } from "@std/assert";
import { page } from "../docs/pages.ts";
import { parsePermissions } from "../../unit/permissions.ts";
import { unitFiles } from "../../unit/unit_files.ts";

/** Differences by directive, and the comments that explain them. */
const DIFFERENCES: Record<string, Record<string, string>> = {
  "ipc-server": {
    Environment: "Options of drop-ins and of the administrator",
    EnvironmentFile: "Options of drop-ins and of the administrator",
    ExecStart: "Options of drop-ins and of the administrator",
    WorkingDirectory: "Relative paths of options begin here",
    StandardOutput: "With StandardInput=socket",
    StandardError: "With StandardInput=socket",
    TimeoutStopSec: "No TimeoutStopSec=",
    RestartPreventExitStatus: "A restart does not fix wrong options",
    TasksMax: "Threads: 3.",
    LimitNPROC: "Threads: 3.",
    MemoryMax: "Memory: 41 MB at the start",
    User: "Each instance has its own",
    BindReadOnlyPaths: "where Debian, Fedora and Arch have them",
    ExecPaths: "where Debian, Fedora and Arch have them",
    // The unit of that name is the default.
    Sockets: "",
  },
  "ipc-client": {
    Environment: "Empty by default",
    EnvironmentFile: "Empty by default",
    ExecStart: "Empty by default",
    TimeoutStopSec: "No TimeoutStopSec=: it exits at once",
    RestartSec: "one try per second",
    RestartPreventExitStatus: "A restart does not fix wrong options",
    LimitNOFILE: "one connection",
    TasksMax: "the threads of the runtime",
    MemoryMax: "the threads of the runtime",
    BindReadOnlyPaths: "as that of ipc-server.service",
    ExecPaths: "as that of ipc-server.service",
    // It has no socket unit.
    Sockets: "",
  },
};

/** Returns the values in the section of the service, by directive. */
function directives(text: string): Map<string, string[]> {
  const [, section = ""] = /^\[Service\]\n(.*?)(?:^\[|$(?![^]))/ms.exec(text) ??
    [];
  const found = new Map<string, string[]>();
  for (const line of section.split("\n")) {
    const [, name, value] = /^(\w+)=(.*)$/.exec(line) ?? [];
    if (name === undefined) continue;
    found.set(name, [...found.get(name) ?? [], ...value!.split(" ")].sort());
  }
  return found;
}

for (const [name, explained] of Object.entries(DIFFERENCES)) {
  Deno.test(`${name}.service differs from what unit/ makes only where it says so`, () => {
    const shipped = page(`units/${name}.service`);
    const isServer = name === "ipc-server";
    const { files } = unitFiles({
      ...{ name, executable: `/usr/libexec/ipc/${name}`, libraries: [] },
      ...{ programs: [], listen: ["8000"], jit: false, template: false },
      type: isServer ? "notify" : "exec",
      permissions: parsePermissions(
        isServer ? [] : ["--allow-net=unix:/run/ipc-server"],
      ).permissions,
    });
    const made = directives(files[`${name}.service`]!);
    const theirs = directives(shipped);
    assert(made.size > 40);
    const names = new Set([...made.keys(), ...theirs.keys()]);
    const differing = [...names].filter((name) =>
      made.get(name)?.join() !== theirs.get(name)?.join()
    );
    assertEquals(differing.sort(), Object.keys(explained).sort());
    for (const [directive, comment] of Object.entries(explained)) {
      const isThere = comment === "" ||
        new RegExp(`^#.*${RegExp.escape(comment)}`, "m").test(shipped);
      assert(isThere, `no comment "${comment}" for ${directive}`);
    }
  });
}
