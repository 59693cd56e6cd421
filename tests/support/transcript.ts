/**
 * The console blocks of README and docs/programs.md: commands and their output. Tests
 * run the commands and compare.
 */

import { assert } from "@std/assert";
import { REPOSITORY } from "./program.ts";

/** Commands followed by their combined output. */
interface Transcript {
  /** As typed; lines that end with a backslash are joined. */
  commands: string[];
  /** Lines; `…` is one or more omitted lines. */
  shows: string[];
}

/** Returns the transcript whose first command begins like this. */
export function transcript(command: string): Transcript {
  const pages = ["README.md", "docs/programs.md"].map((path) =>
    Deno.readTextFileSync(`${REPOSITORY}${path}`)
  ).join("");
  const found = [...pages.matchAll(/^```console\n(.*?)^```/gms)]
    .flatMap(([, block]) => parseTranscripts(block!))
    .filter(({ commands }) => commands[0]!.startsWith(command));
  assert(found.length === 1, `"${command}" is shown ${found.length} times`);
  return found[0]!;
}

/** Splits a console block: a command that shows something ends a transcript. */
function parseTranscripts(block: string): Transcript[] {
  const transcripts: Transcript[] = [];
  for (const line of block.replaceAll(/\\\n\s*/g, "").trimEnd().split("\n")) {
    const last = transcripts.at(-1);
    if (!line.startsWith("$ ")) last!.shows.push(line);
    else if (last?.shows.length === 0) last.commands.push(line.slice(2));
    else transcripts.push({ commands: [line.slice(2)], shows: [] });
  }
  return transcripts;
}

/** Checks that these are exactly the lines of a transcript. */
export function assertShown(
  shows: readonly string[],
  lines: readonly string[],
): void {
  const pattern = shows.map((line) =>
    line === "…" ? "(?:.*\n)+?" : `${RegExp.escape(line)}\n`
  ).join("");
  const text = lines.map((line) => `${line}\n`).join("");
  assert(
    new RegExp(`^${pattern}$`).test(text),
    `shown:\n${shows.join("\n")}\n\nbut there is:\n${text}`,
  );
}
