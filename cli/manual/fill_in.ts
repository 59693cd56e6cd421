import {
  type Option,
  type ProgramUsage,
  writtenDefault,
} from "../program_usage.ts";
import { wrap } from "../help_text.ts";
import { RUNTIME_FAILURES } from "./runtime_failures.ts";

/** The longest line that the linter of mdoc(7) accepts. */
const COLUMNS = 80;

/**
 * Fills in the template of a page in mdoc(7).
 *
 * - `@VERSION@`: the version.
 * - `@SYNOPSIS`: the options and the operand, as on a command line.
 * - `@OPTIONS` to `@END`: entries for all options. Between the two, the lines after
 *   `@OPTION NAME` are added to the entry of that option.
 * - `@EXITS`: entries for the exit statuses.
 * - `@DIAGNOSTICS`: entries for the errors that the runtime reports itself.
 *
 * @param usage The program of the page, if any.
 * @throws {Error} The template names an unknown option.
 */
export function fillIn(
  template: string,
  usage: ProgramUsage | undefined,
  version: string,
): string {
  const page = template.replaceAll("@VERSION@", version);
  return usage === undefined ? page : page
    .replace(/^@DIAGNOSTICS$/m, diagnostics)
    .replace(/^@SYNOPSIS$/m, () => synopsis(usage))
    .replace(
      /^@OPTIONS\n(.*?)^@END$/ms,
      (_, added) => options(usage, additions(added)),
    )
    .replace(/^@EXITS$/m, () => exits(usage));
}

function synopsis({ options, operand }: ProgramUsage): string {
  const words = Object.entries(options)
    .map(([name, option]) =>
      `.Op ${withValue(mainForm(name, option), option)}`
    );
  return [...words, ...operand === undefined ? [] : [`.Ar ${operand}`]]
    .join("\n");
}

function additions(text: string): Map<string, string> {
  const parts = text.matchAll(/^@OPTION (.*)\n((?:[^@].*\n)*)/gm);
  return new Map(
    Array.from(parts, ([, name, more]) => [name!, more!.trimEnd()]),
  );
}

function options(usage: ProgramUsage, added: Map<string, string>): string {
  for (const name of added.keys()) {
    if (!Object.hasOwn(usage.options, name)) {
      throw new Error(
        `Cannot fill in the manual: "${name}" is not an option of ${usage.name}`,
      );
    }
  }
  return Object.entries(usage.options).flatMap(([name, option]) => [
    `.It ${withValue(allForms(name, option), option)}`,
    sentence(option.help),
    ...byDefault(option),
    ...added.has(name) ? [added.get(name)!] : [],
  ]).join("\n");
}

function byDefault(option: Option): string[] {
  const written = writtenDefault(option);
  return written === undefined ? [] : [`The default is ${plain(written)}.`];
}

function exits({ exits }: ProgramUsage): string {
  return Object.entries(exits)
    .map(([status, meaning]) => `.It ${status}\n${sentence(meaning)}`)
    .join("\n");
}

function diagnostics(): string {
  return RUNTIME_FAILURES.map(({ message, explanation }) =>
    `.It ${plain(message)}\n${sentences(explanation)}`
  ).join("\n");
}

/** `Fl -name`: mdoc adds the first dash. */
function mainForm(name: string, option: Option): string {
  return "oneDash" in option ? `Fl ${name}` : `Fl -${name}`;
}

function allForms(name: string, option: Option): string {
  if ("oneDash" in option) return `Fl ${name} , Fl -${name}`;
  if ("letter" in option) return `Fl ${option.letter} , Fl -${name}`;
  return mainForm(name, option);
}

function withValue(form: string, option: Option): string {
  return "value" in option ? `${form} Ar ${option.value}` : form;
}

/** A clause as a sentence: `wrong usage` as `Wrong usage.` */
function sentence(clause: string): string {
  return sentences(`${clause.slice(0, 1).toUpperCase()}${clause.slice(1)}.`);
}

/** Starts each sentence on a new line, as mdoc requires. */
function sentences(text: string): string {
  return text.split(/(?<=\.) (?=[A-Z])/)
    .map((sentence) => wrap(plain(sentence), COLUMNS).join("\n")).join("\n");
}

/** Escapes text for mdoc; dashes stay ASCII. */
function plain(text: string): string {
  return text.replaceAll("\\", "\\e").replaceAll("-", "\\-")
    .replaceAll(/(?<=^| )(?=[.'])/g, "\\&");
}
