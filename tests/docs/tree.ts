/** The tree that docs/architecture.md describes. */

import { dirname, join } from "node:path/posix";
import { REPOSITORY } from "./pages.ts";

/** The entries of .gitignore: fetched or built, and no part of the tree. */
const IGNORED = Deno.readTextFileSync(`${REPOSITORY}.gitignore`).split("\n");

/** Returns every file below a folder, as its path from the root of the tree. */
export function files(folder = ""): string[] {
  return [...Deno.readDirSync(`${REPOSITORY}${folder}`)].flatMap((entry) => {
    const path = `${folder}${entry.name}`;
    if (entry.name.startsWith(".") || entry.name === "node_modules") return [];
    if (!entry.isDirectory) return [path];
    return IGNORED.includes(`/${path}/`) ? [] : files(`${path}/`);
  });
}

/** Returns the folders of the tree, and those in them: `tests/`, `tests/cli/`. */
export function folders(): Set<string> {
  return new Set(
    files().flatMap((path) => {
      const names = path.split("/").slice(0, -1);
      return [1, 2].filter((depth) => depth <= names.length)
        .map((depth) => `${names.slice(0, depth).join("/")}/`);
    }),
  );
}

/** An import of one file of the tree by another. */
export interface Import {
  from: string;
  to: string;
}

/** Returns every import within the tree, of types as well. */
export function imports(): Import[] {
  return files().filter((path) => path.endsWith(".ts")).flatMap((from) => {
    const text = Deno.readTextFileSync(`${REPOSITORY}${from}`);
    // Statements begin lines; imports of examples in comments do not.
    const specifiers = text.matchAll(
      /^(?:import|export)\b[^;"]*?"(\.[^"]+)"|\bimport\(\s*"(\.[^"]+)"/gm,
    );
    return [...specifiers].map(([, statement, call]) => ({
      from,
      to: join(dirname(from), (statement ?? call)!),
    }));
  });
}
