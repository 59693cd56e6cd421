import { assert, assertEquals } from "@std/assert";
import type { Machine } from "./machine.ts";

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
