// What a listener costs while no client connects: one timer a second, until it is closed.

import { activate } from "../support/activate.ts";
import { eventually } from "../support/eventually.ts";
import { receiveAllText } from "../support/peer.ts";

const WINDOW_MS = 2_000;

/** Accepts once; the main thread of the process then sleeps at most N times in a window. */
async function sleepsAtMost(most: number, then: string): Promise<void> {
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
  // Not in the first window, which has the start of the program.
  await eventually(`at most ${most} sleeps after "${then}"`, async () => {
    const before = sleeps();
    await new Promise((done) => setTimeout(done, WINDOW_MS));
    return sleeps() - before;
  }, (count) => count <= most);
}

Deno.test("an idle listener wakes up once a second, and does not when it is closed", async () => {
  await Promise.all([
    // Twice for each of three timers: the wheel of the event loop has levels.
    sleepsAtMost(6, ""),
    // V8 goes to sleep a few times more; a timer a second would be twice as many.
    sleepsAtMost(2, "listener.close();"),
  ]);
});
