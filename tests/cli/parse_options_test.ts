import { assertEquals, assertThrows } from "@std/assert";
import { parseOptions } from "../../cli/parse_options.ts";
import { UsageError } from "../../cli/exit_status.ts";

function parse(args: readonly string[]) {
  return parseOptions(args, {
    "name": { value: "NAME", default: "nobody", help: "" },
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

const UNDERSTOOD: [rule: string, args: string[], expected: Expected][] = [
  ["nothing is nothing", [], {}],
  ["a value follows its option", ["--name", "x"], { values: { name: "x" } }],
  ["a value follows an equals sign", ["--name=x"], { values: { name: "x" } }],
  ["one dash is as good as two", ["-name", "x"], { values: { name: "x" } }],
  ["one dash, with an equals sign", ["-name=x"], { values: { name: "x" } }],
  ["a name may have a dash in it", ["-drain-timeout", "5s"], {
    values: { "drain-timeout": "5s" },
  }],
  ["a value may have equals signs", ["--name=a=b=c"], {
    values: { name: "a=b=c" },
  }],
  ["a value after an equals sign may begin with a dash", ["--name=-x"], {
    values: { name: "-x" },
  }],
  ["a value that looks like a number stays text", ["--name", "007"], {
    values: { name: "007" },
  }],
  ["of an option given twice, the last value counts", [
    "--name",
    "a",
    "-name=b",
  ], { values: { name: "b" } }],
  ["a flag", ["--quiet"], { flags: ["quiet"] }],
  ["a flag with one dash", ["-quiet"], { flags: ["quiet"] }],
  ["a flag given twice", ["--quiet", "-quiet"], { flags: ["quiet"] }],
  ["-h is --help", ["-h"], { flags: ["help"] }],
  ["-V is --version", ["-V"], { flags: ["version"] }],
  ["a flag takes no operand for its value", ["--quiet", "x"], {
    flags: ["quiet"],
    operands: ["x"],
  }],
  ["not even one that reads like a truth value", ["--quiet", "true"], {
    flags: ["quiet"],
    operands: ["true"],
  }],
  ["nor one that reads like the opposite", ["--quiet", "false"], {
    flags: ["quiet"],
    operands: ["false"],
  }],
  ["nor does a short flag", ["-h", "false"], {
    flags: ["help"],
    operands: ["false"],
  }],
  ["operands and options mix", ["a", "--quiet", "b", "--name", "x", "c"], {
    values: { name: "x" },
    flags: ["quiet"],
    operands: ["a", "b", "c"],
  }],
  ["operands that look like numbers stay as typed", [
    "007",
    "1e3",
    "0x10",
    "1.0",
  ], { operands: ["007", "1e3", "0x10", "1.0"] }],
  ["an empty operand is one", ["", "x"], { operands: ["", "x"] }],
  ["a single dash is an operand", ["-"], { operands: ["-"] }],
  ["two dashes end the options", ["--", "-x", "--name", "y", "--"], {
    operands: ["-x", "--name", "y", "--"],
  }],
  ["what comes before the two dashes still counts", [
    "-name",
    "x",
    "--",
    "-quiet",
  ], { values: { name: "x" }, operands: ["-quiet"] }],
];
for (const [rule, args, expected] of UNDERSTOOD) {
  Deno.test(`options: ${rule}: ${shown(args)}`, () => {
    const parsed = parse(args);
    const named = (are: Record<string, boolean>) =>
      Object.keys(are).filter((name) => are[name]);
    assertEquals({
      values: parsed.values,
      given: named(parsed.given),
      flags: named(parsed.flags),
      operands: parsed.operands,
    }, {
      values: { "name": "nobody", "drain-timeout": "5s", ...expected.values },
      given: Object.keys(expected.values ?? {}),
      flags: expected.flags ?? [],
      operands: expected.operands ?? [],
    });
  });
}

const REFUSED: [args: string[], message: string][] = [
  ...[
    "--nope",
    "-nope",
    "-x",
    "-1",
    "--1",
    "-5s",
    "--NAME",
    "--nam",
    "--names",
    "---quiet",
    "--quieté",
    "-nx",
    "-hx",
    "--no-quiet",
    "-no-quiet",
    "--no-name",
    "--no-help",
    "--name.a",
    "--quiet.a",
    "--a.b",
    "--__proto__",
    "--constructor",
    "--toString",
    "--hasOwnProperty",
    "--_",
    "-_",
    "-hname",
  ].flatMap((option): [string[], string][] => [
    [[option], `Unknown option "${option}"`],
    [[`${option}=c`], `Unknown option "${option}"`],
    [[option, "c"], `Unknown option "${option}"`],
  ]),
  [["--name"], 'Option "--name" needs a value'],
  [["-name"], 'Option "--name" needs a value'],
  [["--name="], 'Option "--name" needs a value'],
  [["--name", ""], 'Option "--name" needs a value'],
  [["--name", "--quiet"], 'Option "--name" needs a value'],
  [["--name", "-quiet"], 'Option "--name" needs a value'],
  [["--name", "--"], 'Option "--name" needs a value'],
  [["--quiet=true"], 'Option "--quiet" takes no value'],
  [["--quiet=false"], 'Option "--quiet" takes no value'],
  [["-quiet="], 'Option "--quiet" takes no value'],
  // Either error will do: no value begins with a dash.
  [["--name", "-x"], ""],
  [["--drain-timeout", "-5s"], ""],
  [["--drain-timeout", "-5"], ""],
  [["-h=1"], ""],
  [["-V=2"], ""],
  [["-h.x=1"], ""],
  [["--="], ""],
  [["--=x"], ""],
  [["-=x"], ""],
  [["--quiet", "--nope", "x"], 'Unknown option "--nope"'],
];
for (const [args, message] of REFUSED) {
  Deno.test(`options: ${shown(args)} is refused`, () => {
    assertThrows(() => parse(args), UsageError, message);
  });
}

Deno.test("options: a value that is the default was given nevertheless", () => {
  const { values, given } = parse(["--name", "nobody"]);
  assertEquals([values.name, given.name], ["nobody", true]);
});

Deno.test("options: an unknown option after -- is an argument", () => {
  assertEquals(parse(["--", "--__proto__=x"]).operands, ["--__proto__=x"]);
});

Deno.test("options: no option reaches Object.prototype", () => {
  for (const name of ["__proto__", "constructor.prototype", "a.__proto__"]) {
    assertThrows(() => parse([`--${name}.polluted=1`]), UsageError);
  }
  assertEquals("polluted" in {}, false);
});

function shown(args: readonly string[]): string {
  return args.map((arg) => JSON.stringify(arg)).join(" ");
}
