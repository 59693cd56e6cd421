// docs/architecture.md and the tree: the page names every folder, and no file that does
// not exist; and imports follow its tables.

import { assert, assertEquals } from "@std/assert";
import { files, imports, page, quoted, tableRows } from "./pages.ts";

const PAGE = page("docs/architecture.md");
const ALLOWED = new Map(
  tableRows(PAGE, "of", "imports").map(([of, imported]) =>
    [quoted(of!)[0]!, quoted(imported!)] as const
  ),
);
const IMPORTS = imports().map(({ from, to }) => ({
  ...{ from, to, fromPart: part(from), toPart: part(to) },
  text: `${from} imports ${to}`,
}));
const PRODUCT = IMPORTS.filter(({ fromPart }) => fromPart !== "tests/");

/** The row of a file in the table of imports: its folder, or the file itself. */
function part(path: string): string {
  const [first, second, ...rest] = path.split("/");
  if (second === undefined) return path;
  const inner = `${first}/${second}/`;
  return rest.length > 0 && ALLOWED.has(inner) ? inner : `${first}/`;
}

const unique = (texts: string[]) => [...new Set(texts)].sort();

Deno.test("the architecture page names exactly the existing folders", () => {
  const folders = unique(
    files().flatMap((path) =>
      [...path.matchAll(/\//g)].slice(0, 2)
        .map(({ index }) => path.slice(0, index + 1))
    ),
  );
  const named = quoted(PAGE).filter((words) => /^([\w.-]+\/)+$/.test(words));
  assertEquals(unique(named), folders);
  const described = tableRows(PAGE, "folder", "content")
    .map(([folder]) => quoted(folder!)[0]!);
  const top = folders.filter((folder) => folder.split("/").length === 2);
  assertEquals(described.toSorted(), top);
});

Deno.test("the architecture page names no file that is not there", () => {
  const named = quoted(PAGE).filter((it) => /^[\w/.-]+\.(ts|json)$/.test(it));
  assert(named.length > 20, `it names ${named.length} files`);
  const there = new Set(files());
  assertEquals(named.filter((path) => !there.has(path)), []);
});

Deno.test("every folder imports what the architecture page says, and nothing else", () => {
  const across = PRODUCT.filter(({ fromPart, toPart }) => fromPart !== toPart);
  for (const { fromPart, toPart, text } of across) {
    assert(ALLOWED.get(fromPart)?.includes(toPart), text);
  }
  for (const [from, allowed] of ALLOWED) {
    if (from === "tests/") continue;
    const used = across.filter(({ fromPart }) => fromPart === from);
    assertEquals(unique(used.map(({ toPart }) => toPart)), unique(allowed));
  }
  const listed = tableRows(PAGE, "private module", "also imported by", "why")
    .map(([module, by]) => `${quoted(module!)[0]} by ${quoted(by!)[0]}`);
  const found = across.filter(({ to }) => /\/_\w+\.ts$/.test(to))
    .map(({ to, fromPart }) => `${to} by ${fromPart}`);
  assertEquals(unique(found), listed.toSorted());
});

Deno.test("neither modules nor folders import each other in a cycle", () => {
  assertNoCircle(new Map([...ALLOWED].filter(([of]) => of !== "tests/")));
  const byFile = Map.groupBy(IMPORTS, ({ from }) => from);
  assert(byFile.size > 100, `only ${byFile.size} modules import anything`);
  assertNoCircle(
    new Map([...byFile].map(([from, all]) => [from, all.map(({ to }) => to)])),
  );
});

/** Checks that these imports form no cycle. */
function assertNoCircle(graph: ReadonlyMap<string, readonly string[]>): void {
  const finished = new Set<string>();
  const visit = (node: string, way: string[]) => {
    if (finished.has(node)) return;
    assert(!way.includes(node), `a cycle: ${[...way, node].join(" → ")}`);
    for (const next of graph.get(node) ?? []) visit(next, [...way, node]);
    finished.add(node);
  };
  for (const node of graph.keys()) visit(node, []);
}

Deno.test("the modules that adopt a descriptor import none of a higher layer", () => {
  const layers = new Map(
    tableRows(PAGE, "layer", "modules", "what they do").flatMap((
      [layer, modules],
    ) => quoted(modules!).map((path) => [path, Number(layer)] as const)),
  );
  assert(layers.size > 15, `the page has ${layers.size} modules in layers`);
  for (const { from, to, text } of IMPORTS) {
    assertEquals(layers.get(to)! > layers.get(from)!, false, text);
  }
});

Deno.test("only the modules that the architecture page names import packages", () => {
  const importing = files().filter((path) =>
    /^(?!tests\/).*\.ts$/.test(path) && /^import [^;]*"@std\//m.test(page(path))
  );
  assertEquals(importing, ["cli/parse_options.ts"]);
});
