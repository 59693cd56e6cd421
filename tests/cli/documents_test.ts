// The manuals against the usage that --help prints.

import { assert, assertEquals } from "@std/assert";
import { type Option, writtenDefault } from "../../cli/program_usage.ts";
import { benchJson } from "../../client/bench_output.ts";
import { LatencyHistogram } from "../../client/latency_histogram.ts";
import { CLIENT_USAGE } from "../../client/options.ts";
import { SERVER_USAGE } from "../../server/options.ts";
import { page } from "../docs/pages.ts";

/** The entries of a section's list in mdoc source: each tag, and its text. */
function entries(manual: string, heading: string): [string, string][] {
  const [, section] = manual.split(`\n.Sh ${heading}\n`);
  const [list] = section!.split("\n.El\n");
  return list!.split("\n.It ").slice(1).map((entry) => {
    const [tag, ...lines] = entry.split("\n");
    return [tag!, lines.join(" ").replaceAll("\\-", "-").toLowerCase()];
  });
}

/** An option as its tag in mdoc, and as its entry in SYNOPSIS. */
function tags(name: string, option: Option): [tag: string, synopsis: string] {
  if ("value" in option) {
    const tag = `Fl -${name} Ar ${option.value}`;
    return [tag, tag];
  }
  if (option.oneDash) return [`Fl ${name} , Fl -${name}`, `Fl ${name}`];
  const { letter } = option;
  return letter === undefined
    ? [`Fl -${name}`, `Fl -${name}`]
    : [`Fl ${letter} , Fl -${name}`, `Fl -${name}`];
}

for (
  const [file, { options, exits }] of [
    ["ipc-client.1", CLIENT_USAGE],
    ["ipc-server.8", SERVER_USAGE],
  ] as const
) {
  const manual = page(`cli/manual/${file}`);
  const all = Object.entries<Option>(options);

  Deno.test(`${file} has the options, defaults and exit statuses of --help`, () => {
    const synopsis = [...manual.matchAll(/^\.Op (.*)$/gm)].map(([, it]) => it);
    assertEquals(synopsis, all.map((it) => tags(...it)[1]));

    const described = entries(manual, "OPTIONS");
    assertEquals(
      described.map(([tag]) => tag),
      all.map((it) => tags(...it)[0]),
    );
    for (const [at, [, option]] of all.entries()) {
      const written = writtenDefault(option);
      const byDefault = written === undefined
        ? ""
        : ` the default is ${written}.`;
      const [, text] = described[at]!;
      assertEquals(
        text.slice(0, option.help.length + 1 + byDefault.length),
        `${option.help.toLowerCase()}.${byDefault}`,
      );
    }

    assertEquals(
      entries(manual, "EXIT STATUS"),
      Object.entries(exits)
        .map(([status, meaning]) => [status, `${meaning.toLowerCase()}.`]),
    );
  });
}

Deno.test("ipc-client.1 has every name in the JSON of --bench, in its order", () => {
  const json = benchJson({
    elapsedMs: 1,
    interrupted: false,
    connections: 1,
    bytes: 0,
    latencies: new LatencyHistogram(),
  }, { addressText: "/socket", sizeBytes: 1, pipeline: 1 });
  const tags = entries(page("cli/manual/ipc-client.1"), "JSON")
    .flatMap(([tag]) => tag.split(" , "));
  assertEquals(tags, Object.keys(JSON.parse(json)));
});

Deno.test("ipc-server.socket.5 shows the drop-ins as they are shipped", () => {
  const shown = [
    ...page("cli/manual/ipc-server.socket.5")
      .matchAll(/^(# \/etc\/systemd\/\S+\/(\S+))\n(.*?)^\.Ed$/gms),
  ];
  assert(shown.length > 2, `${shown.length}`);
  for (const [, place, name, settings] of shown) {
    const [first, ...rest] = page(`units/drop-ins/${name}`).split("\n");
    const bare = rest.filter((line) => !line.startsWith("#")).join("\n");
    assertEquals([place, settings], [first, bare]);
  }
});
