// The errors of Deno's runtime before the code of a program runs, as the manuals and
// docs/limits.md list them.

import { assertNotEquals, assertStringIncludes } from "@std/assert";
import { page } from "../docs/pages.ts";
import { IPC_CLIENT, IPC_SERVER, run } from "../support/program.ts";
import { TempDir } from "../support/temp_dir.ts";

const PAGES = "cli/manual/ipc-client.1 cli/manual/ipc-server.8 docs/limits.md"
  .split(" ");

/** The messages, and shell commands that provoke them: "$0" is the program. */
const PROVOKED: Record<string, string> = {
  "called `Result::unwrap()` on an `Err` value": `"$0" "$(printf '\\377')"`,
  "Fatal process out of memory": `ulimit -v 1000000; "$0" --version`,
  "Too many open files": `ulimit -n 8; "$0" --version`,
  "Could not convert path to URL": `TMPDIR=relative "$0" --version`,
  "Could not find standalone binary section":
    `cp "$0" "$1/stripped" && strip "$1/stripped" && "$1/stripped" --version`,
};

for (const [message, script] of Object.entries(PROVOKED)) {
  Deno.test(`the runtime's message "${message}" is the documented one`, async () => {
    for (const program of [IPC_SERVER, IPC_CLIENT]) {
      using directory = new TempDir();
      const args = ["-c", `ulimit -c 0; ${script}`, program, directory.path];
      const { code, stderr } = await run("/bin/sh", args);
      assertNotEquals(code, 0);
      assertStringIncludes(stderr, message);
    }
    for (const path of PAGES) assertStringIncludes(page(path), message);
  });
}
