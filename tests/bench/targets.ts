import { median, perRound, type Samples } from "./samples.ts";

/** A target, and the measured value. */
export interface Target {
  title: string;
  /** The value of each round; empty when something that it needs was missing. */
  values: number[];
  wanted: { most: number } | { least: number };
  unit: string;
}

/** The targets that were measured, with their values. */
export function targets(samples: Samples): Target[] {
  const ratio = (measure: string, ours: string, theirs: string) =>
    perRound(
      samples.of(measure, ours),
      samples.of(measure, theirs),
      (a, b) => a / b,
    );
  const rates = (
    title: string,
    size: string,
    [ours, theirs]: [string, string],
    least: number,
  ): Target[] =>
    [1, 64].map((count) => ({
      title: `${title}, ${count} connection${count === 1 ? "" : "s"}`,
      values: ratio(`${size}-${count} rate`, ours, theirs),
      wanted: { least },
      unit: "×",
    }));
  const all: Target[] = [
    {
      title: "activation, without options ÷ Node's",
      values: ratio("activation", "logging", "node"),
      wanted: { most: 1.25 },
      unit: "×",
    },
    {
      title: "activation, without options ÷ start with `node:process` only",
      values: perRound(
        samples.of("activation", "logging"),
        samples.of("start", "loads_process"),
        (a, b) => a / b,
      ),
      wanted: { most: 1.25 },
      unit: "×",
    },
    {
      title: "activation, without options − bare handles",
      values: perRound(
        samples.of("activation", "logging"),
        samples.of("activation", "bare"),
        (a, b) => a - b,
      ),
      wanted: { most: 3 },
      unit: "ms",
    },
    ...rates("round trips ÷ Node's", "small", ["ours", "node"], 1.2),
    ...rates("round trips ÷ Deno.listen's", "small", ["ours", "deno"], 1),
    ...rates("throughput ÷ Node's", "large", ["ours", "node"], 1),
    ...rates(
      "round trips, logging on ÷ off",
      "small",
      ["logging", "ours"],
      0.5,
    ),
    {
      title: "RSS after activation",
      values: samples.of("rss", "ours"),
      wanted: { most: 42.5 },
      unit: "MB",
    },
    {
      title: "RSS for each held connection",
      values: samples.of("rss each", "ours"),
      wanted: { most: 20 },
      unit: "KB",
    },
    {
      title: "threads",
      values: samples.of("threads", "ours"),
      wanted: { most: 1 },
      unit: "",
    },
    {
      title: "start: `notify()` only − empty",
      values: perRound(
        samples.of("start", "notifies"),
        samples.of("start", "empty"),
        (a, b) => a - b,
      ),
      wanted: { most: 3 },
      unit: "ms",
    },
  ];
  return all.filter(({ values }) => values.length > 0);
}

/** Whether the median of the rounds reaches the target. */
export function isReached({ values, wanted }: Target): boolean {
  const value = median(values);
  return "most" in wanted ? value <= wanted.most : value >= wanted.least;
}
