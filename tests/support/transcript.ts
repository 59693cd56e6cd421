/**
 * The console blocks of README: commands, and what they show. Tests run the
 * commands and compare.
 */

import { assert } from "@std/assert";

/** Commands that are followed by what they show, all together. */
export interface Transcript {
  /** As somebody types them; lines that end with a backslash are joined. */
  commands: string[];
  /** Lines; `…` stands for some that are left out, at least one. */
  shows: string[];
}

/** Commands of README that show what they do on a machine with the units. */
export const MACHINE_COMMANDS = [
  "journalctl -o cat -t ipc-client",
  "journalctl -o cat -t ipc-server",
];

/** Returns the transcripts in README, in order. */
export function readmeTranscripts(): Transcript[] {
  const readme = new URL("../../README.md", import.meta.url);
  const blocks = Deno.readTextFileSync(readme)
    .matchAll(/^```console\n(.*?)^```/gms);
  return [...blocks].flatMap(([, block]) => parseTranscripts(block!));
}

/** Returns the transcript in README whose first command begins like this. */
export function readmeTranscript(command: string): Transcript {
  const found = readmeTranscripts().filter(({ commands }) =>
    commands[0]!.startsWith(command)
  );
  assert(found.length === 1, `README shows "${command}" ${found.length} times`);
  return found[0]!;
}

/** Splits a console block: a command that shows something ends a transcript. */
export function parseTranscripts(block: string): Transcript[] {
  const transcripts: Transcript[] = [];
  for (const line of block.replaceAll(/\\\n\s*/g, "").trimEnd().split("\n")) {
    const last = transcripts.at(-1);
    if (!line.startsWith("$ ")) last!.shows.push(line);
    else if (last?.shows.length === 0) last.commands.push(line.slice(2));
    else transcripts.push({ commands: [line.slice(2)], shows: [] });
  }
  return transcripts;
}

/** Checks that these are the lines that a transcript shows, with none beside them. */
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
    `README shows:\n${shows.join("\n")}\n\nbut there is:\n${text}`,
  );
}
