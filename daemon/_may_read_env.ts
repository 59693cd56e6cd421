/** Whether the program may read a variable. */
export function mayReadEnv(variable: string): boolean {
  const { state } = Deno.permissions.querySync({ name: "env", variable });
  return state === "granted";
}
