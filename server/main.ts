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
import { atMostEvery } from "./at_most_every.ts";
import { check } from "./check.ts";
import { chooseSocket } from "./choose_socket.ts";
import { EchoServer } from "./echo_server.ts";
import { LineLog } from "./line_log.ts";
import { parseServerOptions, type ServerOptions } from "./options.ts";
import { recvLine } from "./recv_line.ts";
import { StatusReport } from "./report_status.ts";
import { SERVER_USAGE } from "./usage.ts";

const NAME = "ipc-server";

/** How often refused connections are told of at most, in milliseconds. */
const REFUSED_INTERVAL_MS = 1_000;

/** How often lost lines are told of at most, in milliseconds. */
const LOST_INTERVAL_MS = 10_000;

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
  const lines = new LineLog(Deno.stdout, tellOfLostLines(log));
  lines.line("server start");

  const server = new EchoServer(listener, {
    ...options,
    onChunk: options.quiet ? undefined : (chunk) => lines.line(recvLine(chunk)),
    onRefused: atMostEvery(REFUSED_INTERVAL_MS, (count) => {
      const connections = count === 1 ? "connection" : "connections";
      log.warning(
        `Closed ${count} ${connections}: ${options.maxConnections} are served and ${options.maxWaiting} wait; see --max-connections and --max-waiting`,
      );
    }),
  });
  using status = new StatusReport(() => server.status, log);
  stopOnSignal(server, status, options.drainTimeoutMs);
  await Promise.all([server.run(), status.start()]);
  await status.stop();
  await Promise.race([
    lines.flush().then(() => warnings.flush()),
    new Promise((resolve) => setTimeout(resolve, options.drainTimeoutMs)),
  ]);
  return EXIT.ok;
}

/** Tells of lines that could not be written; a full disk would fill stderr too. */
function tellOfLostLines(log: Logger): (lines: number, why: string) => void {
  let lost = 0;
  let reason = "";
  const tell = atMostEvery(LOST_INTERVAL_MS, () => {
    log.warning(
      `Cannot write output: ${reason}; lines lost: ${lost}; serving on`,
    );
    lost = 0;
  });
  return (lines, why) => {
    lost += lines;
    reason = why;
    tell();
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
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    Deno.addSignalListener(signal, onSignal);
  }
}

await runProgram({ name: NAME, run });
