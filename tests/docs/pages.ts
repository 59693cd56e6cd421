/** The pages that tests compare with the tree, and the tree. */

import { dirname, join } from "node:path/posix";
import { REPOSITORY } from "../support/program.ts";

/** Returns the text of a page. */
export function page(path: string): string {
  return Deno.readTextFileSync(`${REPOSITORY}${path}`);
}

/** Returns the rows of the table that has this head, as their cells' text. */
export function tableRows(text: string, ...head: string[]): string[][] {
  const cells = (line: string) =>
    line.split("|").slice(1, -1).map((cell) => cell.trim());
  const lines = text.split("\n");
  const start = lines.findIndex((line) => cells(line).join() === head.join());
  if (start === -1) throw new Error(`No table has the head ${head}`);
  const rows = lines.slice(start + 2);
  const end = rows.findIndex((line) => !line.startsWith("|"));
  return rows.slice(0, end === -1 ? undefined : end).map(cells);
}

/** Returns the text in backquotes. */
export function quoted(text: string): string[] {
  return [...text.matchAll(/`([^`\n]+)`/g)].map(([, words]) => words!);
}

/** Returns the examples of a file in a language, without the comment characters. */
export function examples(path: string, language = "ts"): string[] {
  const text = page(path).replaceAll(/^ \* ?/gm, "");
  const block = new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, "gms");
  return [...text.matchAll(block)].map(([, code]) => code!);
}

/** The entries of .gitignore: fetched or built, and no part of the tree. */
const IGNORED = page(".gitignore").split("\n");

/** Returns every file below a folder, as its path from the root of the tree. */
export function files(folder = ""): string[] {
  return [...Deno.readDirSync(`${REPOSITORY}${folder}`)].flatMap((entry) => {
    const path = `${folder}${entry.name}`;
    if (entry.name.startsWith(".") || entry.name === "node_modules") return [];
    if (!entry.isDirectory) return [path];
    return IGNORED.includes(`/${path}/`) ? [] : files(`${path}/`);
  });
}

/** Returns every import within the tree, of types as well. */
export function imports(): { from: string; to: string }[] {
  return files().filter((path) => path.endsWith(".ts")).flatMap((from) => {
    // Statements begin lines; imports of examples in comments do not.
    const specifiers = page(from).matchAll(
      /^(?:import|export)\b[^;"]*?"(\.[^"]+)"|\bimport\(\s*"(\.[^"]+)"/gm,
    );
    return [...specifiers].map(([, statement, call]) => ({
      from,
      to: join(dirname(from), (statement ?? call)!),
    }));
  });
}
