import { assertEquals, assertRejects } from "@std/assert";
import { UsageError } from "../../cli/exit_status.ts";
import {
  type IpcServerOptions,
  parseServerOptions,
  SERVER_DEFAULTS,
} from "../../server/options.ts";

/** Those of the usage. */
const DEFAULTS = await parseServerOptions(["--name", SERVER_DEFAULTS.name]);

Deno.test("ipc-server: no arguments mean the defaults of the usage", () => {
  assertEquals(SERVER_DEFAULTS, DEFAULTS);
});

const UNDERSTOOD: [line: string, changed: Partial<IpcServerOptions>][] = [
  ["--name other.socket", { name: "other.socket" }],
  ["--quiet", { quiet: true }],
  ["--check", { check: true }],
  ["--drain-timeout 200ms", { drainTimeoutMs: 200 }],
  ["--idle-timeout 90s", { idleTimeoutMs: 90_000 }],
  ["--connection-timeout 5min", { connectionTimeoutMs: 300_000 }],
  ["--max-connections 1", { maxConnections: 1 }],
  ["--max-waiting 0", { maxWaiting: 0 }],
  ["--backlog=4096", { backlog: 4_096 }],
  ["-h", { show: "help" }],
  ["-V", { show: "version" }],
  ["-V -h", { show: "help" }],
];

Deno.test("ipc-server: each option changes its value", async () => {
  for (const [line, changed] of UNDERSTOOD) {
    const options = await parseServerOptions(line.split(" "));
    assertEquals(options, { ...DEFAULTS, ...changed }, line);
  }
});

const REFUSED: [line: string, message: string][] = [
  ["--quiet 7", 'Unexpected argument "7"'],
  ["--drain-timeout soon", 'Cannot parse --drain-timeout: "soon"'],
  ["--max-connections=0", "is not an integer from 1 to 1000000"],
  ["--max-waiting=1000001", "is not an integer from 0 to 1000000"],
  ["--backlog=0", "is not an integer from 1 to 1000000"],
];

Deno.test("ipc-server: wrong arguments are refused", async () => {
  for (const [line, message] of REFUSED) {
    const parsing = () => parseServerOptions(line.split(" "));
    await assertRejects(parsing, UsageError, message, line);
  }
});
