# Shared by the package scripts; changes to the top folder.
# From the environment: OUTPUT, the directory of packages; COMPRESSION, best or fast;
# MAINTAINER; HOMEPAGE; SOURCE_DATE_EPOCH.
# shellcheck shell=bash

# The packages' name: "ipc" alone is too general.
# shellcheck disable=SC2034
readonly name=ipc-server
# The file with the components of the executables. Both have the same.
# shellcheck disable=SC2034
readonly sbom=$name.spdx.json

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." || exit

# The user, place and time of the build must not affect the packages.
umask 022
export LC_ALL=C TZ=UTC
# Flags of this make would reach the package's make.
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
# Forms that sort before the release: for deb and rpm, and for Arch, where a letter sorts
# before the end.
package_version=${version/-/"~"}
readonly arch_version=${version/-/}

OUTPUT=${OUTPUT:-dist}
mkdir -p -- "$OUTPUT"
output=$(cd -- "$OUTPUT" && pwd)
readonly output maintainer=${MAINTAINER:-ipc authors <ipc-authors@example.org>}
readonly homepage=${HOMEPAGE:-https://ipc.example.org/}

case ${COMPRESSION:=best} in
best | fast) ;;
*) die "COMPRESSION is \"$COMPRESSION\": it is best or fast" ;;
esac

# The date of the sources: SOURCE_DATE_EPOCH, or that of the last commit, or the one
# recorded in a source archive, or the day of the version in the changelog, or 2000.
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

# Prints the names of all sources, each with a NUL byte. Packages are none, wherever
# distdir= has put them.
sources() {
  local path
  if [ -e .git ] && command -v git >/dev/null; then
    git ls-files -z --cached --others --exclude-standard
  else
    find . \( -path ./.git -o -path ./bin -o -path ./build -o -path ./dist \
      -o -path ./coverage -o -path ./toolchain/installed \) -prune \
      -o ! -type d ! -path ./.source-date-epoch -printf '%P\0'
  fi | sort -z | while IFS= read -r -d '' path; do
    case ${path##*/} in
    SHA256SUMS | "$name"[-_]*.deb | "$name"-*.rpm | "$name"-*.pkg.tar.zst | "$name"-*.tar.gz) ;;
    *) [ ! -e "$path" ] || printf '%s\0' "$path" ;;
    esac
  done
}

# stage DIRECTORY: copies the sources to it, with their date as a file.
stage() {
  mkdir -p -- "$1"
  sources | tar -c --null --no-recursion --files-from=- | tar -x -C "$1"
  echo "$SOURCE_DATE_EPOCH" >"$1/.source-date-epoch"
  find "$1" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
}

# stage_built DIRECTORY: as stage, with the executables and the list of their components.
# They are younger than the sources there, so that make has nothing to build, and needs no
# Deno.
stage_built() {
  stage "$1"
  cp -R --preserve=mode --reflink=auto bin "$1"
  packaging/make_sbom bin/ipc-server >"$1/$sbom"
}

# quoted TEXT: prints it as a replacement of sed. In ${TEXT//} "&" has another meaning
# since bash 5.2.
# shellcheck disable=SC2001
quoted() {
  sed 's/[\\&|]/\\&/g' <<<"$1"
}

# fill FILE...: replaces the @NAMES@ in a template.
fill() {
  sed -i -e "s|@VERSION@|$package_version|" -e "s|@MAINTAINER@|$(quoted "$maintainer")|" \
    -e "s|@HOMEPAGE@|$(quoted "$homepage")|" "$@"
}

# Moves the packages to OUTPUT.
deliver() {
  local file
  for file; do
    install -m 644 -- "$file" "$output"
    echo "made: ${OUTPUT%/}/${file##*/}"
  done
}
