// The manuals with both formatters; tests/cli/documents_test.ts compares their options.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { REPOSITORY, run } from "../support/program.ts";

for (const page of ["ipc-client.1", "ipc-server.8", "ipc-server.socket.5"]) {
  Deno.test(`mandoc and groff render ${page} without a warning`, async () => {
    const path = `${REPOSITORY}cli/manual/${page}`;
    const lint = await run("mandoc", ["-T", "lint", "-W", "style", path]);
    // The existence of other manuals depends on the machine.
    const faults = lint.stdout.split("\n").filter((line) =>
      line !== "" && !line.includes("referenced manual not found")
    );
    assertEquals(faults, []);
    const args = ["-mdoc", "-ww", "-T", "ascii", "-P-bcou", path];
    const { code, stdout, stderr } = await run("groff", args);
    assertEquals({ code, stderr }, { code: 0, stderr: "" });
    assertStringIncludes(stdout, "\nDESCRIPTION\n");
  });
}
