// The table of limits in docs/limits.md: each row against the option, unit or constant
// that it names.

import { assert, assertEquals, assertThrows } from "@std/assert";
import type { Options } from "../../cli/program_usage.ts";
import { parseClientOptions } from "../../client/options.ts";
import { CLIENT_USAGE } from "../../client/usage.ts";
import { descriptorsNeeded } from "../../server/check.ts";
import { parseServerOptions } from "../../server/options.ts";
import { SERVER_USAGE } from "../../server/usage.ts";
import { page, tableRows } from "./pages.ts";

const PAGE = page("docs/limits.md");
const ROWS = tableRows(PAGE, "limit", "default", "at most", "set by");

/** The programs: their options, and how a command line with one is parsed. */
const PROGRAMS: {
  options: Options;
  parse: (option: string, value: string) => unknown;
}[] = [
  {
    options: SERVER_USAGE.options,
    parse: (option, value) => parseServerOptions([option, value]),
  },
  {
    options: CLIENT_USAGE.options,
    parse: (option, value) =>
      parseClientOptions(["--bench", option, value, "@address"], false),
  },
];

const UNITS = { "KiB": 1024, "MiB": 1024 * 1024, "ms": 1, "": 1 };

/** The number in a cell: `1,000,000`, `64 KiB`. */
function number(cell: string): number {
  const [, digits, unit] = /^([\d,]+) ?(KiB|MiB|ms|)$/.exec(cell) ?? [];
  assert(digits !== undefined, `"${cell}" is no number with a known unit`);
  return Number(digits!.replaceAll(",", "")) *
    UNITS[unit as keyof typeof UNITS];
}

function checkOption(option: string, normally: string, most: string): void {
  const name = option.slice(2);
  const program = PROGRAMS.find(({ options }) => name in options);
  const about = program?.options[name];
  if (program === undefined || about === undefined || !("value" in about)) {
    throw new Error(`No program has an option ${option} with a value`);
  }
  assertEquals(normally, about.defaultMeans ?? about.default, option);
  // How long a TIME may be has a row of its own.
  assertEquals(most === "", about.value === "TIME", option);
  if (most === "") return;
  program.parse(option, `${number(most)}`);
  assertThrows(
    () => program.parse(option, `${number(most) + 1}`),
    Error,
    option,
    `${option} may be more than docs/limits.md says`,
  );
}

function checkSetting(name: string, file: string, normally: string): void {
  const value = new RegExp(`^${name}=(.*)$`, "m").exec(page(file))?.[1];
  assertEquals(normally, value, `${name}= in ${file}`);
}

function checkConstant(name: string, file: string, most: string): void {
  const [, value] =
    new RegExp(`^(?:export )?const ${name} = ([\\d_n *+-]+);$`, "m")
      .exec(page(file)) ?? [];
  assert(value !== undefined, `${file} has no constant ${name}`);
  const product = Number(new Function(`return ${value}`)());
  assertEquals(number(most), product, `${name} in ${file}`);
}

Deno.test("the limits are those of the options, units and constants that they name", () => {
  assert(ROWS.length > 15, `the page has ${ROWS.length} limits`);
  for (const [limit, normally, most, setBy] of ROWS) {
    const options = [...setBy!.matchAll(/`(--[a-z-]+)`/g)];
    const settings = [...setBy!.matchAll(/`(\w+)=` in `(units\/[^`]+)`/g)];
    const constants = [...setBy!.matchAll(/`([A-Z_]+)` in `([^`]+\.ts)`/g)];
    for (const [, option] of options) checkOption(option!, normally!, most!);
    for (const [, name, file] of settings) {
      checkSetting(name!, file!, normally!);
    }
    for (const [, name, file] of constants) {
      assertEquals(normally, "", `${limit} cannot be set, and has no default`);
      checkConstant(name!, file!, most!);
    }
    const sources = options.length + settings.length + constants.length;
    assert(sources > 0, `"${limit}": nothing sets it`);
  }
});

Deno.test("the page has every limit that an option of the server sets", () => {
  const named = ROWS.map(([, , , setBy]) => setBy).join();
  const missing = Object.entries<Options[string]>(SERVER_USAGE.options)
    .filter(([, about]) => "value" in about && about.value !== "NAME")
    .map(([name]) => `\`--${name}\``)
    .filter((option) => !named.includes(option));
  assertEquals(missing, []);
});

Deno.test("ipc-server.socket.5 states the inequality of --check", () => {
  const [, least, reserve] =
    /^\.Dl LimitNOFILE= >= --max-connections \+ --max-waiting \+ max\(Backlog=, (\d+)\) \+ (\d+)$/m
      .exec(page("cli/manual/ipc-server.socket.5"))!;
  for (const backlog of [1, Number(least), 1024]) {
    assertEquals(
      descriptorsNeeded({ maxConnections: 10, maxWaiting: 5, backlog }),
      10 + 5 + Math.max(backlog, Number(least)) + Number(reserve),
    );
  }
});
