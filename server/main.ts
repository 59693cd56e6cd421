import { EXIT } from "../cli/exit_status.ts";
import { runProgram, versionLine } from "../cli/run_program.ts";
import { writeLine } from "../cli/write_line.ts";
import { ActivationError, listen, listenFds } from "../mod.ts";
import { acceptLine } from "./accept_line.ts";
import { chooseSocket } from "./choose_socket.ts";
import { SERVER_DEFAULTS } from "./defaults.ts";
import { EchoServer, type EchoServerOptions } from "./echo_server.ts";
import { LineLog } from "./line_log.ts";
import type { ServerOptions } from "./options.ts";
import { recvLine } from "./recv_line.ts";
import type { Reporting } from "./reporting.ts";

// A client waits for the start of the server. V8 reads all code that is loaded, so
// what its first echo does not need is imported later: the bundle has it in files of
// its own.

const NAME = "ipc-server";

/** What the first echo may take before the rest of the server starts, in milliseconds. */
const FIRST_ECHO_MS = 2;

/** How long writing the last warnings may take, in milliseconds. */
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
  const onSignal = stopper(server, loaded.promise, options.drainTimeoutMs);
  // Before anything is accepted: a signal must not cut a connection off.
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
    Deno.addSignalListener(signal, onSignal);
  }
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

/**
 * Returns what stops the server: the first call lets the connections finish, a
 * second one does not.
 */
function stopper(
  server: EchoServer,
  reporting: Promise<Reporting>,
  drainTimeoutMs: number,
): () => void {
  let signals = 0;
  return () => {
    signals += 1;
    if (signals > 1) return server.abort();
    server.stop();
    reporting.then(({ status }) => status.stop());
    setTimeout(() => server.abort(), drainTimeoutMs);
  };
}

await runProgram({ name: NAME, run });
