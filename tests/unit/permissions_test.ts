// Permissions of the command line and of deno.json.

import { assertEquals } from "@std/assert";
import {
  flagsOf,
  flagsOfSet,
  parsePermissions,
} from "../../unit/permissions.ts";

/** Returns the arguments in the form of `flagsOf()`, and the others. */
function normal(...args: string[]): string[] {
  const { permissions, others } = parsePermissions(args);
  return [...flagsOf(permissions), ...others];
}

const CASES: [args: string[], normal: string[]][] = [
  [[], []],
  [["--allow-env=A,B", "-E=C"], ["--allow-env=A,B,C"]],
  [["--allow-env", "--allow-env=A"], ["--allow-env"]],
  [["--allow-env=A", "--allow-env"], ["--allow-env"]],
  [["-RN"], ["--allow-read", "--allow-net"]],
  [["-W=/a", "-S=uid"], ["--allow-write=/a", "--allow-sys=uid"]],
  [["--allow-read=here", "--allow-ffi=/x.so"], [
    ...[`--allow-read=${Deno.cwd()}/here`, "--allow-ffi=/x.so"],
  ]],
  [["--allow-run=git,/usr/bin/env"], ["--allow-run=git,/usr/bin/env"]],
  [["--deny-net=a", "--include=x", "--unstable-kv"], [
    ...["--deny-net=a", "--include=x", "--unstable-kv"],
  ]],
  [["--allow-scripts=npm:x"], ["--allow-scripts=npm:x"]],
];

for (const [args, expected] of CASES) {
  Deno.test(`the permissions of "${args.join(" ")}"`, () =>
    assertEquals(normal(...args), expected));
}

Deno.test("-A and --allow-all are all permissions", () => {
  for (const arg of ["-A", "--allow-all"]) {
    assertEquals(normal(arg, "--allow-env=A"), ["--allow-all"]);
    const { permissions } = parsePermissions([arg]);
    assertEquals(Object.values(permissions), Array(8).fill(true));
  }
});

Deno.test("a permission set has the meaning that Deno gives it", () => {
  const set = {
    read: { allow: ["data", "/etc"], deny: ["data/secret"] },
    net: ["example.com"],
    env: true,
    run: false,
    sys: [],
    ffi: { ignore: true },
  };
  assertEquals(flagsOfSet(set, "/srv/app"), [
    ...["--allow-read=/srv/app/data,/etc", "--deny-read=/srv/app/data/secret"],
    ...["--allow-net=example.com", "--allow-env", "--ignore-ffi"],
  ]);
  assertEquals(flagsOfSet({ all: true }, "/"), ["--allow-all"]);
});
