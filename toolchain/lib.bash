# Shared by the scripts of this folder: paths, messages, and the pinned files.
# shellcheck shell=bash disable=SC2034

toolchain=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname -- "$toolchain")
# All fetched and made files, in one folder that git ignores.
installed=$toolchain/installed

machine=$(uname -m)
case $machine in
aarch64) npm_machine=arm64 ;;
*) npm_machine=x64 ;;
esac
# Files in installed/, which the packages of npm/ bring. All supported
# releases of Deno need this version of esbuild.
pinned_deno=deno-$machine/node_modules/@deno/linux-$npm_machine-glibc/deno
esbuild=esbuild-$machine/node_modules/@esbuild/linux-$npm_machine/bin/esbuild
esbuild_version=0.25.5
std=deno-std/node_modules/deno-std

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

sha256_of() {
  sha256sum <"$1" | cut -c 1-64
}

# Whether FILE of installed/ has the checksum that is pinned for it.
is_pinned() {
  grep -qxF "$(sha256_of "$installed/$1")  $1" "$toolchain/checksums"
}

# Prints the checksum that is pinned for FILE of installed/.
checksum_of() {
  sed -n "s|^\([0-9a-f]*\)  $1\$|\1|p" "$toolchain/checksums"
}

# bring FILE...: installs the npm package of these files, unless they are there, and
# compares each with its pinned checksum.
bring() {
  local file name=${1%%/*}
  for file; do
    [ ! -e "$installed/$file" ] || is_pinned "$file" || {
      say "$(short "$installed/$file") is not the installed file: its sha256 is" \
        "another; it is fetched anew" >&2
      rm -rf -- "${installed:?}/$name"
    }
  done
  "$toolchain/npm_install" "npm/$name" || exit 1
  for file; do
    is_pinned "$file" || {
      say "$name is not what is pinned: the checksum of $file is wrong" >&2
      say "  expected sha256 $(checksum_of "$file")" >&2
      die "  found    sha256 $(sha256_of "$installed/$file")"
    }
  done
}

# bundler_cache DIRECTORY: makes a DENO_DIR with nothing but the pinned esbuild, where
# "deno bundle" looks for it. Deno runs a file that is there without checking it.
bundler_cache() {
  local folder=$1/dl/esbuild-$esbuild_version
  rm -rf -- "$1"
  mkdir -p -- "$folder"
  cp -- "$installed/$esbuild" "$folder/esbuild-linux-$npm_machine"
}

# In this environment "deno bundle" cannot download another bundler.
readonly no_download=(NPM_CONFIG_REGISTRY=http://127.0.0.1:1/)
