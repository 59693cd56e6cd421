/** The texts that a release changes, and the order of versions. */

/** What whoever makes a release can mend. */
export class UsageError extends Error {
  override name = "UsageError";
}

const SEMVER =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([0-9a-z]+(?:\.[0-9a-z]+)*))?$/;
const VERSION_LINE = /^( {2}"version": ")([^"]*)(",)$/m;

/**
 * Whether one version comes before another, by the rules of Semantic Versioning.
 * Pre-releases are made of lower-case letters and digits: other characters mean
 * something else to one of the package managers.
 *
 * @throws {UsageError} One is no version.
 */
export function precedes(version: string, other: string): boolean {
  const [mine, theirs] = [partsOf(version), partsOf(other)];
  for (const index of [0, 1, 2] as const) {
    if (mine.numbers[index] !== theirs.numbers[index]) {
      return mine.numbers[index]! < theirs.numbers[index]!;
    }
  }
  // What has no pre-release comes after all that have one.
  if (mine.labels.length === 0 || theirs.labels.length === 0) {
    return mine.labels.length > theirs.labels.length;
  }
  for (const [index, label] of mine.labels.entries()) {
    const against = theirs.labels[index];
    if (against === undefined) return false;
    if (label !== against) return labelPrecedes(label, against);
  }
  return mine.labels.length < theirs.labels.length;
}

function partsOf(version: string): { numbers: number[]; labels: string[] } {
  const match = SEMVER.exec(version);
  if (match === null) {
    throw new UsageError(
      `VERSION is "${version}": give one like make release VERSION=1.2.3 or VERSION=1.2.3-rc.1`,
    );
  }
  return {
    numbers: match.slice(1, 4).map(Number),
    labels: match[4]?.split(".") ?? [],
  };
}

/** Numbers come before words, and in their own order. */
function labelPrecedes(label: string, other: string): boolean {
  const [mine, theirs] = [label, other].map((text) => /^\d+$/.test(text));
  if (mine && theirs) return Number(label) < Number(other);
  if (mine !== theirs) return mine!;
  return label < other;
}

/** The version that a deno.json has. */
export function versionIn(config: string): string {
  const version = VERSION_LINE.exec(config)?.[2];
  if (version === undefined) {
    throw new UsageError(`deno.json has no line with the version`);
  }
  return version;
}

/** A deno.json with another version. */
export function withVersion(config: string, version: string): string {
  versionIn(config);
  return config.replace(VERSION_LINE, `$1${version}$3`);
}

/**
 * A changelog whose unreleased changes became those of a version, under an empty
 * heading for what comes next.
 *
 * @param day As `2026-11-22`.
 * @throws {UsageError} Nothing is unreleased.
 */
export function datedChangelog(
  changelog: string,
  version: string,
  day: string,
): string {
  const heading = "## [Unreleased]\n";
  const start = changelog.indexOf(`\n${heading}`) + 1;
  if (start === 0) {
    throw new UsageError(`CHANGELOG.md has no heading "## [Unreleased]"`);
  }
  const after = start + heading.length;
  const next = changelog.indexOf("\n## [", after);
  const changes = changelog.slice(after, next < 0 ? undefined : next);
  if (!/^- /m.test(changes)) {
    throw new UsageError(
      "CHANGELOG.md lists nothing under [Unreleased]: write what is new",
    );
  }
  return `${changelog.slice(0, start)}${heading}\n## [${version}] - ${day}\n${
    changelog.slice(after)
  }`;
}
