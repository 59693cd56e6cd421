// What a listener costs while no client connects: one timer a second, until it is closed.

import { assert } from "@std/assert";
import { activate } from "../support/activate.ts";
import { receiveAllText } from "../support/peer.ts";

const WINDOW_MS = 2_000;

/** The event loop sleeps in two steps until a timer is due: its wheel has levels. */
const SLEEPS_PER_TIMER = 2;

/** Accepts once; returns how often the main thread of the process then goes to sleep. */
async function sleepsAfter(then: string): Promise<number> {
  await using program = await activate({
    script: `const listener = await listen(3);
      (await listener.accept()).close();
      ${then}
      await new Response(Deno.stdin.readable).text();`,
  });
  using conn = await program.dial();
  await receiveAllText(conn);
  const sleeps = () => {
    const { pid } = program;
    const status = Deno.readTextFileSync(`/proc/${pid}/task/${pid}/status`);
    return Number(/^voluntary_ctxt_switches:\s+(\d+)$/m.exec(status)![1]);
  };
  const wait = (ms: number) => new Promise((done) => setTimeout(done, ms));
  // By then the start of the program, and the timer of a closed listener, are over.
  await wait(1_200);
  const before = sleeps();
  await wait(WINDOW_MS);
  return sleeps() - before;
}

Deno.test("an idle listener wakes up once a second, and does not when it is closed", async () => {
  const [listening, closed] = await Promise.all(
    ["", "listener.close();"].map(sleepsAfter),
  );
  const timers = WINDOW_MS / 1_000 + 1;
  assert(
    listening! <= timers * SLEEPS_PER_TIMER,
    `${listening} while it listens`,
  );
  // V8 goes to sleep a few times more; a timer a second would be twice as many.
  assert(closed! <= WINDOW_MS / 1_000, `${closed} when it is closed`);
});
