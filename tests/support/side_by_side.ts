const off = {
  sanitizeOps: false,
  sanitizeResources: false,
  sanitizeExit: false,
};

/** Runs the steps of a test that spends its time waiting, all at once. */
export async function sideBySide(
  t: Deno.TestContext,
  steps: Record<string, (t: Deno.TestContext) => Promise<void>>,
): Promise<void> {
  const each = Object.entries(steps);
  await Promise.all(each.map(([name, fn]) => t.step({ name, fn, ...off })));
}
