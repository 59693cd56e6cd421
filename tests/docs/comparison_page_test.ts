// docs/comparison.md: complete in both directions.

import { assert, assertEquals } from "@std/assert";
import * as mod from "../../mod.ts";
import { page, tableRows } from "./pages.ts";

const PAGE = page("docs/comparison.md");
const ROWS = PAGE.split(/^## /m).filter((part) => part.includes("\n| ---"))
  .flatMap((part) => tableRows(part, "function", "here"));

/** The names in backquotes that look like calls: `notify()`. */
const calls = (text: string) =>
  [...text.matchAll(/`(\w+)\(\)`/g)].map(([, name]) => name!);

Deno.test("each function of the comparison has a counterpart, or a reason", () => {
  assert(ROWS.length > 25, `${ROWS.length} rows`);
  for (const [theirs, ours] of ROWS) {
    assert(
      calls(ours!).length > 0 || /^not possible: \w/.test(ours!) ||
        ours === "not possible for the same reason",
      `${theirs}: ${ours}`,
    );
  }
});

Deno.test("the comparison names all exports, and no others", () => {
  const exported = Object.keys(mod).sort();
  const named = new Set(calls(PAGE));
  for (const [, name] of PAGE.matchAll(/`(\w+Error)`/g)) named.add(name!);
  assertEquals([...named].sort(), exported);
});

const HEADERS: [header: string, functions: RegExp][] = [
  ["sd-daemon.h", /\bsd_[a-z_]+(?=\()/g],
  [
    "sd-journal.h",
    /\bsd_journal_(?:print|send|perror|stream)[a-z_]*(?=\()/g,
  ],
];
for (const [header, functions] of HEADERS) {
  Deno.test(`the comparison has the functions of ${header}`, async () => {
    const source = await Deno.readTextFile(`/usr/include/systemd/${header}`);
    const declared = new Set(source.match(functions));
    assert(declared.size > 5, `${declared.size} functions`);
    const missing = [...declared].filter((name) =>
      !PAGE.includes(`\`${name.replace(/_with_location$/, "")}\``)
    );
    assertEquals(missing, []);
  });
}
