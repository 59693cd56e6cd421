// The manuals that make built: faultless, and of one mind with the executables' --help.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { benchJson } from "../../client/bench_report.ts";
import { LatencyHistogram } from "../../client/latency_histogram.ts";
import { IPC_CLIENT, IPC_SERVER, REPOSITORY, run } from "../support/program.ts";

const PAGES = ["ipc-client.1", "ipc-server.8", "ipc-server.socket.5"];

function path(page: string): string {
  return `${REPOSITORY}build/manual/${page}`;
}

/** A page as readers see it, each paragraph on one line. */
async function rendered(page: string): Promise<string> {
  const args = ["-T", "ascii", "-O", "width=1000,indent=0", path(page)];
  const { code, stdout, stderr } = await run("mandoc", args);
  assertEquals(code, 0, stderr);
  return plain(stdout);
}

/** Text without overstruck characters, which make it bold and underlined. */
function plain(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replaceAll(/.\x08/g, "");
}

/** The lines of a section, without its heading. */
function section(text: string, heading: string): string[] {
  const lines = text.split("\n");
  const start = lines.indexOf(heading) + 1;
  assert(start > 0, `no section ${heading} in: ${text}`);
  const end = lines.findIndex((line, at) => at >= start && /^\S/.test(line));
  return lines.slice(start, end);
}

/** The description of an option. */
interface Told {
  letter?: string;
  value?: string;
  text: string;
  byDefault?: string;
}

/** The facts that a program's help and its manual share. */
interface Usage {
  options: Record<string, Told>;
  exits: Record<string, string>;
}

function usageOfHelp(help: string): Usage {
  const [, listed = ""] = /\nOptions:\n(.*?)\n\n/s.exec(help) ?? [];
  const options: Usage["options"] = {};
  for (const entry of listed.split(/\n(?= {2}-)/)) {
    const oneLine = entry.replaceAll(/\n\s+/g, " ");
    const { letter, name, value, text, byDefault } =
      /^ {2}(?:-(?<letter>.), )?--?(?<name>[a-z-]+)(?: (?<value>[A-Z]+))? {2,}(?<text>.*?)(?: \(default: (?<byDefault>.*)\))?$/
        .exec(oneLine)?.groups ?? {};
    assert(name !== undefined, `not an option: ${entry}`);
    options[name!] = { letter, value, text: text!, byDefault };
  }
  const [, statuses = ""] = /\nExit status: (.*)\.\n$/s.exec(help) ?? [];
  const exits = statuses.replaceAll("\n", " ").split("; ").map((status) => {
    const [, number, meaning] = /^(\d+) (.*)$/.exec(status)!;
    return [number, meaning];
  });
  return { options, exits: Object.fromEntries(exits) };
}

function usageOfManual(page: string): Usage {
  const options: Usage["options"] = {};
  for (const [tag, text] of entries(section(page, "OPTIONS"))) {
    const { letter, name, value } =
      /^(?:-(?<letter>.), |-[a-z-]{2,}, )?--(?<name>[a-z-]+)(?: (?<value>[A-Z]+))?$/
        .exec(tag)?.groups ?? {};
    assert(name !== undefined, `not an option: ${tag}`);
    const [about, second = ""] = text.split(/(?<=\.) {1,2}(?=[A-Z])/);
    const [, byDefault] = /^The default is (.*)\.$/.exec(second) ?? [];
    options[name!] = { letter, value, text: clause(about!), byDefault };
  }
  const exits = entries(section(page, "EXIT STATUS"))
    .map(([status, meaning]) => [status, clause(meaning)]);
  return { options, exits: Object.fromEntries(exits) };
}

/** The entries of a list: a tag, and the text below or, if it is short, beside it. */
function entries(lines: string[]): [tag: string, text: string][] {
  return lines.flatMap((line, at) => {
    const [, tag, beside] = /^ {5}(-\S.*?|[0-9]+)(?: {2,}(.*))?$/.exec(line) ??
      [];
    if (tag === undefined) return [];
    return [[tag, beside ?? lines[at + 1]!.trim()]];
  });
}

