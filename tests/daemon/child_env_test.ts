import { assertEquals } from "@std/assert";
import { runScript } from "../support/script.ts";

Deno.test("a child gets the environment without its parent's variables", async () => {
  const { stdout } = await runScript(
    `const env = { ADDED: "added", WATCHDOG_USEC: "6" };
    const { stdout } = await new Deno.Command("env", childEnv(env)).output();
    Deno.stdout.writeSync(stdout);`,
    {
      flags: ["--allow-env", "--allow-run"],
      env: {
        KEPT: "kept",
        ...{ LISTEN_PID: "1", LISTEN_PIDFDID: "2", LISTEN_FDS: "3" },
        ...{ LISTEN_FDNAMES: "web", NOTIFY_SOCKET: "/run/nowhere" },
        ...{ WATCHDOG_USEC: "4", WATCHDOG_PID: "5" },
      },
    },
  );
  const seen = stdout.split("\n").filter((line) =>
    /^(ADDED|KEPT|LISTEN_|NOTIFY_|WATCHDOG_)/.test(line)
  );
  assertEquals(seen.sort(), ["ADDED=added", "KEPT=kept", "WATCHDOG_USEC=6"]);
});
