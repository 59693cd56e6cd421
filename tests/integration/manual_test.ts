// The manuals with both formatters; tests/cli/documents_test.ts compares their options.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { REPOSITORY, run } from "../support/program.ts";

for (const page of ["ipc-client.1", "ipc-server.8", "ipc-server.socket.5"]) {
  const path = `${REPOSITORY}cli/manual/${page}`;

  Deno.test(`mandoc finds no fault in ${page}, nor in its style`, async () => {
    const args = ["-T", "lint", "-W", "style", path];
    const { stdout } = await run("mandoc", args);
    // The existence of other manuals depends on the machine.
    const faults = stdout.split("\n").filter((line) =>
      line !== "" && !line.includes("referenced manual not found")
    );
    assertEquals(faults, []);
  });

  Deno.test(`groff renders ${page} without a warning`, async () => {
    const args = ["-mdoc", "-ww", "-T", "ascii", path];
    const { code, stdout, stderr } = await run("groff", args);
    assertEquals({ code, stderr }, { code: 0, stderr: "" });
    // Without overstruck characters, which make text bold.
    // deno-lint-ignore no-control-regex
    const plain = stdout.replaceAll(/\x1b\[[0-9;]*m|.\x08/g, "");
    assertStringIncludes(plain, "\nDESCRIPTION\n");
  });
}
