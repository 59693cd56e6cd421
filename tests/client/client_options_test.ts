import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../cli/exit_status.ts";
import {
  type BenchSettings,
  type ClientOptions,
  parseClientOptions,
} from "../../client/options.ts";

const DEFAULTS: ClientOptions = {
  addressText: "/s",
  address: { transport: "unix", path: "/s" },
  interactive: false,
  count: 10,
  intervalMs: 2_000,
  timeoutMs: 10_000,
  connectTimeoutMs: 5_000,
  retry: false,
  bench: undefined,
};

const BENCH: BenchSettings = {
  durationMs: 5_000,
  sizeBytes: 64,
  connections: 1,
  pipeline: 1,
  json: false,
};

const unix = (path: string): Partial<ClientOptions> => ({
  addressText: path,
  address: { transport: "unix", path },
});

const UNDERSTOOD: [args: string, changed: Partial<ClientOptions>][] = [
  ["/s", {}],
  ["-unix /s", {}],
  ["/s -unix", {}],
  ["host:80", {
    addressText: "host:80",
    address: { transport: "tcp", hostname: "host", port: 80 },
  }],
  ["-unix host:80", unix("host:80")],
  ["-unix 7000", unix("7000")],
  ["-unix true", unix("true")],
  ["-- -s", unix("-s")],
  ["-count=0 /s", { count: 0 }],
  ["--count 1000000000 /s", { count: 1_000_000_000 }],
  ["--interval 200ms /s", { intervalMs: 200 }],
  ["--interval=0 /s", { intervalMs: 0 }],
  ["--timeout 1.5s /s", { timeoutMs: 1_500 }],
  ["--retry /s", { retry: true }],
  ["--connect-timeout 3 /s", { connectTimeoutMs: 3_000 }],
  ["-interactive -unix /s", { interactive: true }],
  ["--bench /s", { bench: BENCH }],
  ["--bench --json --duration 1.5s /s", {
    bench: { ...BENCH, durationMs: 1_500, json: true },
  }],
  ["--bench --size=67108864 --connections=10000 --pipeline=1000 /s", {
    bench: {
      ...{ ...BENCH, sizeBytes: 67_108_864 },
      ...{ connections: 10_000, pipeline: 1_000 },
    },
  }],
  ["--bench --retry --timeout=1 --connect-timeout=2 /s", {
    bench: BENCH,
    retry: true,
    timeoutMs: 1_000,
    connectTimeoutMs: 2_000,
  }],
];
const parse = (args: string, isTerminal = false) =>
  parseClientOptions(args.split(" "), isTerminal);

for (const [args, changed] of UNDERSTOOD) {
  Deno.test(`ipc-client: [${args}] is understood`, () => {
    assertEquals(parse(args), { ...DEFAULTS, ...changed });
  });
}

const AT_TERMINAL: [args: string, interactive: boolean][] = [
  ["/s", true],
  ["--interval 1s /s", true],
  ["--interactive /s", true],
  ["--count 10 /s", false],
  ["--bench /s", false],
];
Deno.test("ipc-client: at a terminal it is interactive, unless it counts or measures", () => {
  for (const [args, interactive] of AT_TERMINAL) {
    const options = parse(args, true) as ClientOptions;
    assertEquals(options.interactive, interactive, args);
  }
});

Deno.test("ipc-client: help and version are shown whatever else is given", () => {
  assertEquals(parse("-h a b c"), "help");
  assertEquals(parse("--count x -V"), "version");
});

const REFUSED: [args: string, message: string][] = [
  ["-unix", "No address given"],
  ["--count 3", "No address given"],
  ["/a /b", 'Unexpected argument "/b"'],
  ["--quiet /a", 'Unknown option "--quiet"'],
  ["host:0", 'Cannot parse address: "host:0"'],
  ["--count=1000000001 /s", 'Cannot parse --count: "1000000001"'],
  ["--interval often /s", 'Cannot parse --interval: "often"'],
  ["--timeout never /s", 'Cannot parse --timeout: "never"'],
  ["--timeout 0 /s", 'Cannot use --timeout: "0" must be longer than 0'],
  ["--connect-timeout 0s /s", "Cannot use --connect-timeout"],
  ["--interactive --count 3 /s", '"--interactive" with "--count"'],
  ["--bench --interactive /s", '"--bench" with "--interactive"'],
  ["--bench --count=3 /s", '"--bench" with "--count"'],
  ["--bench --interval=1s /s", '"--bench" with "--interval"'],
  ["--duration=5s /s", '"--duration" without "--bench"'],
  ["--size=64 /s", '"--size" without "--bench"'],
  ["--connections=1 /s", '"--connections" without "--bench"'],
  ["--pipeline=1 /s", '"--pipeline" without "--bench"'],
  ["--json /s", '"--json" without "--bench"'],
  ["--bench --duration=0 /s", 'Cannot use --duration: "0"'],
  ["--bench --size=0 /s", "is not an integer from 1 to 67108864"],
  ["--bench --connections=0 /s", "is not an integer from 1 to 10000"],
  ["--bench --pipeline=0 /s", "is not an integer from 1 to 1000"],
];
for (const [args, message] of REFUSED) {
  Deno.test(`ipc-client: [${args}] is refused`, () => {
    assertThrows(() => parse(args), UsageError, message);
  });
}
