/** The pages that tests compare with the tree. */

/** The checkout whose pages are under test. */
export const REPOSITORY = new URL("../../", import.meta.url).pathname;

/** Returns the text of a page. */
export function page(path: string): string {
  return Deno.readTextFileSync(`${REPOSITORY}${path}`);
}

/** Returns the rows of the table that has this head, as their cells' text. */
export function tableRows(text: string, ...head: string[]): string[][] {
  const lines = text.split("\n");
  const start = lines.findIndex((line) => cells(line).join() === head.join());
  if (start === -1) {
    throw new Error(`No table has the head ${head.join(" | ")}`);
  }
  const rows = lines.slice(start + 2);
  const end = rows.findIndex((line) => !line.startsWith("|"));
  return rows.slice(0, end === -1 ? undefined : end).map(cells);
}

/** Returns the text in backquotes. */
export function quoted(text: string): string[] {
  return [...text.matchAll(/`([^`\n]+)`/g)].map(([, words]) => words!);
}

function cells(line: string): string[] {
  return line.split("|").slice(1, -1).map((cell) => cell.trim());
}
