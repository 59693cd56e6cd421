import { assertEquals, assertThrows } from "@std/assert";
import type { ProgramUsage } from "../../../cli/program_usage.ts";
import { fillIn } from "../../../cli/manual/fill_in.ts";

const USAGE: ProgramUsage = {
  name: "cat",
  synopsis: "[options] ADDRESS",
  operand: "ADDRESS",
  about: "",
  notes: "",
  options: {
    "all": { oneDash: true, help: "show all, also .hidden and back\\slashes" },
    "pause": {
      value: "TIME",
      default: "0",
      defaultMeans: "never",
      help: "as --wait of other programs",
    },
    "help": { letter: "h", help: "print this help" },
  },
  exits: { 0: "fine", 1: "not fine" },
};

Deno.test("manual: the version is filled in", () => {
  assertEquals(
    fillIn(".Os cat @VERSION@\n", undefined, "1.2.3"),
    ".Os cat 1.2.3\n",
  );
});

Deno.test("manual: synopsis, options and exit statuses come from the program", () => {
  const template = `@SYNOPSIS
.Bl
@OPTIONS
@OPTION pause
More of it.
Even more.
@END
.El
@EXITS
`;
  assertEquals(
    fillIn(template, USAGE, "1.2.3"),
    `.Op Fl all
.Op Fl -pause Ar TIME
.Op Fl -help
.Ar ADDRESS
.Bl
.It Fl all , Fl -all
Show all, also \\&.hidden and back\\eslashes.
.It Fl -pause Ar TIME
As \\-\\-wait of other programs.
The default is 0, never.
More of it.
Even more.
.It Fl h , Fl -help
Print this help.
.El
.It 0
Fine.
.It 1
Not fine.
`,
  );
});

Deno.test("manual: an unknown option is refused", () => {
  assertThrows(
    () => fillIn("@OPTIONS\n@OPTION nope\nMore.\n@END\n", USAGE, "1.2.3"),
    Error,
    '"nope" is not an option of cat',
  );
});
