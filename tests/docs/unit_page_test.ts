// docs/unit.md and the table in unit/rules.ts, which it prints.

import { assert, assertEquals } from "@std/assert";
import { parsePermissions } from "../../unit/permissions.ts";
import { applyRules } from "../../unit/rules.ts";
import { page, tableRows } from "./pages.ts";

const HEAD = ["permission", "example", "directives", "limit"];

/** Returns the rules for permissions, as they apply to an example. */
function rules(example?: string) {
  const { permissions } = parsePermissions(example?.split(" ") ?? []);
  return applyRules({
    ...{ name: "web", permissions, type: "notify", listen: ["8000"] },
    ...{ executable: "/usr/local/bin/web", libraries: ["/lib/LIBRARIES"] },
    programs: permissions.run === true ? [] : permissions.run,
    ...{ jit: false, template: false },
  }).rules;
}

/** The rows of the table, from the rules. */
function rows(): string[][] {
  return rules().map(({ permission, example, limit }, index) => {
    const { lines } = rules(example)[index]!;
    assert(lines !== undefined, `"${permission}" does not apply`);
    const code = (text: string) => `\`${text}\``;
    return [
      ...[permission, example ? code(example) : ""],
      ...[lines!.map(code).join(", "), limit ?? ""],
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
