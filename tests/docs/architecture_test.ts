// docs/architecture.md and the tree: the page names existing files, and existing files
// it names, and imports go the way of its arrows.

import { assert, assertEquals } from "@std/assert";
import { page, quoted, REPOSITORY, tableRows } from "./pages.ts";
import { files, folders, type Import, imports } from "./tree.ts";

const PAGE = page("docs/architecture.md");
const ARROWS = new Map(
  tableRows(PAGE, "of", "imports").map(([of, imported]) =>
    [quoted(of!)[0]!, quoted(imported!)] as const
  ),
);

/** The row of a file in the table of imports: its folder, or the file itself. */
function part(path: string): string {
  const [first, second, ...rest] = path.split("/");
  if (second === undefined) return path;
  const inner = `${first}/${second}/`;
  return rest.length > 0 && ARROWS.has(inner) ? inner : `${first}/`;
}

function written({ from, to }: Import): string {
  return `${from} imports ${to}`;
}

Deno.test("the architecture page names exactly the existing folders", () => {
  const named = new Set(
    quoted(PAGE).filter((words) => /^[\w.-]+\/([\w.-]+\/)*$/.test(words)),
  );
  assertEquals([...named].sort(), [...folders()].sort());
  const described = tableRows(PAGE, "folder", "content")
    .map(([folder]) => quoted(folder!)[0]!);
  const top = [...folders()].filter((folder) => folder.split("/").length === 2);
  assertEquals(described.toSorted(), top.sort());
});

Deno.test("the architecture page names no file that is not there", () => {
  const named = quoted(PAGE).filter((words) =>
    /^[\w/.-]+\.(ts|json)$/.test(words)
  );
  assert(named.length > 20, `it names ${named.length} files`);
  const there = new Set(files());
  assertEquals(named.filter((path) => !there.has(path)), []);
});

Deno.test("every folder imports what the architecture page says, and nothing else", () => {
  const wrong = new Set<string>();
  const used = new Map<string, Set<string>>();
  for (const one of imports()) {
    const [from, to] = [part(one.from), part(one.to)];
    if (from === to || from === "tests/") continue;
    if (!ARROWS.get(from)?.includes(to)) wrong.add(written(one));
    used.set(from, (used.get(from) ?? new Set()).add(to));
  }
  assertEquals([...wrong], []);
  for (const [from, allowed] of ARROWS) {
    if (from === "tests/") continue;
    assertEquals(allowed.toSorted(), [...used.get(from) ?? []].sort(), from);
  }
});

Deno.test("private modules are imported only where the architecture page says so", () => {
  const said = tableRows(PAGE, "private module", "also imported by", "why")
    .map(([module, by]) => `${quoted(module!)[0]} by ${quoted(by!)[0]}`);
  const found = imports()
    .filter(({ from, to }) =>
      /\/_\w+\.ts$/.test(to) && part(from) !== part(to) &&
      part(from) !== "tests/"
    )
    .map(({ from, to }) => `${to} by ${part(from)}`);
  assertEquals([...new Set(found)].sort(), said.toSorted());
});

Deno.test("the arrows of the architecture page lead to no circle", () => {
  assertNoCircle(new Map([...ARROWS].filter(([of]) => of !== "tests/")));
});

Deno.test("no modules import each other in a circle", () => {
  const graph = new Map<string, string[]>();
  for (const { from, to } of imports()) {
    graph.set(from, [...graph.get(from) ?? [], to]);
  }
  assert(graph.size > 100, `only ${graph.size} modules import anything`);
  assertNoCircle(graph);
});

Deno.test("the modules that adopt a descriptor import none of a higher layer", () => {
  const layers = new Map(
    tableRows(PAGE, "layer", "modules", "what they do").flatMap((
      [layer, modules],
    ) => quoted(modules!).map((path) => [path, Number(layer)] as const)),
  );
  assert(layers.size > 15, `the page has ${layers.size} modules in layers`);
  const wrong = imports().filter(({ from, to }) =>
    layers.has(from) && layers.has(to) && layers.get(to)! > layers.get(from)!
  );
  assertEquals(wrong.map(written), []);
});

Deno.test("only the modules that the architecture page names import packages", () => {
  const importing = files().filter((path) =>
    path.endsWith(".ts") && part(path) !== "tests/" &&
    /^import [^;]*"@std\//m.test(Deno.readTextFileSync(`${REPOSITORY}${path}`))
  );
  assertEquals(importing, ["cli/parse_options.ts"]);
});

/** Checks that these arrows form no cycle. */
function assertNoCircle(graph: ReadonlyMap<string, readonly string[]>): void {
  const finished = new Set<string>();
  const visit = (node: string, way: string[]) => {
    if (finished.has(node)) return;
    assert(!way.includes(node), `a circle: ${[...way, node].join(" → ")}`);
    for (const next of graph.get(node) ?? []) visit(next, [...way, node]);
    finished.add(node);
  };
  for (const node of graph.keys()) visit(node, []);
}
