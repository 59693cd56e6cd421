import {
  type Option,
  type ProgramUsage,
  writtenDefault,
  writtenOption,
} from "./program_usage.ts";

const COLUMNS = 80;

/** Returns the output of `--help`, without the last newline. */
export function helpText(usage: ProgramUsage): string {
  const rows = Object.entries(usage.options).map(([name, option]) => ({
    left: `  ${leftSide(name, option)}  `,
    right: rightSide(option),
  }));
  const indent = Math.max(...rows.map(({ left }) => left.length));
  const options = rows.map(({ left, right }) =>
    left.padEnd(indent) +
    wrap(right, COLUMNS - indent).join(`\n${" ".repeat(indent)}`)
  );
  const exits = Object.entries(usage.exits)
    .map(([status, meaning]) => `${status} ${meaning}`);
  return `Usage: ${usage.name} ${usage.synopsis}

${usage.about}

Options:
${options.join("\n")}

${usage.notes}

${wrap(`Exit status: ${exits.join("; ")}.`, COLUMNS).join("\n")}`;
}

function leftSide(name: string, option: Option): string {
  const written = writtenOption(name, option);
  if ("value" in option) return `${written} ${option.value}`;
  return option.letter === undefined
    ? written
    : `-${option.letter}, ${written}`;
}

function rightSide(option: Option): string {
  const written = writtenDefault(option);
  if (written === undefined) return option.help;
  const note = `(default: ${written})`;
  return `${option.help} ${note.replaceAll(" ", NO_BREAK)}`;
}

/** A space at which a line must not end. */
const NO_BREAK = "\xa0";

/** Breaks text into lines of at most `columns` columns; longer words stay whole. */
export function wrap(text: string, columns: number): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1)!;
    if (line === "") lines[lines.length - 1] = word;
    else if (line.length + 1 + word.length > columns) lines.push(word);
    else lines[lines.length - 1] = `${line} ${word}`;
  }
  return lines.map((line) => line.replaceAll(NO_BREAK, " "));
}
