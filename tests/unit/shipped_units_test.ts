// The shipped services beside those that unit/ makes for the same permissions.

import { assert, assertEquals } from "@std/assert";
import { page } from "../docs/pages.ts";
import { parsePermissions } from "../../unit/permissions.ts";
import { unitFiles } from "../../unit/unit_files.ts";

const BOTH = "BindReadOnlyPaths Environment EnvironmentFile ExecPaths \
ExecStart MemoryMax RestartPreventExitStatus Sockets TasksMax TimeoutStopSec";
/** The directives that differ. */
const DIFFERENCES = {
  "ipc-server":
    `${BOTH} LimitNPROC StandardError StandardOutput User WorkingDirectory`,
  "ipc-client": `${BOTH} LimitNOFILE RestartSec`,
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

for (const [name, expected] of Object.entries(DIFFERENCES)) {
  Deno.test(`${name}.service differs from what unit/ makes in these directives only`, () => {
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
    const theirs = directives(page(`units/${name}.service`));
    assert(made.size > 40);
    const names = new Set([...made.keys(), ...theirs.keys()]);
    const differing = [...names].filter((name) =>
      made.get(name)?.join() !== theirs.get(name)?.join()
    );
    assertEquals(differing.sort(), expected.split(" ").sort());
  });
}
