import type { Option, ProgramUsage } from "../program_usage.ts";

/** Returns a completion for fish. */
export function fishCompletion(
  { name, options, operand }: ProgramUsage,
): string {
  const lines = Object.entries(options).map(([option, about]) =>
    `complete -c ${name} ${words(option, about)} -d ${quoted(about.help)}`
  );
  const addresses = `__${name.replaceAll("-", "_")}_addresses`;
  return `# fish completion for ${name}
complete -c ${name} -f
${lines.join("\n")}
${operand === undefined ? "" : sockets(name, addresses)}`;
}

function words(name: string, option: Option): string {
  if ("value" in option) return `-l ${name} -x`;
  if (option.oneDash) return `-o ${name} -l ${name}`;
  return option.letter === undefined
    ? `-l ${name}`
    : `-s ${option.letter} -l ${name}`;
}

function sockets(name: string, call: string): string {
  return `
# Sockets, and directories.
function ${call}
    for candidate in (__fish_complete_path (commandline -ct))
        set -l path (string split \\t -- $candidate)[1]
        set -l file (string replace -r '^~(?=/)' -- $HOME $path)
        if test -S $file -o -d $file
            echo $path
        end
    end
end
complete -c ${name} -a '(${call})'
`;
}

function quoted(text: string): string {
  return `'${text.replaceAll(/[\\']/g, "\\$&")}'`;
}
