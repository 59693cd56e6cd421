// What a listener costs while no client connects: one timer a second, until it is closed.

import { assert } from "@std/assert";
import { activate } from "../support/activate.ts";
import { receiveAllText } from "../support/peer.ts";

/** Stays until the end of its standard input. */
const LISTENS_TWICE = `
  const listener = await listen(3);
  (await listener.accept()).close();
  (await listener.accept()).close();
  listener.close();
  console.log("closed");
  await new Response(Deno.stdin.readable).text();
`;

const WINDOW_MS = 2_000;

/** The event loop sleeps in two steps until a timer is due: its wheel has levels. */
const SLEEPS_PER_TIMER = 2;

/** How often the main thread of a process has gone to sleep so far. */
function sleeps(pid: number): number {
  const status = Deno.readTextFileSync(`/proc/${pid}/task/${pid}/status`);
  return Number(/^voluntary_ctxt_switches:\s+(\d+)$/m.exec(status)![1]);
}

async function sleepsWithin(pid: number, ms: number): Promise<number> {
  const before = sleeps(pid);
  await new Promise((resolve) => setTimeout(resolve, ms));
  return sleeps(pid) - before;
}

Deno.test("an idle listener wakes up once a second, and does not when it is closed", async () => {
  await using program = await activate({ script: LISTENS_TWICE });
  using first = await program.dial();
  await receiveAllText(first);
  // What starting, and ending a timer, has left to do is done soon.
  await sleepsWithin(program.pid, 1_000);
  const listening = await sleepsWithin(program.pid, WINDOW_MS);
  const timers = WINDOW_MS / 1_000 + 1;
  assert(
    listening <= timers * SLEEPS_PER_TIMER,
    `${listening} while it listens`,
  );

  using second = await program.dial();
  await receiveAllText(second);
  await program.stdout.line("closed");
  await sleepsWithin(program.pid, 1_200);
  const closed = await sleepsWithin(program.pid, WINDOW_MS);
  // V8 goes to sleep a few times more; a timer a second would be twice as many.
  assert(closed <= WINDOW_MS / 1_000, `${closed} when it is closed`);
});
