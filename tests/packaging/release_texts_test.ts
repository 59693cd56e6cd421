import { assertEquals, assertThrows } from "@std/assert";
import {
  datedChangelog,
  precedes,
  UsageError,
  versionIn,
  withVersion,
} from "../../packaging/release_texts.ts";

const ASCENDING = [
  "0.1.0-1",
  "0.1.0-2",
  "0.1.0-10",
  "0.1.0-alpha",
  "0.1.0-alpha.1",
  "0.1.0-beta",
  "0.1.0-rc.9",
  "0.1.0-rc.10",
  "0.1.0",
  "0.1.1",
  "0.2.0",
  "0.10.0",
  "1.0.0",
];

Deno.test("versions have the order of Semantic Versioning", () => {
  for (const [at, version] of ASCENDING.entries()) {
    for (const [against, other] of ASCENDING.entries()) {
      assertEquals(
        precedes(version, other),
        at < against,
        `${version} and ${other}`,
      );
    }
  }
});

Deno.test("what is no version is refused with its value", () => {
  for (
    const text of [
      "",
      "1",
      "1.2",
      "01.2.3",
      "v1.2.3",
      "1.2.3-",
      "1.2.3-a_b",
      "1.2.3+b",
    ]
  ) {
    assertThrows(() => precedes(text, "1.0.0"), UsageError, `"${text}"`);
  }
});

Deno.test("a deno.json gets its version, and keeps the rest", () => {
  const config = '{\n  "name": "x",\n  "version": "0.1.0",\n  "tasks": {}\n}\n';
  assertEquals(versionIn(config), "0.1.0");
  assertEquals(withVersion(config, "0.2.0"), config.replace("0.1.0", "0.2.0"));
  assertThrows(() => withVersion("{}", "0.2.0"), UsageError, "no line");
});

const HEAD = "# Changelog\n\nWords on [Unreleased].\n\n";

Deno.test("unreleased changes become those of the version", () => {
  const older = "\n## [0.1.0] - 2026-01-01\n\n- First.\n";
  for (const rest of ["", older]) {
    assertEquals(
      datedChangelog(
        `${HEAD}## [Unreleased]\n\n### Added\n\n- This.\n${rest}`,
        "0.2.0",
        "2026-11-22",
      ),
      `${HEAD}## [Unreleased]\n\n## [0.2.0] - 2026-11-22\n\n### Added\n\n- This.\n${rest}`,
    );
  }
});

Deno.test("there is no release without changes", () => {
  const older = "\n## [0.1.0] - 2026-01-01\n\n- First.\n";
  assertThrows(
    () =>
      datedChangelog(`${HEAD}## [Unreleased]\n${older}`, "0.2.0", "2026-11-22"),
    UsageError,
    "lists nothing",
  );
  assertThrows(
    () => datedChangelog(`${HEAD}${older}`, "0.2.0", "2026-11-22"),
    UsageError,
    "no heading",
  );
});
