/**
 * The console blocks of README and docs/programs.md: commands and their output. Tests
 * run the commands and compare.
 */

import { assert } from "@std/assert";

/** Commands followed by their combined output. */
interface Transcript {
  /** As typed; lines that end with a backslash are joined. */
  commands: string[];
  /** Lines; `…` is one or more omitted lines. */
  shows: string[];
}

/** Commands for a machine with the units installed. */
export const MACHINE_COMMANDS = [
  "journalctl -o cat -t ipc-client",
  "journalctl -o cat -t ipc-server",
];

/** The command that makes a service of README's program. */
export const MAKE_SERVICE = "deno run -A ipc/unit/main.ts web.ts";

const PAGES = ["README.md", "docs/programs.md"];

/** Returns the transcripts in these pages, in order. */
function transcripts(): Transcript[] {
  return PAGES.flatMap((path) => {
    const page = new URL(`../../${path}`, import.meta.url);
    const blocks = Deno.readTextFileSync(page)
      .matchAll(/^```console\n(.*?)^```/gms);
    return [...blocks].flatMap(([, block]) => parseTranscripts(block!));
  });
}

/** Returns the transcript whose first command begins like this. */
export function transcript(command: string): Transcript {
  const found = transcripts().filter(({ commands }) =>
    commands[0]!.startsWith(command)
  );
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
