import { writtenOption } from "../option.ts";
import type { ProgramUsage } from "../program_usage.ts";

/** Where the executables are; `make install` puts another place here as it must. */
const FOLDER = "/usr/libexec/ipc";

/** Returns a completion for bash, which needs nothing but bash itself. */
export function bashCompletion(usage: ProgramUsage): string {
  const { name, options, operand } = usage;
  const call = `_${name.replaceAll("-", "_")}`;
  const words = new Set<string>();
  const takeValue: string[] = [];
  for (const [option, about] of Object.entries(options)) {
    if ("letter" in about) words.add(`-${about.letter}`);
    words.add(writtenOption(option, about)).add(`--${option}`);
    if ("value" in about) takeValue.push(`--${option}`, `-${option}`);
  }
  const wordsOf = `mapfile -t COMPREPLY < <(compgen -W '${
    [...words].join(" ")
  }' -- "$word")`;
  return `# bash completion for ${name}
${call}() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD - 1]}
  COMPREPLY=()
  # bash takes --option=value for three words.
  if [[ $word == = ]]; then
    word=
  elif [[ $before == = ]]; then
    before=\${COMP_WORDS[COMP_CWORD - 2]}
  fi
  case $before in
  ${takeValue.join(" | ")}) return ;;
  esac
${operand === undefined ? flagsOnly(wordsOf) : flagsAndSockets(wordsOf)}}
# The second name is for the first use: bash-completion loads this file when it
# does not know the name that was typed, and bash then asks for just that name.
complete -F ${call} ${name} ${FOLDER}/${name}
`;
}

function flagsOnly(words: string): string {
  return `  ${words}
`;
}

function flagsAndSockets(words: string): string {
  return `  local it
  for it in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    [[ $it != -- ]] || break
  done
  if [[ $word == -* && $it != -- ]]; then
    ${words}
    return
  fi
  # Sockets, and the directories on the way to them.
  compopt -o filenames 2>/dev/null
  while IFS= read -r it; do
    [[ -S \${it/#\\~/$HOME} || -d \${it/#\\~/$HOME} ]] && COMPREPLY+=("$it")
  done < <(compgen -f -- "$word")
`;
}
