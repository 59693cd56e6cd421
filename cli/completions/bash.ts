import { type ProgramUsage, writtenOption } from "../program_usage.ts";

/** The default directory of the executables, which `make install` replaces. */
const FOLDER = "/usr/libexec/ipc";

/** Returns a completion for bash, which needs no other package. */
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
  # bash splits --option=value into three words.
  if [[ $word == = ]]; then
    word=
  elif [[ $before == = ]]; then
    before=\${COMP_WORDS[COMP_CWORD - 2]}
  fi
  case $before in
  ${takeValue.join(" | ")}) return ;;
  esac
${operand === undefined ? flagsOnly(wordsOf) : flagsAndSockets(wordsOf)}}
# The second name is for the first use: bash-completion loads this file for the typed
# name, and bash then looks for a completion of that name.
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
  # Sockets, and directories.
  compopt -o filenames 2>/dev/null
  while IFS= read -r it; do
    [[ -S \${it/#\\~/$HOME} || -d \${it/#\\~/$HOME} ]] && COMPREPLY+=("$it")
  done < <(compgen -f -- "$word")
`;
}
