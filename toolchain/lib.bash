# Shared by the scripts of this folder: paths and messages.
# shellcheck shell=bash disable=SC2034

toolchain=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname -- "$toolchain")
# All fetched and made files, in one folder that git ignores.
installed=$toolchain/installed

say() {
  printf 'toolchain: %s\n' "$*"
}

die() {
  say "$@" >&2
  exit 1
}

# The path relative to the repository.
short() {
  printf '%s' "${1#"$root"/}"
}
