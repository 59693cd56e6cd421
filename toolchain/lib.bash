# Shared by the scripts of this folder: where things are, and how they speak.
# shellcheck shell=bash disable=SC2034

toolchain=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname -- "$toolchain")
# Everything that is fetched or made, in one folder that git ignores.
installed=$toolchain/installed

say() {
  printf 'toolchain: %s\n' "$*"
}

die() {
  say "$@" >&2
  exit 1
}

# The path as a person in the repository would write it.
short() {
  printf '%s' "${1#"$root"/}"
}
