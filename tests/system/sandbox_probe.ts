/**
 * A server under an attacker's control, with every permission that Deno has: it makes
 * all attempts and prints the outcome of each as a line of JSON.
 *
 * Arguments: a TCP port, the path of a unix socket, a pid, and directories; see
 * `Targets`.
 */

import { attempts, outcomeOf } from "./attempts.ts";

const [port, socket = "", pid, ...places] = Deno.args;
const targets = { port: Number(port), socket, pid: Number(pid), places };
for (const [name, attempt] of Object.entries(attempts(targets))) {
  console.log(JSON.stringify([name, await outcomeOf(attempt)]));
}
Deno.exit();
