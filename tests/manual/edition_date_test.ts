import { assertEquals, assertThrows } from "@std/assert";
import { editionDate } from "../../manual/edition_date.ts";

const CHANGELOG = `# Changelog

## [Unreleased]

## [1.2.0] - 2026-03-04

## [1.1.0] - 2025-12-31
`;

const CASES: [
  what: string,
  epoch: string | undefined,
  version: string,
  date: string | undefined,
][] = [
  ["the day of its release", undefined, "1.2.0", "2026-03-04"],
  ["the day of an older release", undefined, "1.1.0", "2025-12-31"],
  ["none before its release", undefined, "1.3.0", undefined],
  ["none of a version that is spelled alike", undefined, "1.2", undefined],
  ["what the builder says", "86399", "1.2.0", "1970-01-01"],
  [
    "what the builder says, not when he says nothing",
    "",
    "1.2.0",
    "2026-03-04",
  ],
];
for (const [what, epoch, version, date] of CASES) {
  Deno.test(`manual: the date of a version is ${what}`, () => {
    const told = editionDate(epoch, CHANGELOG, version);
    assertEquals(told?.toISOString().slice(0, 10), date);
  });
}

for (const epoch of ["now", "-1", "1e9", "99999999999999999"]) {
  Deno.test(`manual: SOURCE_DATE_EPOCH=${epoch} is refused`, () => {
    assertThrows(
      () => editionDate(epoch, CHANGELOG, "1.2.0"),
      Error,
      `Cannot parse SOURCE_DATE_EPOCH: "${epoch}"`,
    );
  });
}
