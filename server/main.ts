import { EXIT } from "../cli/exit_status.ts";
import { helpText } from "../cli/help_text.ts";
import { report, runProgram, versionLine } from "../cli/run_program.ts";
import { writeLine } from "../cli/write_line.ts";
import {
  ActivationError,
  listen,
  listenFds,
  type Logger,
  logger,
} from "../mod.ts";
import { check } from "./check.ts";
import { acceptLine } from "./accept_line.ts";
import { chooseSocket } from "./choose_socket.ts";
import { EchoServer, type EchoServerOptions } from "./echo_server.ts";
import { LineLog } from "./line_log.ts";
import { parseServerOptions, type ServerOptions } from "./options.ts";
import { recvLine } from "./recv_line.ts";
import { StatusReport } from "./report_status.ts";
import { throttle } from "./throttle.ts";
import { SERVER_USAGE } from "./usage.ts";

const NAME = "ipc-server";

/** How often refused connections are told of at most, in milliseconds. */
const REFUSED_INTERVAL_MS = 1_000;

/** How often lost lines are told of at most, in milliseconds. */
const LOST_INTERVAL_MS = 10_000;

/** How long writing the last warnings may take, in milliseconds. */
const LAST_WARNINGS_MS = 1_000;

async function run(args: readonly string[]): Promise<number> {
  const options = parseServerOptions(args);
  if (options.show === "help") writeLine(Deno.stdout, helpText(SERVER_USAGE));
  if (options.show === "version") writeLine(Deno.stdout, versionLine(NAME));
  if (options.show !== undefined) return EXIT.ok;
  if (options.check) {
    const { env, pid, stdout: sink } = Deno;
    return await check(options, { env, pid, sink });
  }
  try {
    return await serve(options);
  } catch (error) {
    if (!(error instanceof ActivationError)) throw error;
    report(NAME, error);
    return EXIT.config;
  }
}

async function serve(options: ServerOptions): Promise<number> {
  const socket = chooseSocket(listenFds(), options.name);
  const listener = await listen(socket, { backlog: options.backlog });

  // The journal reads both outputs, or neither: a warning must not wait either.
  const warnings = new LineLog(Deno.stderr, () => {});
  const log = logger({
    name: NAME,
    sink: warnings,
    journal: Deno.stderr.isTerminal() ? false : undefined,
  });
  const refused = throttle(REFUSED_INTERVAL_MS, (count) => {
    const connections = count === 1 ? "connection" : "connections";
    log.warning(
      `Closed ${count} ${connections}: ${options.maxConnections} are served and ${options.maxWaiting} wait; see --max-connections and --max-waiting`,
    );
  });
  let reason = "";
  // A full disk would fill stderr too.
  const lost = throttle(LOST_INTERVAL_MS, (count) => {
    log.warning(`Cannot write output: ${reason}; lines lost: ${count}`);
  });
  const lines = new LineLog(Deno.stdout, (count, why) => {
    reason = why;
    lost(count);
  });
  lines.line("server start");

  const server = new EchoServer(listener, {
    ...options,
    onConnection: chunkLog(options, lines),
    onRefused: refused,
  });
  using status = new StatusReport(() => server.status, log);
  stopOnSignal(server, status, options.drainTimeoutMs);
  await Promise.all([server.run(), status.start()]);
  await status.stop();
  await atMost(options.drainTimeoutMs, lines.flush());
  lines.giveUp();
  for (const { flush } of [lost, refused]) flush();
  await atMost(LAST_WARNINGS_MS, warnings.flush());
  return EXIT.ok;
}

/** Waits for a promise, no longer than a time in milliseconds. */
async function atMost(ms: number, promise: Promise<unknown>): Promise<void> {
  const late = new Promise((resolve) => setTimeout(resolve, ms));
  await Promise.race([promise, late]);
}

/** Returns what logs the chunks of each connection; undefined when nothing does. */
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

/** The first signal lets the connections finish, a second one does not. */
function stopOnSignal(
  server: EchoServer,
  status: StatusReport,
  drainTimeoutMs: number,
): void {
  let signals = 0;
  const onSignal = () => {
    signals += 1;
    if (signals > 1) return server.abort();
    server.stop();
    status.stop();
    setTimeout(() => server.abort(), drainTimeoutMs);
  };
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
    Deno.addSignalListener(signal, onSignal);
  }
}

await runProgram({ name: NAME, run });
