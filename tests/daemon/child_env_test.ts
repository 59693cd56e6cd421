import { assertEquals } from "@std/assert";
import { childEnv } from "../../mod.ts";
import { activate } from "../support/activate.ts";
import { receiveAllText } from "../support/peer.ts";

const OURS: Record<string, string> = {
  LISTEN_PID: "1",
  LISTEN_PIDFDID: "2",
  LISTEN_FDS: "3",
  LISTEN_FDNAMES: "web",
  NOTIFY_SOCKET: "/run/nowhere",
  WATCHDOG_USEC: "4",
  WATCHDOG_PID: "5",
};

Deno.test("a child gets the environment without its parent's variables", async () => {
  const kept = { IPC_TEST_KEPT: "kept" };
  for (const [name, value] of Object.entries({ ...OURS, ...kept })) {
    Deno.env.set(name, value);
  }
  try {
    const { stdout } = await new Deno.Command("env", {
      ...childEnv({ IPC_TEST_ADDED: "added", WATCHDOG_USEC: "6" }),
    }).output();
    const seen = new Map(
      new TextDecoder().decode(stdout).trimEnd().split("\n")
        .map((line) => line.split("=", 2) as [string, string]),
    );
    assertEquals(seen.get("IPC_TEST_KEPT"), "kept");
    assertEquals(seen.get("IPC_TEST_ADDED"), "added");
    assertEquals(seen.get("PATH"), Deno.env.get("PATH"));
    assertEquals(
      Object.keys(OURS).filter((name) => seen.has(name)),
      ["WATCHDOG_USEC"],
    );
    assertEquals(seen.get("WATCHDOG_USEC"), "6");
  } finally {
    for (const name of Object.keys({ ...OURS, ...kept })) Deno.env.delete(name);
  }
});

Deno.test("a child inherits the descriptors: Deno cannot keep them from it", async () => {
  await using server = await activate({
    script: `const listener = await listen(listenFds()[0]);
      using conn = await listener.accept();
      const child = new Deno.Command("sh", {
        ...childEnv(),
        args: ["-c", "[ -S /proc/self/fd/3 ] && echo inherited; env"],
      });
      const { stdout } = await child.output();
      await conn.write(stdout);`,
    allow: ["--allow-env", "--allow-run=sh"],
  });
  using conn = await server.dial();
  const [first, ...environment] = (await receiveAllText(conn)).split("\n");
  assertEquals(first, "inherited");
  assertEquals(environment.filter((line) => line.startsWith("LISTEN_")), []);
});
