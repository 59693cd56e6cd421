import { type Bench, measures } from "./measures.ts";
import { median, perRound, type Samples } from "./samples.ts";
import { isReached, type Target, targets } from "./targets.ts";

/** What everything else is compared with. */
const OURS = "ours";

/** Returns everything that was found, as Markdown that reads well as it is. */
export function report(
  { samples, settings, servers, starters, skipped }: Bench,
): string {
  const parts = [
    `Medians of ${settings.rounds} interleaved ${
      settings.rounds === 1 ? "round" : "rounds"
    }, ${settings.secondsEach} s for each load; ${machine()}. In brackets: ipc-server ÷ this one, the median of the rounds' ratios. MB are 10⁶ bytes.`,
    markdownTable(
      ["", ...servers.map(({ title }) => title)],
      measures(settings.held).map(([measure, title, unit, digits]) => [
        withUnit(title, unit),
        ...servers.map(({ key }) => cell(samples, measure, digits, key)),
      ]),
    ),
    "Activation: a socket's holder, which is the first client too, starts the server once it has connected; Deno.listen can take no socket, and is started and connected to as soon as it listens. Logging goes to a file. Installed size is without shared libraries.",
    markdownTable(
      ["start to end, ms", "median", "− empty"],
      starters.map(({ key, title }) => [
        title,
        showNumber(median(samples.of("start", key)), 1),
        showNumber(
          median(
            perRound(
              samples.of("start", key),
              samples.of("start", "empty"),
              (a, b) => a - b,
            ),
          ),
          1,
        ),
      ]),
    ),
    markdownTable(
      ["target", "wanted", "median", "rounds", "reached"],
      targets(samples).map(targetRow),
    ),
    ...skipped,
  ];
  return parts.filter((part) => part !== "").join("\n\n") + "\n";
}

function cell(
  samples: Samples,
  measure: string,
  digits: number,
  who: string,
): string {
  const values = samples.of(measure, who);
  const shown = showNumber(median(values), digits);
  const ratio = median(
    perRound(
      samples.of(measure, OURS),
      values,
      (ours, theirs) => ours / theirs,
    ),
  );
  return who === OURS || Number.isNaN(ratio)
    ? shown
    : `${shown} (${showNumber(ratio, 2)})`;
}

function targetRow(target: Target): string[] {
  const { title, values, wanted, unit } = target;
  const [sign, limit] = "most" in wanted
    ? ["≤", wanted.most]
    : ["≥", wanted.least];
  return [
    withUnit(title, unit === "×" ? "" : unit),
    `${sign} ${limit}`,
    showNumber(median(values), 2),
    `${showNumber(Math.min(...values), 2)} … ${
      showNumber(Math.max(...values), 2)
    }`,
    isReached(target) ? "yes" : "no",
  ];
}

function machine(): string {
  const cpus = navigator.hardwareConcurrency;
  return `${cpus} processor${
    cpus === 1 ? "" : "s"
  }, Linux ${Deno.osRelease()}, ${Deno.build.arch}, Deno ${Deno.version.deno}`;
}

function withUnit(title: string, unit: string): string {
  return unit === "" ? title : `${title}, ${unit}`;
}

/** Formats a figure. */
export function showNumber(value: number, digits: number): string {
  return Number.isNaN(value) ? "–" : value.toLocaleString("en", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

/** A table of Markdown whose columns are aligned: the first left, all others right. */
export function markdownTable(head: string[], rows: string[][]): string {
  if (rows.length === 0) return "";
  const widths = head.map((_, column) =>
    Math.max(3, ...[head, ...rows].map((row) => row[column]!.length))
  );
  const line = (cells: string[]) => `| ${cells.join(" | ")} |`;
  const padded = (row: string[]) =>
    line(
      row.map((text, column) =>
        column === 0
          ? text.padEnd(widths[column]!)
          : text.padStart(widths[column]!)
      ),
    );
  const ruler = line(
    widths.map((width, column) =>
      column === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`
    ),
  );
  return [padded(head), ruler, ...rows.map(padded)].join("\n");
}
