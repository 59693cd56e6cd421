import { EXIT } from "../cli/exit_status.ts";
import { report, runProgram, versionLine } from "../cli/run_program.ts";
import { writeLine } from "../cli/write_line.ts";
import { ActivationError, listen, listenFds, logger } from "../mod.ts";
import { chooseSocket } from "./choose_socket.ts";
import { EchoServer } from "./echo_server.ts";
import { HELP, parseServerOptions } from "./options.ts";
import { recvLine } from "./recv_line.ts";

const NAME = "ipc-server";

async function run(args: readonly string[]): Promise<number> {
  const options = parseServerOptions(args);
  if (options.show === "help") writeLine(Deno.stdout, HELP);
  if (options.show === "version") writeLine(Deno.stdout, versionLine(NAME));
  if (options.show !== undefined) return EXIT.ok;

  try {
    const socket = chooseSocket(listenFds(), options.name);
    const listener = await listen(socket);
    const log = new Log();
    log.line("server start");
    const server = new EchoServer(
      listener,
      options.quiet ? () => {} : (chunk) => log.line(recvLine(chunk)),
    );
    stopOnSignal(server, options.drainTimeoutMs);
    await server.run();
    return EXIT.ok;
  } catch (error) {
    if (!(error instanceof ActivationError)) throw error;
    report(NAME, error);
    return EXIT.config;
  }
}

/** The first signal lets the connections finish, a second one does not. */
function stopOnSignal(server: EchoServer, drainTimeoutMs: number): void {
  let signals = 0;
  const onSignal = () => {
    signals += 1;
    if (signals > 1) return server.abort();
    server.stop();
    setTimeout(() => server.abort(), drainTimeoutMs);
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    Deno.addSignalListener(signal, onSignal);
  }
}

/** Standard output, which may go away without taking the service with it. */
class Log {
  #failing = false;

  line(text: string): void {
    try {
      writeLine(Deno.stdout, text);
      this.#failing = false;
    } catch (error) {
      if (this.#failing) return;
      this.#failing = true;
      const { message } = error as Error;
      logger({ name: NAME }).warning(`${message}; lines are lost, serving on`);
    }
  }
}

await runProgram({ name: NAME, run });
