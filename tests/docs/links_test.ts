// Links, files and commands in the pages exist.

import { assert, assertEquals } from "@std/assert";
import { dirname, join } from "node:path/posix";
import * as mod from "../../mod.ts";
import { run } from "../support/program.ts";
import { denoEnv } from "../support/script.ts";
import { page, quoted, REPOSITORY } from "./pages.ts";
import { files } from "./tree.ts";

const PAGES = files().filter((path) => path.endsWith(".md"));
const MAKEFILE = page("Makefile");

/** Returns the anchor that GitHub gives to a heading. */
function anchor(heading: string): string {
  return heading.toLowerCase().replace(/[^\w\- ]/g, "").replaceAll(" ", "-");
}

/** Returns the relative links of pages. */
function linksOf(paths: string[]) {
  return paths.flatMap((path) =>
    [...page(path).matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)/g)]
      .map(([, target, fragment]) => ({
        path,
        target: target === "" ? path : join(dirname(path), target!),
        fragment,
      }))
  );
}

Deno.test("links between the pages lead somewhere", () => {
  const links = linksOf(PAGES);
  assert(links.length > 5, `there are ${links.length} links`);
  for (const { path, target, fragment } of links) {
    assert(isThere(target), `${path}: there is no ${target}`);
    if (fragment === undefined) continue;
    const anchors = [...page(target).matchAll(/^#+ (.*)$/gm)].map((
      [, heading],
    ) => anchor(heading!));
    assert(
      anchors.includes(fragment),
      `${path}: no "${fragment}" in ${target}`,
    );
  }
});

Deno.test("links of published pages lead to published files", async () => {
  const { code, stderr } = await run(
    Deno.execPath(),
    ["publish", "--dry-run", "--allow-dirty"],
    { cwd: REPOSITORY, env: denoEnv() },
  );
  assertEquals(code, 0, stderr);
  const published = [...stderr.matchAll(/^ +(file:\S+) \(/gm)]
    .map(([, url]) => new URL(url!).pathname.slice(REPOSITORY.length));
  const pages = published.filter((path) => path.endsWith(".md"));
  assert(pages.includes("README.md"), stderr);
  for (const { path, target } of linksOf(pages)) {
    assert(
      published.some((file) =>
        file === target || file.startsWith(`${target}/`)
      ),
      `${path} links to ${target}, which is not published`,
    );
  }
});

Deno.test("README and CONTRIBUTING.md name no target of make that is not there", () => {
  const targets = new Set(
    [...MAKEFILE.matchAll(/^\.PHONY: (.*)$/gm)].flatMap(([, names]) =>
      names === "$(PACKAGES)"
        ? /^PACKAGES = (.*)$/m.exec(MAKEFILE)![1]!.split(" ")
        : names!.split(" ")
    ),
  );
  assert(targets.size > 10, [...targets].join());
  for (const path of ["README.md", "CONTRIBUTING.md"]) {
    const named = [
      ...page(path).matchAll(
        /(?:^|`|sudo |[A-Z]=\S+ )make ([a-z]+)(?=[\s`]|$)/gm,
      ),
    ]
      .map(([, target]) => target!);
    assertEquals(named.filter((target) => !targets.has(target)), [], path);
  }
});

Deno.test("CONTRIBUTING.md names no file, folder or step that is not there", () => {
  const text = page("CONTRIBUTING.md");
  const named = new Set([
    ...quoted(text),
    ...[...text.matchAll(/\btests\/[\w/.]+/g)].map(([path]) => path),
  ].filter((words) => /^(?!build\/)\.?[\w-]+\/[\w/.-]*$/.test(words)));
  assert(named.size > 5, [...named].join());
  for (const path of named) {
    assert(isThere(path), `CONTRIBUTING.md names ${path}, which is not there`);
  }
  const runner = page("tests/check");
  for (const [, steps] of text.matchAll(/SUITE=([a-z,-]+)/g)) {
    for (const step of steps!.split(",")) {
      assert(runner.includes(`step_${step}()`), `there is no step "${step}"`);
    }
  }
  for (const [, words] of text.matchAll(/ONLY='([^']+)'/g)) {
    const tests = files("tests/").filter((path) => path.endsWith("_test.ts"));
    const found = tests.filter((path) => page(path).includes(words!));
    assert(found.length > 0, `no test has "${words}" in its name`);
  }
});

Deno.test("docs/library.md lists every export", () => {
  const text = page("docs/library.md");
  const missing = Object.keys(mod).filter((name) =>
    name !== "escapeControl" && !new RegExp(`\`${name}\\b`).test(text)
  );
  assertEquals(missing, []);
});

function isThere(path: string): boolean {
  try {
    Deno.statSync(`${REPOSITORY}${path}`);
    return true;
  } catch {
    return false;
  }
}
