// Links, files and commands in the pages exist.

import { assert, assertEquals } from "@std/assert";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path/posix";
import * as mod from "../../mod.ts";
import { REPOSITORY, run } from "../support/program.ts";
import { denoEnv } from "../support/script.ts";
import { files, page, quoted } from "./pages.ts";

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
  const links = linksOf(files().filter((path) => path.endsWith(".md")));
  assert(links.length > 5, `there are ${links.length} links`);
  for (const { path, target, fragment } of links) {
    assert(isThere(target), `${path}: there is no ${target}`);
    if (fragment === undefined) continue;
    // The anchors that GitHub gives to headings.
    const anchors = [...page(target).matchAll(/^#+ (.*)$/gm)].map(([, text]) =>
      text!.toLowerCase().replace(/[^\w\- ]/g, "").replaceAll(" ", "-")
    );
    assert(anchors.includes(fragment), `${path}: no #${fragment} in ${target}`);
  }
});

Deno.test("links of published pages lead to published files", async () => {
  const args = ["publish", "--dry-run", "--allow-dirty"];
  const options = { cwd: REPOSITORY, env: denoEnv() };
  const { code, stderr } = await run(Deno.execPath(), args, options);
  assertEquals(code, 0, stderr);
  const published = [...stderr.matchAll(/^ +(file:\S+) \(/gm)]
    .map(([, url]) => new URL(url!).pathname.slice(REPOSITORY.length));
  const pages = published.filter((path) => path.endsWith(".md"));
  assert(pages.includes("README.md"), stderr);
  const broken = linksOf(pages).filter(({ target }) =>
    !published.some((file) => `${file}/`.startsWith(`${target}/`))
  );
  assertEquals(broken, []);
});

Deno.test("README and CONTRIBUTING.md name no target of make that is not there", () => {
  const makefile = page("Makefile");
  const targets = [...makefile.matchAll(/^(?:\.PHONY:|PACKAGES =) (.*)$/gm)]
    .flatMap(([, names]) => names!.split(" "));
  assert(targets.length > 10, targets.join());
  const named = (page("README.md") + page("CONTRIBUTING.md")).matchAll(
    /(?:^|`|sudo |[A-Z]=\S+ )make ([a-z]+)(?=[\s`]|$)/gm,
  );
  const wrong = [...named].filter(([, target]) => !targets.includes(target!));
  assertEquals(wrong.map(([words]) => words), []);
});

Deno.test("CONTRIBUTING.md names no file, folder or step that is not there", () => {
  const text = page("CONTRIBUTING.md");
  const paths = [...quoted(text), ...text.match(/\btests\/[\w/.]+/g) ?? []]
    .filter((words) => /^(?!build\/)\.?[\w-]+\/[\w/.-]*$/.test(words));
  assert(paths.length > 5, paths.join());
  assertEquals(paths.filter((path) => !isThere(path)), []);
  const steps = [...text.matchAll(/SUITE=([a-z,-]+)/g)]
    .flatMap(([, names]) => names!.split(","));
  const runner = page("tests/check");
  assertEquals(steps.filter((name) => !runner.includes(`step_${name}()`)), []);
});

Deno.test("docs/library.md lists every export", () => {
  const text = page("docs/library.md");
  const missing = Object.keys(mod).filter((name) =>
    name !== "escapeControl" && !new RegExp(`\`${name}\\b`).test(text)
  );
  assertEquals(missing, []);
});

function isThere(path: string): boolean {
  return existsSync(`${REPOSITORY}${path}`);
}
