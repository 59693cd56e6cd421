import { assertEquals, assertThrows } from "@std/assert";
import { parseOptions } from "../../cli/parse_options.ts";
import { UsageError } from "../../cli/exit_status.ts";

/** Parses arguments that are separated by single spaces. */
function parse(line: string) {
  return parseOptions(line.split(" "), {
    "name": { value: "NAME", default: "main", help: "" },
    "drain-timeout": { value: "TIME", default: "5s", help: "" },
    "quiet": { help: "" },
    "help": { letter: "h", help: "" },
    "version": { letter: "V", help: "" },
  });
}

interface Expected {
  values?: Record<string, string>;
  flags?: string[];
  operands?: string[];
}

const UNDERSTOOD: [rule: string, line: string, expected: Expected][] = [
  ["a value is the next argument", "--name x", { values: { name: "x" } }],
  ["or follows an equals sign", "--name=x", { values: { name: "x" } }],
  ["one dash is enough", "-name x", { values: { name: "x" } }],
  ["one dash, equals sign", "-name=x", { values: { name: "x" } }],
  ["it may have equals signs", "--name=a=b=c", { values: { name: "a=b=c" } }],
  ["a value may begin with a dash", "--name=-x", { values: { name: "-x" } }],
  ["a number stays text", "--name 007", { values: { name: "007" } }],
  ["the last value counts", "--name a -name=b", { values: { name: "b" } }],
  ["the default may be given", "--name main", { values: { name: "main" } }],
  ["a flag", "--quiet", { flags: ["quiet"] }],
  ["a flag given twice, with one dash", "--quiet -quiet", { flags: ["quiet"] }],
  ["-h is --help", "-h", { flags: ["help"] }],
  ["-V is --version", "-V", { flags: ["version"] }],
  ["a flag takes none", "--quiet true", {
    flags: ["quiet"],
    operands: ["true"],
  }],
  ["nor does a letter", "-h false", { flags: ["help"], operands: ["false"] }],
  ["operands and options mix", "a --quiet b --name x c", {
    values: { name: "x" },
    flags: ["quiet"],
    operands: ["a", "b", "c"],
  }],
  ["operands that look like numbers stay as typed", "007 1e3 0x10 1.0", {
    operands: ["007", "1e3", "0x10", "1.0"],
  }],
  ["a single dash is an operand", "-", { operands: ["-"] }],
  ["two dashes end the options", "--name x -- -x --quiet --__proto__=x --", {
    values: { name: "x" },
    operands: ["-x", "--quiet", "--__proto__=x", "--"],
  }],
];

Deno.test("options: values, flags and operands are distinguished", () => {
  for (const [rule, line, expected] of UNDERSTOOD) {
    const { values, given, flags, operands } = parse(line);
    const named = (are: Record<string, boolean>) =>
      Object.keys(are).filter((name) => are[name]);
    assertEquals({
      ...{ values, operands },
      given: named(given),
      flags: named(flags),
    }, {
      values: { "name": "main", "drain-timeout": "5s", ...expected.values },
      given: Object.keys(expected.values ?? {}),
      flags: expected.flags ?? [],
      operands: expected.operands ?? [],
    }, `${rule}: ${line}`);
  }
});

const UNKNOWN = [
  ..."--nope -nope -x -1 --1 -5s --NAME --nam --names ---quiet".split(" "),
  ..."-nx -hx -hname --quieté --no-quiet -no-quiet --no-help".split(" "),
  ..."--name.a --quiet.a --a.b --_ -_".split(" "),
  ..."--__proto__ --constructor --toString --hasOwnProperty".split(" "),
];

Deno.test("options: an unknown option is refused, with or without a value", () => {
  for (const option of UNKNOWN) {
    for (const rest of ["", "=c", " c"]) {
      const message = `Unknown option "${option}"`;
      assertThrows(() => parse(option + rest), UsageError, message);
    }
  }
  assertThrows(() => parse("--a.__proto__.polluted=1"), UsageError);
  assertEquals("polluted" in {}, false);
});

const REFUSED: [message: string, lines: string[]][] = [
  ['Option "--name" needs a value', [
    ...["--name", "-name", "--name=", "--name "],
    ...["--name --quiet", "--name -quiet", "--name --"],
  ]],
  ['Option "--quiet" takes no value', [
    ...["--quiet=true", "--quiet=false", "-quiet="],
  ]],
  // Any error will do.
  ["", [
    ...["--name -x", "--drain-timeout -5s", "--drain-timeout -5"],
    ...["-h=1", "-V=2", "-h.x=1", "--=", "--=x", "-=x"],
  ]],
];

Deno.test("options: a lacking or surplus value is refused", () => {
  for (const [message, lines] of REFUSED) {
    for (const line of lines) {
      assertThrows(() => parse(line), UsageError, message, line);
    }
  }
});
