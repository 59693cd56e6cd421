// docs/unit.md and the table in unit/rules.ts, which it prints.

import { assert, assertEquals } from "@std/assert";
import { parsePermissions } from "../../unit/permissions.ts";
import { factsOf, RULES } from "../../unit/rules.ts";
import { page, tableRows } from "./pages.ts";

const HEAD = ["permission", "example", "directives", "limit"];

/** The rows of the table, from the rules. */
function rows(): string[][] {
  return RULES.map((rule) => {
    const { permissions } = parsePermissions(rule.example?.split(" ") ?? []);
    const run = permissions.run === true ? [] : permissions.run;
    const lines = rule.lines(factsOf({
      ...{ name: "web", permissions, type: "notify", listen: ["8000"] },
      ...{ executable: "/usr/local/bin/web", libraries: ["/lib/LIBRARIES"] },
      ...{ programs: run, jit: false, template: false },
    }));
    assert(lines !== undefined, `"${rule.permission}" does not apply`);
    return [
      rule.permission,
      rule.example === undefined ? "" : `\`${rule.example}\``,
      lines!.map((line) => `\`${line}\``).join(", "),
      rule.limit ?? "",
    ];
  });
}

Deno.test("docs/unit.md has the table of permissions and directives", () => {
  const table = [HEAD, HEAD.map(() => "---"), ...rows()]
    .map((cells) => `| ${cells.join(" | ")} |`).join("\n");
  assertEquals(
    tableRows(page("docs/unit.md"), ...HEAD),
    rows(),
    `The table should be:\n${table}`,
  );
});