/** `Wrong usage.` as `wrong usage` */
function clause(sentence: string): string {
  const text = sentence.replace(/\.$/, "");
  return /^[A-Z]{2}/.test(text)
    ? text
    : text.slice(0, 1).toLowerCase() + text.slice(1);
}

for (
  const [page, executable] of [
    ["ipc-client.1", IPC_CLIENT],
    ["ipc-server.8", IPC_SERVER],
  ] as const
) {
  Deno.test({
    name:
      `${page} tells of the options, defaults and exit statuses of --help, and of no others`,
    async fn() {
      const { stdout: help } = await run(executable, ["--help"]);
      const text = await rendered(page);
      const told = usageOfHelp(help);
      assert(Object.keys(told.options).length > 5, help);
      assert(Object.keys(told.exits).length > 2, help);
      assertEquals(usageOfManual(text), told);
      const synopsis = section(text, "SYNOPSIS").join("\n");
      for (const [name, { value }] of Object.entries(told.options)) {
        const form = value === undefined ? `-${name}]` : `--${name} ${value}]`;
        assertStringIncludes(synopsis, form);
      }
    },
  });

  Deno.test({
    name: `${page} bears the version of the executable`,
    async fn() {
      const { stdout } = await run(executable, ["--version"]);
      const [, version] = stdout.split(" ");
      assertStringIncludes(await rendered(page), `ipc ${version}`);
    },
  });
}

Deno.test({
  name: "ipc-client.1 tells of every name in the JSON of --bench, in its order",
  async fn() {
    const json = benchJson({
      elapsedMs: 1,
      interrupted: false,
      connections: 1,
      bytes: 0,
      latencies: new LatencyHistogram(),
    }, { addressText: "/socket", sizeBytes: 1, pipeline: 1 });
    const tags = section(await rendered("ipc-client.1"), "JSON")
      .flatMap((line) => /^ {5}([a-z]\w+(?:, \w+)*)$/.exec(line)?.[1] ?? [])
      .flatMap((tag) => tag.split(", "));
    assertEquals(tags, Object.keys(JSON.parse(json)));
  },
});

for (const page of PAGES) {
  Deno.test({
    name: `${page} is faultless mdoc, also in matters of style`,
    async fn() {
      const args = ["-T", "lint", "-W", "style", path(page)];
      const { stdout } = await run("mandoc", args);
      // Which other manuals there are depends on the machine.
      const faults = stdout.split("\n").filter((line) =>
        line !== "" && !line.includes("referenced manual not found")
      );
      assertEquals(faults, []);
    },
  });

  Deno.test({
    name: `${page} is rendered by groff as well, without a warning`,
    async fn() {
      const args = ["-mdoc", "-ww", "-T", "utf8", path(page)];
      const { code, stdout, stderr } = await run("groff", args);
      assertEquals({ code, stderr }, { code: 0, stderr: "" });
      assertStringIncludes(plain(stdout), "\nDESCRIPTION\n");
    },
  });
}

Deno.test("ipc-server.socket.5 shows drop-ins as they are shipped", async () => {
  const page = await Deno.readTextFile(path("ipc-server.socket.5"));
  const shown = [
    ...page.matchAll(/^(# \/etc\/systemd\/\S+\/(\S+))\n(.*?)^\.Ed$/gms),
  ];
  assert(shown.length > 2, page);
  for (const [, place, name, settings] of shown) {
    const file = `${REPOSITORY}units/drop-ins/${name}`;
    const [first, ...rest] = (await Deno.readTextFile(file)).split("\n");
    const bare = rest.filter((line) => !line.startsWith("#")).join("\n");
    assertEquals([place, settings], [first, bare]);
  }
});
