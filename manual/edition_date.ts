/**
 * Returns the date that the manuals of a version bear: the one that the builder
 * asks for, else the day of its release. It is never the day of the build, so that
 * the same sources give the same pages.
 *
 * @param sourceDateEpoch `SOURCE_DATE_EPOCH`: seconds since 1970.
 * @param changelog The changelog, which tells the day of a release.
 * @throws {Error} `sourceDateEpoch` is no such number.
 */
export function editionDate(
  sourceDateEpoch: string | undefined,
  changelog: string,
  version: string,
): Date | undefined {
  if (sourceDateEpoch !== undefined && sourceDateEpoch !== "") {
    const date = /^[0-9]+$/.test(sourceDateEpoch)
      ? new Date(Number(sourceDateEpoch) * 1_000)
      : undefined;
    if (date === undefined || Number.isNaN(date.getTime())) {
      throw new Error(
        `Cannot parse SOURCE_DATE_EPOCH: "${sourceDateEpoch}" is not a number of seconds`,
      );
    }
    return date;
  }
  const heading = `## [${version}] - `;
  const [line] = changelog.split("\n").filter((it) => it.startsWith(heading));
  return line === undefined
    ? undefined
    : new Date(`${line.slice(heading.length).trim()}T00:00:00Z`);
}
