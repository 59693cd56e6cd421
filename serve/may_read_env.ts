/** Tells whether a variable may be read, without asking for it. */
export function mayReadEnv(variable: string): boolean {
  const { state } = Deno.permissions.querySync({ name: "env", variable });
  return state === "granted";
}
