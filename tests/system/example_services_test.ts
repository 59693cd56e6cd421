// Examples that notify, as services with Type=notify and a watchdog: pings and servers
// continue after the end of their module.

import { assert, assertEquals } from "@std/assert";
import { examples, exampleSources } from "../docs/examples.ts";
import { compile } from "../support/compile.ts";
import { TempDir } from "../support/temp_dir.ts";
import { Machine, type Tree } from "./machine.ts";

const PROGRAM = "/usr/local/bin/ipc-examples";

/**
 * Each with its file. An example with an environment of its own does not notify; one
 * that names its sockets or credentials does not run without them.
 */
const NOTIFYING = exampleSources().flatMap((path) =>
  examples(path)
    .filter((code) =>
      /\b(notify|ready|watchdog|serve)\(/.test(code) &&
      !/\benv\b|shutdown\(|name: "|credential\(/.test(code)
    )
    .map((code) => ({ path, code }))
);

/** A service has other work, pings its watchdog, and sends READY. */
function completed(code: string): string {
  if (/serve\(/.test(code)) return code;
  const pings = /\bwatchdog\(/.test(code) ? "" : "rest.watchdog();";
  const ready = /\bready\b/.test(code) ? "" : "await rest.ready();";
  return `import * as rest from "@ipc/ipc";
${code}
${pings}${ready}
setInterval(() => {}, 1_000);
`;
}

async function installExamples(tree: Tree): Promise<void> {
  using directory = new TempDir();
  const cases = NOTIFYING.map(({ code }, i) => {
    Deno.writeTextFileSync(directory.join(`${i}.ts`), completed(code));
    return `case "${i}": await import("./${i}.ts"); break;`;
  });
  const main = directory.join("main.ts");
  Deno.writeTextFileSync(main, `switch (Deno.args[0]) {${cases.join("")}}`);
  const executable = directory.join("examples");
  await compile(main, executable, ["--allow-all"]);
  await tree.run("install", "-D", executable, `${tree.root}${PROGRAM}`);
  for (const i of NOTIFYING.keys()) {
    const unit = directory.join(`example-${i}.service`);
    Deno.writeTextFileSync(
      unit,
      `[Service]
Type=notify
ExecStart=${PROGRAM} ${i}
WatchdogSec=500ms
WatchdogSignal=SIGKILL
TimeoutStartSec=10s
Environment=DENO_NO_UPDATE_CHECK=1
`,
    );
    await tree.run(
      ...["install", "-D", "--mode=644", unit] as const,
      `${tree.root}/etc/systemd/system/example-${i}.service`,
    );
  }
}

let machine: Machine;
Deno.test.beforeAll(async () => {
  machine = await Machine.boot({ prepare: installExamples });
});
Deno.test.afterAll(() => machine?.[Symbol.asyncDispose]());

Deno.test("there are examples that notify", () => {
  const paths = NOTIFYING.map(({ path }) => path);
  for (const path of ["README.md", "daemon/watchdog.ts", "daemon/mod.ts"]) {
    assert(paths.includes(path), `${path} is not among ${paths}`);
  }
});

for (const [i, { path }] of NOTIFYING.entries()) {
  Deno.test(`example ${i}, in ${path}, is up and stays up under a watchdog`, async () => {
    const unit = `example-${i}.service`;
    await machine.systemctl("start", unit);
    const pid = await machine.mainPid(unit);
    // Two pings take an interval.
    await machine.pinged(unit, 6);
    await machine.reaches(unit, "active (running)");
    assertEquals(await machine.mainPid(unit), pid);
    await machine.systemctl("stop", unit);
  });
}
