import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Machine } from "./machine.ts";

/**
 * Asserts that a running service is in the sandbox of its unit: a user that exists only
 * while it runs, no privileges and no way to them, a filter of system calls, a file system
 * that it cannot write to, and none of the machine's `/tmp`.
 */
export async function assertConfined(machine: Machine, unit: string) {
  const pid = await machine.mainPid(unit);
  const status = await machine.run(`cat /proc/${pid}/status`);
  for (
    const line of [
      // The range that systemd takes dynamic users from.
      ...[/^Uid:(\s+6[1-5]\d{3}){4}$/m, /^Gid:(\s+6[1-5]\d{3}){4}$/m],
      ...[/^NoNewPrivs:\s+1$/m, /^CapEff:\s+0+$/m, /^Seccomp:\s+2$/m],
    ]
  ) assertMatch(status, line, unit);
  // From outside: its tree need not have programs in it.
  const root = `/proc/${pid}/root`;
  for (const directory of ["/usr", "/etc", "/var", "/srv", ""]) {
    const { code, stderr } = await machine.attempt(
      ...["touch", `${root}${directory}/written`] as const,
    );
    assert(
      code !== 0 && /Read-only file system|No such file/.test(stderr),
      `${unit} could write to ${directory}: ${code} ${stderr}`,
    );
  }
  await machine.write("/tmp/of-the-machine", "");
  assertEquals(await machine.has(`${root}/tmp/of-the-machine`), false, unit);
  await machine.run("rm /tmp/of-the-machine");
}

/** Asserts that `systemd-analyze security` rates a unit at this level or less. */
export async function assertExposure(
  machine: Machine,
  unit: string,
  most: number,
) {
  const report = await machine.run(`systemd-analyze security ${unit}`);
  const [, level] = /exposure level for \S+: ([0-9.]+)/.exec(report) ?? [];
  assert(Number(level) <= most, `${unit}: ${level}`);
}

/** Asserts that `systemd-analyze verify` reports nothing about units. */
export async function assertVerified(
  manager: Pick<Machine, "attempt">,
  ...units: string[]
) {
  const command = ["systemd-analyze", "verify", ...units] as const;
  assertEquals(await manager.attempt(...command), {
    ...{ code: 0, stdout: "", stderr: "" },
  });
}
