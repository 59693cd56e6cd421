/** What came of checks and tests. */

/** How many passed and were skipped, and which failed. */
export interface Result {
  passed: number;
  skipped: number;
  /** What failed, each in a line. */
  failed: string[];
}

export function inWords({ passed, failed, skipped }: Result): string {
  return `${passed} passed, ${failed.length} failed, ${skipped} skipped`;
}

/**
 * Returns what a JUnit report that Deno wrote tells, and which files ran. Steps
 * are not counted. What bears no time was not reached: either it was not asked
 * for, or an error outside of a test ended its file, and then it failed.
 */
export function readReport(
  report: string,
  { filtered }: { filtered: boolean },
): { result: Result; ran: Set<string> } {
  const result: Result = { passed: 0, skipped: 0, failed: [] };
  const ran = new Set<string>();
  const suites = report.matchAll(
    /<testsuite name="([^"]*)"[^>]*>(.*?)<\/testsuite>/gs,
  );
  for (const [, path, suite] of suites) {
    const file = path!.replace(/^\.\//, "");
    ran.add(file);
    const cases = [
      ...suite!.matchAll(
        /<testcase name="([^"]*)"([^>]*)>(.*?)<\/testcase>/gs,
      ),
    ];
    const names = new Set(cases.map(([, name]) => name!));
    for (const [, name, attributes, outcome] of cases) {
      if (isStep(name!, names)) continue;
      const reached = / time="/.test(attributes!);
      if (!reached && filtered) continue;
      if (!reached || /<(failure|error)\b/.test(outcome!)) {
        result.failed.push(`${file}: ${unescape(name!)}`);
      } else if (/<skipped\b/.test(outcome!)) result.skipped++;
      else result.passed++;
    }
  }
  return { result, ran };
}

/** A step is reported as a test named `TEST > STEP`. */
function isStep(name: string, names: Set<string>): boolean {
  const parts = name.split(" &gt; ");
  return parts.some((_, end) =>
    end > 0 && names.has(parts.slice(0, end).join(" &gt; "))
  );
}

function unescape(xml: string): string {
  const characters: Record<string, string> = {
    lt: "<",
    gt: ">",
    quot: '"',
    apos: "'",
    amp: "&",
  };
  return xml.replace(/&(\w+);/g, (entity, name) => characters[name] ?? entity);
}
