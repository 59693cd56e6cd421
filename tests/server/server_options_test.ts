import { assertEquals, assertRejects } from "@std/assert";
import { UsageError } from "../../cli/exit_status.ts";
import {
  parseServerOptions,
  SERVER_DEFAULTS,
  type ServerOptions,
} from "../../server/options.ts";

/** Those of the usage. */
const DEFAULTS = await parseServerOptions(["--name", SERVER_DEFAULTS.name]);

Deno.test("ipc-server: no arguments mean the defaults of the usage", () => {
  assertEquals(SERVER_DEFAULTS, DEFAULTS);
});

const UNDERSTOOD: [args: string[], changed: Partial<ServerOptions>][] = [
  [["--name", "other.socket"], { name: "other.socket" }],
  [["-name=other.socket"], { name: "other.socket" }],
  [["--quiet"], { quiet: true }],
  [["--check"], { check: true }],
  [["--drain-timeout", "200ms"], { drainTimeoutMs: 200 }],
  [["--drain-timeout=1.5s"], { drainTimeoutMs: 1_500 }],
  [["--drain-timeout", "3"], { drainTimeoutMs: 3_000 }],
  [["--drain-timeout", "0"], { drainTimeoutMs: 0 }],
  [["--idle-timeout", "90s"], { idleTimeoutMs: 90_000 }],
  [["--connection-timeout", "5min"], { connectionTimeoutMs: 300_000 }],
  [["--max-connections", "1"], { maxConnections: 1 }],
  [["--max-waiting", "0"], { maxWaiting: 0 }],
  [["--backlog=4096"], { backlog: 4_096 }],
  [["--help"], { show: "help" }],
  [["-h"], { show: "help" }],
  [["--version"], { show: "version" }],
  [["-V"], { show: "version" }],
  [["-V", "-h"], { show: "help" }],
  [["--quiet", "--name", "x", "--drain-timeout", "1"], {
    quiet: true,
    name: "x",
    drainTimeoutMs: 1_000,
  }],
];
for (const [args, changed] of UNDERSTOOD) {
  Deno.test(`ipc-server: [${args.join(" ")}] is understood`, async () => {
    assertEquals(await parseServerOptions(args), { ...DEFAULTS, ...changed });
  });
}

const REFUSED: [args: string[], message: string][] = [
  [["stray"], 'Unexpected argument "stray"'],
  [["-"], 'Unexpected argument "-"'],
  [["--", "--quiet"], 'Unexpected argument "--quiet"'],
  [["--quiet", "7"], 'Unexpected argument "7"'],
  [["--unix"], 'Unknown option "--unix"'],
  [["--name"], 'Option "--name" needs a value'],
  [["--quiet=yes"], 'Option "--quiet" takes no value'],
  [["--drain-timeout", "soon"], 'Cannot parse --drain-timeout: "soon"'],
  [["--drain-timeout=-1s"], 'Cannot parse --drain-timeout: "-1s"'],
  [["--drain-timeout", "30d"], 'Cannot parse --drain-timeout: "30d"'],
  [["--max-connections=0"], "is not an integer from 1 to 1000000"],
  [["--max-waiting=1000001"], "is not an integer from 0 to 1000000"],
  [["--backlog=0"], "is not an integer from 1 to 1000000"],
];
for (const [args, message] of REFUSED) {
  Deno.test(`ipc-server: [${args.join(" ")}] is refused`, async () => {
    await assertRejects(() => parseServerOptions(args), UsageError, message);
  });
}
