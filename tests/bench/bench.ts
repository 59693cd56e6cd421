/**
 * The program behind `make bench`: our server beside others, each measured in
 * turn, in rounds. Prints its tables, and writes them to a file.
 *
 * From the environment: `ROUNDS`, `SECONDS_EACH`, `HELD`,
 * `CONTENDERS` and `REPORT`, which `make help` describes.
 *
 * @module
 */

import { compileC } from "./build.ts";
import { buildField } from "./contenders.ts";
import { measureRound } from "./measures.ts";
import { report } from "./report.ts";
import { Samples } from "./samples.ts";
import { readSettings } from "./settings.ts";
import { Tools } from "./tools.ts";

const BUILD = new URL("../../build/", import.meta.url).pathname;

async function main(): Promise<void> {
  const settings = readSettings();
  // Executables are large, which a temporary directory in memory is not for;
  // the paths of sockets are short.
  using cleanUp = new DisposableStack();
  const temporary = (dir?: string) => {
    const path = Deno.makeTempDirSync({ dir, prefix: "ipc-bench-" });
    cleanUp.defer(() => Deno.removeSync(path, { recursive: true }));
    return path;
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => {
      cleanUp.dispose();
      Deno.exit(130);
    });
  }
  console.log("building what is compared");
  const into = temporary(BUILD);
  const tools = new Tools(await compileC("load.c", into), temporary());
  const field = await buildField(settings.only, {
    into,
    socketOf: (key) => tools.socketOf(key),
    v8Flags: settings.v8Flags,
  });
  const bench = { ...field, settings, tools, samples: new Samples() };
  for (const reason of field.skipped) console.log(reason);
  for (let round = 0; round < settings.rounds; round++) {
    const start = performance.now();
    await measureRound(bench, round);
    const seconds = (performance.now() - start) / 1e3;
    console.log(
      `round ${round + 1} of ${settings.rounds}: ${seconds.toFixed(1)} s`,
    );
  }
  const text = report(bench);
  Deno.writeTextFileSync(settings.report, text);
  console.log(`\n${text}\nwritten to ${settings.report}`);
}

try {
  await main();
  Deno.exit(0);
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : error}`);
  Deno.exit(1);
}
