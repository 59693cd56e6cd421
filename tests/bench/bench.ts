/**
 * The program behind `make bench`: our server beside others, each measured in
 * turn, in rounds. `make help` describes its variables.
 *
 * @module
 */

import { compileC, ROUNDS, runBench, SECONDS_EACH } from "./common.ts";
import { buildContenders, type Contender } from "./contenders.ts";
import { measureRound, MEASURES } from "./measures.ts";
import {
  differences,
  markdownTable,
  median,
  ratios,
  showNumber,
  type Target,
  targetTable,
  valuesOf,
} from "./samples.ts";

let contenders: Contender[];

/** Two targets: for one connection, and for 64. */
function rates(
  title: string,
  size: string,
  [ours, theirs]: [string, string],
  least: number,
): Target[] {
  return [1, 64].map((count) => {
    const measure = `${size}-${count} rate`;
    const values = ratios(valuesOf(measure, ours), valuesOf(measure, theirs));
    return [`${title}, connections: ${count}`, values, "≥", least];
  });
}

function targets(): Target[] {
  const activation = valuesOf("activation", "logging");
  const start = (key: string) => valuesOf("start", key);
  return [
    [
      "activation, without options ÷ Node's",
      ratios(activation, valuesOf("activation", "node")),
      ...["≤", 1.25] as const,
    ],
    [
      "activation, without options ÷ start with `node:process` only",
      ratios(activation, start("loads_process")),
      ...["≤", 1.25] as const,
    ],
    [
      "activation, without options − bare handles, ms",
      differences(activation, valuesOf("activation", "bare")),
      ...["≤", 3] as const,
    ],
    ...rates("round trips ÷ Node's", "small", ["ours", "node"], 1.2),
    ...rates("round trips ÷ Deno.listen's", "small", ["ours", "deno"], 1),
    ...rates("throughput ÷ Node's", "large", ["ours", "node"], 1),
    ...rates("round trips, log on ÷ off", "small", ["logging", "ours"], 0.5),
    ["RSS after activation, MB", valuesOf("rss", "ours"), "≤", 42.5],
    ["RSS for each connection, KB", valuesOf("rss each", "ours"), "≤", 20],
    ["threads", valuesOf("threads", "ours"), "≤", 1],
    [
      "start: `notify()` only − empty, ms",
      differences(start("notifies"), start("empty")),
      ...["≤", 3] as const,
    ],
  ];
}

/** Returns everything that was found, as Markdown that reads well as it is. */
function report(): string {
  const servers = contenders.filter(({ ends }) => !ends);
  return [
    `Medians of interleaved rounds: ${ROUNDS}, ${SECONDS_EACH} s for each load. Processors: ${navigator.hardwareConcurrency}, Linux ${Deno.osRelease()}, ${Deno.build.arch}, Deno ${Deno.version.deno}. In brackets: ipc-server ÷ this one, the median of the rounds' ratios. MB are 10⁶ bytes.`,
    markdownTable(
      ["", ...servers.map(({ title }) => title)],
      MEASURES.map(([measure, title, digits]) => [
        title,
        ...servers.map(({ key }) => cell(measure, digits, key)),
      ]),
    ),
    "Activation: a socket's holder, which is the first client too, starts the server once it has connected; Deno.listen can take no socket, and is started and connected to as soon as it listens. Logging goes to a file.",
    markdownTable(
      ["start to end, ms", "median", "− empty"],
      contenders.filter(({ ends }) => ends).map(({ key, title }) => {
        const times = valuesOf("start", key);
        const more = differences(times, valuesOf("start", "empty"));
        return [title, ...[times, more].map((of) => showNumber(median(of), 1))];
      }),
    ),
    targetTable(targets()),
  ].filter(Boolean).join("\n\n") + "\n";
}

function cell(measure: string, digits: number, key: string): string {
  const values = valuesOf(measure, key);
  const ratio = median(ratios(valuesOf(measure, "ours"), values));
  return showNumber(median(values), digits) +
    (key === "ours" || Number.isNaN(ratio) ? "" : ` (${showNumber(ratio, 2)})`);
}

await runBench(
  "echo",
  async (scratch) => {
    await compileC("load", scratch);
    contenders = await buildContenders(scratch);
    return (round) => measureRound(round, contenders);
  },
  report,
);
