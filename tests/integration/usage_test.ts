// The command lines of both programs as processes; tests/cli, tests/client and
// tests/server have the cases.

import { assertEquals, assertMatch } from "@std/assert";
import { helpText } from "../../cli/help_text.ts";
import { CLIENT_USAGE } from "../../client/options.ts";
import config from "../../deno.json" with { type: "json" };
import { SERVER_USAGE } from "../../server/options.ts";
import { IPC_CLIENT, IPC_SERVER, run } from "../support/program.ts";
import { assertOneLine } from "./one_line.ts";

for (
  const [path, usage, surplus] of [
    [IPC_SERVER, SERVER_USAGE, "a:1"],
    [IPC_CLIENT, CLIENT_USAGE, "two"],
  ] as const
) {
  const { name } = usage;

  Deno.test(`${name} refuses wrong usage by one line and status 64`, async () => {
    for (const args of [["--__proto__=1"], ["a:1", "two\nlines"]]) {
      const { code, stdout, stderr } = await run(path, args);
      const quoted = args.length === 1 ? "--__proto__" : surplus;
      assertOneLine(name, stderr, quoted, `${name} --help`);
      assertEquals({ code, stdout }, { code: 64, stdout: "" });
    }
  });

  Deno.test(`${name} prints its usage and its version, and exits with 0`, async () => {
    const help = { code: 0, stdout: `${helpText(usage)}\n`, stderr: "" };
    assertEquals(await run(path, ["--help"]), help);
    const { code, stdout, stderr } = await run(path, ["--version"]);
    assertEquals({ code, stderr }, { code: 0, stderr: "" });
    const version = RegExp.escape(`${name} ${config.version}`);
    assertMatch(stdout, new RegExp(`^${version} \\(Deno [0-9.]+\\)\n$`));
  });
}
