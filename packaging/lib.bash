# What the package scripts share; they source it and then stand in the top folder.
# From the environment: OUTPUT, where packages go; COMPRESSION, best or fast;
# MAINTAINER; HOMEPAGE; SOURCE_DATE_EPOCH.
# shellcheck shell=bash

# What the packages are called: "ipc" alone would say nothing among ten thousand.
# shellcheck disable=SC2034
readonly name=ipc-server

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." || exit

# Nothing of who builds, where and when may show in what is built.
umask 022
export LC_ALL=C TZ=UTC
# What one make tells the next would reach the make of the package.
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES DESTDIR

die() {
  echo "${0##*/}: $*" >&2
  exit 1
}

need() {
  local tool
  for tool; do
    command -v "${tool%%:*}" >/dev/null ||
      die "\"${tool%%:*}\" is not here; on Debian: apt-get install ${tool##*:}"
  done
}

version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' deno.json)
[ -n "$version" ] || die "deno.json has no line with the version"
readonly version
# What deb and rpm sort before the release.
package_version=${version/-/"~"}

OUTPUT=${OUTPUT:-dist}
mkdir -p -- "$OUTPUT"
output=$(cd -- "$OUTPUT" && pwd)
readonly output maintainer=${MAINTAINER:-ipc authors <ipc-authors@example.org>}
readonly homepage=${HOMEPAGE:-https://ipc.example.org/}

case ${COMPRESSION:=best} in
best | fast) ;;
*) die "COMPRESSION is \"$COMPRESSION\": it is best or fast" ;;
esac

# When the sources became what they are: told, or the last commit, or what a source
# archive recorded, or the day of the version in the changelog, or the year 2000.
source_date() {
  local day
  if [ -e .git ] && command -v git >/dev/null; then
    git log -1 --format=%ct
  elif [ -e .source-date-epoch ]; then
    cat .source-date-epoch
  else
    day=$(sed -n "s/^## \[${version//./\\.}\] - //p" CHANGELOG.md)
    date -d "${day:-2000-01-01}" +%s
  fi
}
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(source_date)}
[[ $SOURCE_DATE_EPOCH =~ ^[0-9]+$ ]] ||
  die "SOURCE_DATE_EPOCH is \"$SOURCE_DATE_EPOCH\": it is a number of seconds since 1970"
export SOURCE_DATE_EPOCH

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT

# The names of all sources, each ended by a zero byte.
sources() {
  local path
  if [ -e .git ] && command -v git >/dev/null; then
    git ls-files -z --cached --others --exclude-standard
  else
    find . \( -path ./.git -o -path ./bin -o -path ./build -o -path ./dist \
      -o -path ./coverage -o -path ./toolchain/installed \) -prune \
      -o ! -type d ! -path ./.source-date-epoch -printf '%P\0'
  fi | sort -z | while IFS= read -r -d '' path; do
    [ ! -e "$path" ] || printf '%s\0' "$path"
  done
}

# stage DIRECTORY: makes it a copy of the sources, which is of their date and knows it.
stage() {
  mkdir -p -- "$1"
  sources | tar -c --null --no-recursion --files-from=- | tar -x -C "$1"
  echo "$SOURCE_DATE_EPOCH" >"$1/.source-date-epoch"
  find "$1" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
}

# stage_built DIRECTORY: as stage, with all that make built. It is younger than the
# sources there, so that a make there finds nothing to do, and needs no Deno.
stage_built() {
  stage "$1"
  mkdir -- "$1/build"
  cp -R --preserve=mode --reflink=auto bin "$1"
  cp -R --preserve=mode build/manual build/completions "$1/build"
}

# fill FILE: puts what it is called for in place of the @NAMES@ in a template.
fill() {
  local maintainer_quoted=${maintainer//[\\&|]/\\&}
  sed -i -e "s|@VERSION@|$package_version|" -e "s|@MAINTAINER@|$maintainer_quoted|" \
    -e "s|@HOMEPAGE@|$homepage|" "$@"
}

# Moves what was built to where it was wanted.
deliver() {
  local file
  for file; do
    install -m 644 -- "$file" "$output"
    echo "made: ${OUTPUT%/}/${file##*/}"
  done
}
