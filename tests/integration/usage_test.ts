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
  const [path, usage] of [
    [IPC_SERVER, SERVER_USAGE],
    [IPC_CLIENT, CLIENT_USAGE],
  ] as const
) {
  const { name } = usage;

  for (
    const [args, quoted] of [
      [["--no-such-option"], "--no-such-option"],
      [["--__proto__=1"], "--__proto__"],
      [["a:1", "two\nlines"], name === "ipc-server" ? "a:1" : "two"],
    ] as const
  ) {
    Deno.test(`${name} ${JSON.stringify(args)} is wrong usage: one line, status 64`, async () => {
      const { code, stdout, stderr } = await run(path, args);
      assertOneLine(name, stderr, quoted, `${name} --help`);
      assertEquals({ code, stdout }, { code: 64, stdout: "" });
    });
  }

  Deno.test(`${name} --help prints the usage and exits 0`, async () => {
    assertEquals(await run(path, ["--help"]), {
      code: 0,
      stdout: `${helpText(usage)}\n`,
      stderr: "",
    });
  });

  Deno.test(`${name} --version prints the version and exits 0`, async () => {
    const { code, stdout, stderr } = await run(path, ["--version"]);
    assertEquals({ code, stderr }, { code: 0, stderr: "" });
    const version = RegExp.escape(`${name} ${config.version}`);
    assertMatch(stdout, new RegExp(`^${version} \\(Deno [0-9.]+\\)\n$`));
  });
}
