import { assert, assertEquals } from "@std/assert";
import { helpText } from "../../cli/help_text.ts";
import { CLIENT_USAGE } from "../../client/options.ts";
import { SERVER_USAGE } from "../../server/options.ts";

Deno.test("help: every section is in order", () => {
  const help = helpText({
    name: "cat",
    synopsis: "[options] FILE",
    about: "Shows a file.",
    options: {
      "all": { oneDash: true, help: "show all of it" },
      "pause": {
        value: "TIME",
        default: "0",
        defaultMeans: "none at all",
        help:
          "how long to wait between a line and the line that comes after it",
      },
      "help": { letter: "h", help: "print this help" },
    },
    notes: "Notes.",
    exits: { 0: "fine", 1: "not fine" },
  });
  assertEquals(
    help,
    `Usage: cat [options] FILE

Shows a file.

Options:
  -all          show all of it
  --pause TIME  how long to wait between a line and the line that comes after it
                (default: 0, none at all)
  -h, --help    print this help

Notes.

Exit status: 0 fine; 1 not fine.`,
  );
});

for (const usage of [SERVER_USAGE, CLIENT_USAGE]) {
  Deno.test(`help: that of ${usage.name} fits a terminal of 80 columns`, () => {
    for (const line of helpText(usage).split("\n")) {
      assert(line.length <= 80, `${line.length} columns: ${line}`);
      assertEquals(line, line.trimEnd());
    }
  });
}
