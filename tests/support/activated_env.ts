import {
  ACTIVATION_VARIABLES,
  forgetListenFds,
} from "../../activation/environment.ts";

/** Sets the variables of activation of this very process, and forgets them afterwards. */
export function activatedEnv(variables: Record<string, string>): Disposable {
  const clear = () => {
    for (const name of ACTIVATION_VARIABLES) Deno.env.delete(name);
    forgetListenFds();
  };
  clear();
  Deno.env.set("LISTEN_PID", `${Deno.pid}`);
  for (const [name, value] of Object.entries(variables)) {
    Deno.env.set(name, value);
  }
  return { [Symbol.dispose]: clear };
}
