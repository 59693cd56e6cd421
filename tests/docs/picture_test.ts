// The picture of README, and its text for readers who cannot see it.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { page } from "./pages.ts";

const PATH = "docs/activation.svg";
const SVG = page(PATH);

Deno.test("README shows the picture, with alternative text", () => {
  const [, alternative] = /^!\[([^\]]+)\]\(docs\/activation\.svg\)$/m.exec(
    page("README.md"),
  ) ?? [];
  assert(alternative !== undefined && alternative.length > 100, alternative);
});

Deno.test("the picture has a title and a description", () => {
  const labels = /aria-labelledby="([^"]+)"/.exec(SVG)?.[1]?.split(" ") ?? [];
  assertEquals(labels, ["title", "desc"]);
  for (const label of labels) {
    const element = new RegExp(
      `<${label}\\s+id="${label}"\\s*>[^<]{20,}</${label}>`,
    );
    assert(element.test(SVG), `<${label}> is missing`);
  }
  assert(/<svg[^>]*\srole="img"/.test(SVG));
});

Deno.test("every colour of the picture has one for dark pages", () => {
  const [light, dark = ""] = SVG.split("@media (prefers-color-scheme: dark)");
  assert(dark !== "", "there are no colours for dark pages");
  const coloured = (css: string) =>
    [...css.matchAll(/([.\w, ]+)\{([^{}]*)\}/g)].flatMap(([, names, rules]) =>
      [...rules!.matchAll(/\b(fill|stroke):\s*#/g)].flatMap(([, property]) =>
        names!.split(",").map((name) => `${name.trim()} ${property}`)
      )
    );
  const styles = coloured(light!);
  assert(styles.length > 5, `${styles}`);
  assertEquals(coloured(dark).sort(), styles.sort());
  assertEquals(/(fill|stroke)="#/.exec(SVG), null);
});

Deno.test("the picture is small, and loads and runs nothing", () => {
  assert(new TextEncoder().encode(SVG).length < 15_000, "it has grown");
  assertEquals(
    /<script|<image|<foreignObject|@import|@font-face|\bhref=/.exec(SVG),
    null,
  );
  const addresses = [...SVG.matchAll(/\bhttps?:[^"\s]*|url\((?!#)[^)]*\)/g)];
  assertEquals(addresses.map(([found]) => found), [
    "http://www.w3.org/2000/svg",
  ]);
});

Deno.test("the picture names the variables and the socket", () => {
  for (
    const name of [
      ...["LISTEN_PID=", "LISTEN_FDS=1", "LISTEN_FDNAMES=", "READY=1", "fd 3"],
      ...["ipc-server.socket", "/run/ipc-server/job.socket"],
    ]
  ) {
    assertStringIncludes(SVG.split("</style>")[1]!, name);
  }
});
