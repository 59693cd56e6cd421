import { type Option, writtenDefault } from "../cli/option.ts";
import type { ProgramUsage } from "../cli/program_usage.ts";
import { wrap } from "../cli/wrap.ts";
import { RUNTIME_FAILURES } from "./runtime_failures.ts";

/** No line of mdoc is longer, as its linter wants it. */
const COLUMNS = 80;

/** What a template gets besides what is told of its program. */
export interface Edition {
  version: string;
  /** The date that the page bears; that of the template when there is none. */
  date?: Date;
}

/**
 * Fills in the template of a page: mdoc(7), with these lines replaced.
 *
 * - `@SYNOPSIS`: the options and the operand, as on a command line.
 * - `@OPTIONS` to `@END`: entries for all options. What follows `@OPTION NAME`
 *   between the two is added to the entry of that option.
 * - `@EXITS`: entries for the exit statuses.
 * - `@DIAGNOSTICS`: entries for the faults that the runtime reports itself.
 *
 * @param usage The program that the page is about, if it is about one.
 * @throws {Error} The template names what there is not.
 */
export function fillIn(
  template: string,
  usage: ProgramUsage | undefined,
  { version, date }: Edition,
): string {
  const dated = date === undefined
    ? template
    : template.replace(/^\.Dd .*$/m, `.Dd ${inWords(date)}`);
  const page = dated.replaceAll("@VERSION@", version);
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
        `The manual tells more of "${name}", which is no option of ${usage.name}`,
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

/** `Fl -name`: mdoc itself puts a dash before it. */
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

/** Each begins a line, as mdoc wants it. */
function sentences(text: string): string {
  return text.split(/(?<=\.) (?=[A-Z])/)
    .map((sentence) => wrap(plain(sentence), COLUMNS).join("\n")).join("\n");
}

/** Text that is nothing but text for mdoc; the dashes of options stay dashes. */
function plain(text: string): string {
  return text.replaceAll("\\", "\\e").replaceAll("-", "\\-")
    .replaceAll(/(?<=^| )(?=[.'])/g, "\\&");
}

function inWords(date: Date): string {
  return date.toLocaleDateString("en-US", {
    dateStyle: "long",
    timeZone: "UTC",
  });
}
