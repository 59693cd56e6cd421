import { assert, assertEquals, assertNotEquals } from "@std/assert";
import type { Machine } from "./machine.ts";

/**
 * Asserts that a running service is in the sandbox of its unit: a user
 * that exists only while it runs, no way to more privileges, a file system that it
 * cannot write to, and none of the machine's `/tmp`.
 */
export async function assertConfined(
  machine: Machine,
  unit: string,
): Promise<void> {
  const pid = await machine.mainPid(unit);
  assertNotEquals(pid, 0, `${unit} is not running`);

  const status = new Map(
    (await machine.run("cat", `/proc/${pid}/status`)).split("\n").map(
      (line) => {
        const [name = "", ...values] = line.split(/\s+/);
        return [name, values];
      },
    ),
  );
  for (
    const id of [...status.get("Uid:") ?? ["0"], ...status.get("Gid:") ?? ["0"]]
  ) {
    // The range that systemd takes dynamic users from.
    assert(
      Number(id) >= 61184 && Number(id) <= 65519,
      `${unit} runs with the id ${id}`,
    );
  }
  assertEquals(
    status.get("NoNewPrivs:"),
    ["1"],
    `${unit} could gain privileges`,
  );

  // From outside: its tree need not have programs in it.
  const seen = (path: string) => `/proc/${pid}/root${path}`;
  for (const directory of ["/usr", "/etc", "/var", "/srv", "/"]) {
    const { code, stderr } = await machine.attempt(
      "touch",
      seen(`${directory}/written`),
    );
    assert(
      code !== 0 && /Read-only file system|No such file/.test(stderr),
      `${unit} could write to ${directory}: ${code} ${stderr}`,
    );
  }
  await machine.write("/tmp/of-the-machine", "");
  const shared = await machine.attempt(
    "test",
    "-e",
    seen("/tmp/of-the-machine"),
  );
  assertEquals(shared.code, 1, `${unit} shares /tmp`);
}

/** The exposure level at which `systemd-analyze security` rates a unit. */
export async function exposureOf(
  machine: Machine,
  unit: string,
): Promise<number> {
  const report = await machine.run(
    "systemd-analyze",
    "security",
    "--no-pager",
    unit,
  );
  const [, level] = /exposure level for \S+: ([0-9.]+)/.exec(report) ?? [];
  assert(level !== undefined, report);
  return Number(level);
}
