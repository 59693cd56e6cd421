const sanitizers = {
  sanitizeOps: false,
  sanitizeResources: false,
  sanitizeExit: false,
};

/** Runs the steps of a test that spends its time waiting, all at once. */
export async function sideBySide(
  t: Deno.TestContext,
  steps: Record<string, (t: Deno.TestContext) => Promise<void>>,
): Promise<void> {
  await Promise.all(
    Object.entries(steps).map(([name, fn]) =>
      t.step({ name, fn, ...sanitizers })
    ),
  );
}
