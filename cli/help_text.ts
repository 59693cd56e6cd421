import { type Option, writtenDefault, writtenOption } from "./option.ts";
import type { ProgramUsage } from "./program_usage.ts";
import { NO_BREAK, wrap } from "./wrap.ts";

const COLUMNS = 80;

/** Returns what `--help` prints, without the last newline. */
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
