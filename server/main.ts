import { EXIT } from "../cli/exit_status.ts";
import { runProgram, versionLine } from "../cli/run_program.ts";
import { writeLine } from "../cli/write_line.ts";
import { ActivationError, listenFds, serveConns, service } from "../mod.ts";
import { recvLine } from "./recv_line.ts";
import { chooseSocket } from "./choose_socket.ts";
import { Echo } from "./echo.ts";
import { LineLog } from "./line_log.ts";
import {
  type IpcServerOptions,
  parseServerOptions,
  SERVER_USAGE,
} from "./options.ts";
import type { Reporting } from "./reporting.ts";

// A client waits while the server starts, and V8 parses all code that is loaded. Code
// that the first echo does not need is imported later, from chunks of the bundle.

const NAME = "ipc-server";

/** The time for the first echo before the rest of the server loads, in milliseconds. */
const FIRST_ECHO_MS = 2;

/** The time to write the last lines, and the last warnings, in milliseconds. */
const LAST_LINES_MS = 400;

async function run(args: readonly string[]): Promise<number> {
  const options = await parseServerOptions(args);
  if (options.show === "help") {
    const { helpText } = await import("../cli/help_text.ts");
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
    const { fail } = await import("../cli/fail.ts");
    fail(NAME, error);
    return EXIT.config;
  }
}

async function serve(options: IpcServerOptions): Promise<number> {
  const { name } = chooseSocket(listenFds(), options.name);
  const loading = Promise.withResolvers<Reporting>();
  const loaded = loading.promise;
  const lines = new LineLog(Deno.stdout, async (count, reason) => {
    (await loaded).lost(count, reason);
  }, { held: true });
  lines.line("server start");
  const life = service();
  const cut = Promise.withResolvers<void>();
  // Begins with the end of the service: the rest of the server may still load then.
  const lastWork = life.finished.then(() => life.hold(cut.resolve));
  Deno.addSignalListener("SIGHUP", () => void life.stop());
  const echo = new Echo();
  const onChunk = options.quiet
    ? undefined
    : (chunk: Uint8Array) => lines.line(recvLine(chunk));
  const server = await serveConns(
    (conn, info) => echo.serve(conn, info, onChunk),
    {
      ...options,
      name,
      // An error of one peer does not affect the others.
      onError() {},
      onRefused: async () => (await loaded).refused(),
      // The member below notifies systemd, once the first client has its echo.
      notify: false,
    },
  );

  await delay(FIRST_ECHO_MS);
  const { Reporting } = await import("./reporting.ts");
  const { StatusReport, statusLine } = await import("./status_report.ts");
  const reporting = new Reporting(NAME, options);
  loading.resolve(reporting);
  using status = new StatusReport(
    () => statusLine(echo.status, server.waiting),
    () => reporting.lackOfDescriptors(),
  );
  if (!life.stopping.aborted) {
    life.join({
      ...options,
      status: () => status.start(),
      onNotifyError: (error) => reporting.notifyFailed(error),
    });
  }
  lines.flush();

  using _ = await lastWork;
  const late = cut.promise.then(() => delay(LAST_LINES_MS));
  await Promise.race([lines.flush(), late]);
  lines.giveUp();
  await Promise.race([reporting.flush(), delay(LAST_LINES_MS)]);
  return EXIT.ok;
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

await runProgram({ name: NAME, run });
