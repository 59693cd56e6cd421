// Examples in doc comments and pages that are services: they go on after the end of
// their module.

import { assert, assertEquals } from "@std/assert";
import { DENO_RUN } from "../support/deno_run.ts";
import { NotifyReceiver } from "../support/notify_receiver.ts";
import { Program, REPOSITORY } from "../support/program.ts";
import { denoEnv } from "../support/script.ts";
import { TempDir } from "../support/temp_dir.ts";
import { examples, exampleSources } from "./examples.ts";

Deno.test("no example disposes at the end of its module of what a service needs", () => {
  const all = exampleSources().flatMap((path) =>
    examples(path).map((code) => ({ path, code }))
  );
  assert(all.length > 20, `${all.length} examples`);
  const ending = all.filter(({ code }) =>
    /^(await )?using .*\b(watchdog|claim|serve|listen\w*)\(/m.test(code)
  );
  assertEquals(ending, []);
});

for (const path of ["daemon/mod.ts", "daemon/watchdog.ts"]) {
  Deno.test(`the pings of the example in ${path} go on after its module has ended`, async () => {
    using directory = new TempDir();
    using receiver = new NotifyReceiver(directory.join("notify"));
    const [example] = examples(path).filter((code) =>
      code.includes("watchdog(")
    );
    const program = directory.join("example.ts");
    // A service has something else to do, which keeps its process alive.
    await Deno.writeTextFile(
      program,
      `${example}\nsetInterval(() => {}, 1_000);\n`,
    );
    const [deno, ...args] = [
      ...DENO_RUN,
      ...["--allow-all", `--config=${REPOSITORY}deno.json`, program],
    ];
    await using _running = new Program(deno!, args, {
      env: {
        ...denoEnv(),
        NOTIFY_SOCKET: receiver.socket,
        WATCHDOG_USEC: "100000",
      },
    });
    for (let pings = 0; pings < 5;) {
      if (await receiver.next() === "WATCHDOG=1") pings += 1;
    }
  });
}
