import {
  type Option,
  type ProgramUsage,
  writtenOption,
} from "../program_usage.ts";

/** Returns a completion for the `fpath` of zsh. */
export function zshCompletion(usage: ProgramUsage): string {
  const specs = Object.entries(usage.options)
    .map(([name, option]) => spec(name, option));
  if (usage.operand !== undefined) {
    specs.push(`':${usage.operand}:_path_files -g "*(-=,-/)"'`);
  }
  return `#compdef ${usage.name}
_arguments -S \\
  ${specs.join(" \\\n  ")}
`;
}

function spec(name: string, option: Option): string {
  const about = `[${option.help.replaceAll(/[[\]\\:]/g, "\\$&")}]`;
  if ("value" in option) {
    return `${quoted(`--${name}=${about}:${option.value}: `)}`;
  }
  const forms = new Set([writtenOption(name, option), `--${name}`]);
  if (option.letter !== undefined) forms.add(`-${option.letter}`);
  if (forms.size === 1) return quoted(`--${name}${about}`);
  const all = [...forms];
  return `${quoted(`(${all.join(" ")})`)}{${all.join(",")}}${quoted(about)}`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
