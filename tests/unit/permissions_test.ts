// Permissions of the command line and of deno.json.

import { assertEquals } from "@std/assert";
import {
  flagsOf,
  flagsOfSet,
  parsePermissions,
} from "../../unit/permissions.ts";

/** Arguments, and those that mean the same in the form of `flagsOf()`. */
const CASES: [args: string, normal: string][] = [
  ["", ""],
  ["--allow-env=A,B -E=C", "--allow-env=A,B,C"],
  ["--allow-env --allow-env=A", "--allow-env"],
  ["--allow-env=A --allow-env", "--allow-env"],
  ["-RN", "--allow-read --allow-net"],
  ["-W=/a -S=uid", "--allow-write=/a --allow-sys=uid"],
  [
    "--allow-read=here --allow-ffi=/x.so",
    `--allow-read=${Deno.cwd()}/here --allow-ffi=/x.so`,
  ],
  ["--allow-run=git,./own", `--allow-run=git,${Deno.cwd()}/own`],
  ["--deny-net=a --include=x", "--deny-net=a --include=x"],
  [
    "--allow-scripts=npm:x --unstable-kv",
    "--allow-scripts=npm:x --unstable-kv",
  ],
  ["-A --allow-env=A", "--allow-all"],
  ["--allow-all --allow-env=A", "--allow-all"],
];
for (const [args, normal] of CASES) {
  Deno.test(`the permissions of "${args}"`, () => {
    const split = args.split(" ").filter((arg) => arg !== "");
    const { permissions, others } = parsePermissions(split);
    assertEquals([...flagsOf(permissions), ...others].join(" "), normal);
    if (normal !== "--allow-all") return;
    assertEquals(Object.values(permissions), Array(8).fill(true));
  });
}

Deno.test("a permission set has the meaning that Deno gives it", () => {
  const set = {
    read: { allow: ["data", "/etc"], deny: ["data/secret"] },
    net: ["example.com"],
    env: { allow: true, ignore: ["HOME"] },
    run: false,
    sys: [],
    ffi: true,
  };
  assertEquals(flagsOfSet(set, "/srv/app"), [
    ...["--allow-read=/srv/app/data,/etc", "--deny-read=/srv/app/data/secret"],
    ...["--allow-net=example.com", "--allow-env", "--ignore-env=HOME"],
    "--allow-ffi",
  ]);
  assertEquals(flagsOfSet({ all: true }, "/"), ["--allow-all"]);
});
