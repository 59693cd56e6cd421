import { EXIT } from "../cli/exit_status.ts";
import { helpText } from "../cli/help_text.ts";
import { runProgram, versionLine } from "../cli/run_program.ts";
import { type LineSink, outputError, writeLine } from "../cli/write_line.ts";
import { connect } from "./connect.ts";
import { count } from "./count.ts";
import { interact } from "./interact.ts";
import { LineEditor } from "./line_editor.ts";
import {
  CLIENT_USAGE,
  type ClientOptions,
  parseClientOptions,
} from "./options.ts";
import { runBench } from "./run_bench.ts";

const NAME = "ipc-client";

async function run(args: readonly string[]): Promise<number> {
  const options = parseClientOptions(args, Deno.stdin.isTerminal());
  if (options === "help") writeLine(Deno.stdout, helpText(CLIENT_USAGE));
  else if (options === "version") writeLine(Deno.stdout, versionLine(NAME));
  else if (options.bench !== undefined) {
    return await runBench(
      { ...options, ...options.bench },
      () => dial(options),
    );
  } else if (options.interactive) await runInteractive(options);
  else await runCount(options);
  return EXIT.ok;
}

async function runCount(options: ClientOptions): Promise<void> {
  const print = (line: string) => writeLine(Deno.stdout, line);
  print("client start");
  print(`connect server by socket:${options.addressText}`);
  const conn = await dial(options);
  await count(conn, options, print);
}

function dial(options: ClientOptions): Promise<Deno.Conn> {
  const { address, addressText, connectTimeoutMs: timeoutMs, retry } = options;
  return connect(address, addressText, { timeoutMs, retry });
}

async function runInteractive(options: ClientOptions): Promise<void> {
  const conn = await dial(options);
  if (LineEditor.isPossible()) return await runAtTerminal(conn, options);
  // As a filter, stdout carries only the replies.
  const messages: LineSink = Deno.stdin.isTerminal()
    ? Deno.stdout
    : Deno.stderr;
  writeLine(messages, "connect success !");
  await interact(conn, options, {
    input: Deno.stdin.readable,
    output: {
      write: (bytes) =>
        Deno.stdout.write(bytes).catch((cause) => {
          throw outputError(cause);
        }),
    },
  });
}

async function runAtTerminal(
  conn: Deno.Conn,
  options: ClientOptions,
): Promise<void> {
  using editor = await LineEditor.open();
  writeLine(Deno.stdout, "connect success !");
  await interact(conn, options, editor);
}

await runProgram({ name: NAME, run });
