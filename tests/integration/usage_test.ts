// How both programs take their command lines: wrong ones exit 64 with one line, and do nothing.

import { assert, assertEquals, assertMatch } from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import { IPC_CLIENT, IPC_SERVER, run } from "../support/program.ts";
import { assertOneLine } from "./one_line.ts";

const WRONG_USAGE = 64;
const PROGRAMS = { "ipc-server": IPC_SERVER, "ipc-client": IPC_CLIENT };

/** Arguments, and the expected message. */
type Case = [args: string[], ...says: string[]];

const CASES: Record<keyof typeof PROGRAMS, Case[]> = {
  "ipc-server": [
    [["--no-such-option"], "--no-such-option"],
    [["--no-such-option=1"], "--no-such-option"],
    [["-x"], "-x"],
    [["stray"], "stray"],
    [["--", "stray"], "stray"],
    [["--name"], "--name"],
    [["--name="], "--name"],
    [["--name", "--quiet"], "--name"],
    [["--quiet=yes"], "--quiet"],
    [["--no-quiet"], "--no-quiet"],
    [["--drain-timeout"], "--drain-timeout"],
    [["--drain-timeout="], "--drain-timeout"],
    [["--drain-timeout", "soon"], "--drain-timeout", "soon"],
    [["--drain-timeout=-1s"], "--drain-timeout", "-1s"],
    [["--drain-timeout=1e3"], "--drain-timeout", "1e3"],
    [["--drain-timeout=1 s"], "--drain-timeout", "1 s"],
    [["--drain-timeout=Infinity"], "--drain-timeout", "Infinity"],
    [["--drain-timeout=99999999999s"], "--drain-timeout", "99999999999s"],
    [["__proto__"], "__proto__"],
    [["--__proto__=1"], "--__proto__"],
    [["two\nlines"], "two"],
  ],
  "ipc-client": [
    [[], "ADDRESS"],
    [["-unix"], "ADDRESS"],
    [["--"], "ADDRESS"],
    [["--count=3"], "ADDRESS"],
    [[""], `""`],
    [["-unix", ""], `""`],
    [["/a.socket", "/b.socket"], "/b.socket"],
    [["--no-such-option", "/a.socket"], "--no-such-option"],
    [["-x", "/a.socket"], "-x"],
    [["-unix=yes", "/a.socket"], "unix"],
    [["--no-unix", "/a.socket"], "--no-unix"],
    [["--interactive=yes", "/a.socket"], "--interactive"],
    [["--interactive", "--count=3", "/a.socket"], "--interactive", "--count"],
    [["--count"], "--count"],
    [["-count"], "--count"],
    [["--count=", "/a.socket"], "--count"],
    [["--count=ten", "/a.socket"], "--count", "ten"],
    [["--count=-1", "/a.socket"], "--count", "-1"],
    [["--count=1.5", "/a.socket"], "--count", "1.5"],
    [["--count=1e3", "/a.socket"], "--count", "1e3"],
    [["--count=99999999999999999999", "/a.socket"], "--count", "9999"],
    [["--interval=soon", "/a.socket"], "--interval", "soon"],
    [["--interval=-1s", "/a.socket"], "--interval", "-1s"],
    [["--interval=1d", "/a.socket"], "--interval", "1d"],
    [["--timeout=soon", "/a.socket"], "--timeout", "soon"],
    [["--timeout=", "/a.socket"], "--timeout"],
    [["--connect-timeout=soon", "/a.socket"], "--connect-timeout", "soon"],
    [["--bench", "--count=3", "/a.socket"], "--bench", "--count"],
    [["--size=3", "/a.socket"], "--size", "--bench"],
    [["--bench", "--size=0", "/a.socket"], "--size", `"0"`],
    [["--bench", "--duration=0", "/a.socket"], "--duration", `"0"`],
    [["@"], `"@"`],
    [["-unix", "@"], `"@"`],
    [["host:port"], "host:port"],
    [["host:"], `"host:"`],
    [[":80"], `":80"`],
    [["host:0"], "host:0"],
    [["host:65536"], "host:65536"],
    [["host:-1"], "host:-1"],
    [["::1:80"], "::1:80", "[::1]:80"],
    [["[::1]"], "[::1]"],
    [["[::1"], "[::1"],
    [["[]:80"], "[]:80"],
    [[`/${"x".repeat(107)}`], "108 bytes", "107"],
    [[`@${"x".repeat(108)}`], "108 bytes after the @", "107"],
    [["[fe80::1]:80"], "[fe80::1%eth0]:80"],
    [["http://localhost:80"], "tcp://HOST:PORT"],
    [[`/${"é".repeat(60)}`], "121 bytes"],
    [["two\nlines:x"], "two"],
  ],
};

for (const [name, path] of Object.entries(PROGRAMS)) {
  for (const [args, ...says] of CASES[name as keyof typeof PROGRAMS]) {
    Deno.test(`${name} ${JSON.stringify(args)} is wrong usage`, async () => {
      const { code, stdout, stderr } = await run(path, args);
      assertOneLine(name, stderr, ...says);
      assertEquals({ code, stdout }, { code: WRONG_USAGE, stdout: "" });
    });
  }

  Deno.test(`${name} --help prints the options and exits 0`, async () => {
    const { code, stdout, stderr } = await run(path, ["--help"]);
    assertEquals({ code, stderr }, { code: 0, stderr: "" });
    assertMatch(stdout, new RegExp(`^Usage: ${name} `));
    const options = name === "ipc-server"
      ? ["--name", "--quiet", "--drain-timeout"]
      : [
        ...["-unix", "--count", "--interval", "--interactive", "ADDRESS"],
        ...["--timeout", "--connect-timeout"],
      ];
    for (const option of [...options, "--help", "--version", "64"]) {
      assert(stdout.includes(option), `no ${option} in: ${stdout}`);
    }
  });

  Deno.test(`${name} --version prints name and version and exits 0`, async () => {
    const { code, stdout, stderr } = await run(path, ["--version"]);
    assertEquals({ code, stderr }, { code: 0, stderr: "" });
    assertMatch(stdout, /^[^\n]*\n$/);
    assert(stdout.startsWith(`${name} ${config.version}`), stdout);
  });
}
