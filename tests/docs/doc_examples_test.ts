// Examples in doc comments and pages that are services: they keep working after their
// module has ended.

import { assert, assertEquals } from "@std/assert";
import { NotifyReceiver } from "../support/notify_receiver.ts";
import { Program, REPOSITORY } from "../support/program.ts";
import { DENO_RUN, denoEnv } from "../support/script.ts";
import { TempDir } from "../support/temp_dir.ts";
import { examples, files } from "./pages.ts";

Deno.test("no example disposes at the end of its module of what a service needs", () => {
  const sources =
    /^(mod\.ts|README\.md|(activation|daemon|serve|docs|examples)\/.*\.(ts|md))$/;
  const all = files().filter((path) => sources.test(path))
    .flatMap((path) => examples(path));
  assert(all.length > 20, `${all.length} examples`);
  const disposes = /^(await )?using .*\b(watchdog|claim|serve|listen\w*)\(/m;
  assertEquals(all.filter((code) => disposes.test(code)), []);
});

for (const path of ["daemon/mod.ts", "daemon/watchdog.ts"]) {
  Deno.test(`the pings of the example in ${path} continue after its module has ended`, async () => {
    using directory = new TempDir();
    using receiver = new NotifyReceiver();
    const code = examples(path).find((code) => code.includes("watchdog("));
    const program = directory.join("example.ts");
    // A service has something else to do, which keeps its process alive.
    const service = `${code}\nsetInterval(() => {}, 1_000);\n`;
    await Deno.writeTextFile(program, service);
    const [deno, ...args] = [...DENO_RUN, "--allow-all"];
    args.push(`--config=${REPOSITORY}deno.json`, program);
    const env = Object.fromEntries(receiver.env);
    await using _running = new Program(deno!, args, {
      env: { ...denoEnv(), ...env, WATCHDOG_USEC: "100000" },
    });
    for (let pings = 0; pings < 5;) {
      if (await receiver.next() === "WATCHDOG=1") pings += 1;
    }
  });
}
