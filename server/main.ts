import { EXIT } from "../cli/exit_status.ts";
import { runProgram, versionLine } from "../cli/run_program.ts";
import { writeLine } from "../cli/write_line.ts";
import { ActivationError, listen, listenFds } from "../mod.ts";
import { onStopSignals } from "../serve/_stop_signals.ts";
import { acceptLine, recvLine } from "./recv_line.ts";
import { chooseSocket } from "./choose_socket.ts";
import { SERVER_DEFAULTS } from "./defaults.ts";
import { EchoServer, type EchoServerOptions } from "./echo_server.ts";
import { LineLog } from "./line_log.ts";
import type { ServerOptions } from "./options.ts";
import type { Reporting } from "./reporting.ts";

// A client waits while the server starts, and V8 parses all code that is loaded. Code
// that the first echo does not need is imported later, from chunks of the bundle.

const NAME = "ipc-server";

const STOP_SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"] as const;

/** The time for the first echo before the rest of the server loads, in milliseconds. */
const FIRST_ECHO_MS = 2;

/** The time to write the last warnings, in milliseconds. */
const LAST_WARNINGS_MS = 1_000;

async function run(args: readonly string[]): Promise<number> {
  const options = args.length === 0
    ? SERVER_DEFAULTS
    : (await import("./options.ts")).parseServerOptions(args);
  if (options.show === "help") {
    const { helpText } = await import("../cli/help_text.ts");
    const { SERVER_USAGE } = await import("./usage.ts");
    writeLine(Deno.stdout, helpText(SERVER_USAGE));
  }
  if (options.show === "version") writeLine(Deno.stdout, versionLine(NAME));
  if (options.show !== undefined) return EXIT.ok;
  if (options.check) {
    const { check } = await import("./check.ts");
    const { env, pid, stdout: sink } = Deno;
    return await check(options, { env, pid, sink });
  }
  try {
    return await serve(options);
  } catch (error) {
    if (!(error instanceof ActivationError)) throw error;
    const { report } = await import("../cli/report.ts");
    report(NAME, error);
    return EXIT.config;
  }
}

async function serve(options: ServerOptions): Promise<number> {
  const socket = chooseSocket(listenFds(), options.name);
  const listener = await listen(socket, { backlog: options.backlog });

  const loaded = Promise.withResolvers<Reporting>();
  const lines = new LineLog(Deno.stdout, async (count, reason) => {
    (await loaded.promise).lost(count, reason);
  }, { held: true });
  lines.line("server start");
  const server = new EchoServer(listener, {
    ...options,
    onConnection: chunkLog(options, lines),
    onRefused: async () => (await loaded.promise).refused(),
  });
  const stop = () => {
    server.stop();
    loaded.promise.then(({ status }) => status.stop());
    setTimeout(() => server.abort(), options.drainTimeoutMs);
  };
  // Before the first accept, so that a signal drains that connection too.
  onStopSignals(STOP_SIGNALS, stop, () => server.abort());
  const stopped = server.run();

  await new Promise((resolve) => setTimeout(resolve, FIRST_ECHO_MS));
  const { Reporting } = await import("./reporting.ts");
  const reporting = new Reporting(NAME, server, options);
  loaded.resolve(reporting);
  using status = reporting.status;
  lines.flush();
  await Promise.all([stopped, status.start()]);

  await status.stop();
  await atMost(options.drainTimeoutMs, lines.flush());
  lines.giveUp();
  await atMost(LAST_WARNINGS_MS, reporting.flush());
  return EXIT.ok;
}

/** Waits for a promise, at most a time in milliseconds. */
async function atMost(ms: number, promise: Promise<unknown>): Promise<void> {
  const late = new Promise((resolve) => setTimeout(resolve, ms));
  await Promise.race([promise, late]);
}

/** Returns the `onConnection` that logs connections and chunks as the options say. */
function chunkLog(
  { quiet, connectionNumbers }: ServerOptions,
  lines: LineLog,
): EchoServerOptions["onConnection"] {
  if (!connectionNumbers) {
    const onChunk = quiet
      ? undefined
      : (chunk: Uint8Array) => lines.line(recvLine(chunk));
    return () => onChunk;
  }
  let accepted = 0;
  return ({ remoteAddr }) => {
    const label = `[${++accepted}] `;
    lines.line(acceptLine(remoteAddr, label));
    return quiet ? undefined : (chunk) => lines.line(recvLine(chunk, label));
  };
}

await runProgram({ name: NAME, run });
