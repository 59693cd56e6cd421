// What listening costs while nobody comes: a timer a second, and none once it is over.

import { assert } from "@std/assert";
import { activate, ALLOW_ACTIVATION, dial } from "../support/activate.ts";
import { receiveAllText } from "../support/peer.ts";
import { TempDir } from "../support/temp_dir.ts";

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
  using directory = new TempDir();
  const address = directory.join("socket");
  await using program = await activate({
    addresses: [address],
    module: "tests/activation/idle_program.ts",
    allow: [ALLOW_ACTIVATION],
  });
  using first = await dial(address);
  await receiveAllText(first);
  // What starting, and ending a timer, has left to do is done soon.
  await sleepsWithin(program.pid, 1_000);
  const listening = await sleepsWithin(program.pid, WINDOW_MS);
  const timers = WINDOW_MS / 1_000 + 1;
  assert(
    listening <= timers * SLEEPS_PER_TIMER,
    `${listening} while it listens`,
  );

  using second = await dial(address);
  await receiveAllText(second);
  await program.stdout.line("closed");
  await sleepsWithin(program.pid, 1_200);
  const closed = await sleepsWithin(program.pid, WINDOW_MS);
  // V8 goes to sleep a few times more; a timer a second would be twice as many.
  assert(closed <= WINDOW_MS / 1_000, `${closed} when it is closed`);
});
