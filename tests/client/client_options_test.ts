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

const tcp = {
  addressText: "host:80",
  address: { transport: "tcp", hostname: "host", port: 80 },
} as const;

const UNDERSTOOD: [args: string[], changed: Partial<ClientOptions>][] = [
  [["/s"], {}],
  [["-unix", "/s"], {}],
  [["--unix", "/s"], {}],
  [["/s", "-unix"], {}],
  [["host:80"], tcp],
  [["-unix", "host:80"], {
    addressText: "host:80",
    address: { transport: "unix", path: "host:80" },
  }],
  [["--", "-s"], {
    addressText: "-s",
    address: { transport: "unix", path: "-s" },
  }],
  [["-unix", "7000"], {
    addressText: "7000",
    address: { transport: "unix", path: "7000" },
  }],
  [["-unix", "true"], {
    addressText: "true",
    address: { transport: "unix", path: "true" },
  }],
  [["--count", "3", "/s"], { count: 3 }],
  [["-count=0", "/s"], { count: 0 }],
  [["--count", "1000000000", "/s"], { count: 1_000_000_000 }],
  [["--interval", "200ms", "/s"], { intervalMs: 200 }],
  [["--interval=0", "/s"], { intervalMs: 0 }],
  [["--timeout", "1.5s", "/s"], { timeoutMs: 1_500 }],
  [["--retry", "/s"], { retry: true }],
  [["--connect-timeout", "3", "/s"], { connectTimeoutMs: 3_000 }],
  [["--interactive", "/s"], { interactive: true }],
  [["-interactive", "-unix", "/s"], { interactive: true }],
  [["--bench", "/s"], { bench: BENCH }],
  [["--bench", "--json", "--duration", "1.5s", "/s"], {
    bench: { ...BENCH, durationMs: 1_500, json: true },
  }],
  [[
    "--bench",
    "--size=67108864",
    "--connections=10000",
    "--pipeline=1000",
    "/s",
  ], {
    bench: {
      ...BENCH,
      sizeBytes: 67_108_864,
      connections: 10_000,
      pipeline: 1_000,
    },
  }],
  [["--bench", "--retry", "--timeout=1", "--connect-timeout=2", "/s"], {
    bench: BENCH,
    retry: true,
    timeoutMs: 1_000,
    connectTimeoutMs: 2_000,
  }],
];
for (const [args, changed] of UNDERSTOOD) {
  Deno.test(`ipc-client: [${args.join(" ")}] is understood`, () => {
    assertEquals(parseClientOptions(args, false), { ...DEFAULTS, ...changed });
  });
}

const TERMINAL: [args: string[], interactive: boolean][] = [
  [["/s"], true],
  [["-unix", "/s"], true],
  [["--interval", "1s", "/s"], true],
  [["--interactive", "/s"], true],
  [["--count", "10", "/s"], false],
  [["--bench", "/s"], false],
];
for (const [args, interactive] of TERMINAL) {
  const told = interactive ? "is" : "is not";
  Deno.test(`ipc-client: at a terminal, [${args.join(" ")}] ${told} interactive`, () => {
    const options = parseClientOptions(args, true) as ClientOptions;
    assertEquals(options.interactive, interactive);
  });
}

const SHOWN: [args: string[], show: "help" | "version"][] = [
  [["--help"], "help"],
  [["-h"], "help"],
  [["-help"], "help"],
  [["--version"], "version"],
  [["-V"], "version"],
  [["-h", "a", "b", "c"], "help"],
  [["--count", "x", "-V"], "version"],
];
for (const [args, show] of SHOWN) {
  Deno.test(`ipc-client: [${args.join(" ")}] shows the ${show}`, () => {
    assertEquals(parseClientOptions(args, false), show);
  });
}

const REFUSED: [args: string[], message: string][] = [
  [[], "No address given"],
  [["-unix"], "No address given"],
  [["--count", "3"], "No address given"],
  [["-unix", ""], 'Cannot parse address: ""'],
  [["/a", "/b"], 'Unexpected argument "/b"'],
  [["-unix=/a"], 'Option "--unix" takes no value'],
  [["-unxi", "/a"], 'Unknown option "-unxi"'],
  [["--quiet", "/a"], 'Unknown option "--quiet"'],
  [["host:0"], 'Cannot parse address: "host:0"'],
  [["--count=1000000001", "/s"], 'Cannot parse --count: "1000000001"'],
  [["--interval", "often", "/s"], 'Cannot parse --interval: "often"'],
  [["--timeout", "never", "/s"], 'Cannot parse --timeout: "never"'],
  [
    ["--timeout", "0", "/s"],
    'Cannot use --timeout: "0" must be longer than 0',
  ],
  [["--connect-timeout", "0s", "/s"], "Cannot use --connect-timeout"],
  [["--interactive", "--count", "3", "/s"], '"--interactive" with "--count"'],
  ...["--interactive", "--count=3", "--interval=1s"]
    .map((other): [string[], string] => [
      ["--bench", other, "/s"],
      `Cannot use "--bench" with "${other.split("=")[0]}"`,
    ]),
  ...["--duration=5s", "--size=64", "--connections=1", "--pipeline=1", "--json"]
    .map((other): [string[], string] => [
      [other, "/s"],
      `Cannot use "${other.split("=")[0]}" without "--bench"`,
    ]),
  [["--bench", "--duration=0", "/s"], 'Cannot use --duration: "0"'],
  [["--bench", "--duration=long", "/s"], 'Cannot parse --duration: "long"'],
  [["--bench", "--size=0", "/s"], "is not an integer from 1 to 67108864"],
  [["--bench", "--size=67108865", "/s"], 'Cannot parse --size: "67108865"'],
  [["--bench", "--connections=0", "/s"], "is not an integer from 1 to 10000"],
  [["--bench", "--pipeline=0", "/s"], "is not an integer from 1 to 1000"],
  [["--bench"], "No address given"],
];
for (const [args, message] of REFUSED) {
  Deno.test(`ipc-client: [${args.join(" ")}] is refused`, () => {
    assertThrows(() => parseClientOptions(args, false), UsageError, message);
  });
}
