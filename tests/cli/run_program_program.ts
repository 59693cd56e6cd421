/** A program whose first argument selects how it ends, for `run_program_test.ts`. */
import { runProgram } from "../../cli/run_program.ts";
import { UsageError } from "../../cli/exit_status.ts";
import { outputError } from "../../cli/write_line.ts";

const ENDINGS: Record<string, () => Promise<number> | number> = {
  ok: () => 0,
  status: () => 78,
  usage: () => {
    throw new UsageError('Unknown option "--nope"');
  },
  error: () => {
    throw new Error("Disk on fire");
  },
  type: () => (undefined as unknown as { f(): number }).f(),
  lines: () => {
    throw new Error("First\n  second\nthird");
  },
  text: () => {
    throw "just text";
  },
  unread: () => {
    throw outputError(new Deno.errors.BrokenPipe("Broken pipe"));
  },
  full: () => {
    throw outputError(new Error("No space left on device"));
  },
  rejection: () => {
    Promise.reject(new Error("Nobody caught it"));
    return new Promise(() => {});
  },
  timer: () => {
    setTimeout(() => {
      throw new Error("Thrown in a timer");
    });
    return new Promise(() => {});
  },
};

if (import.meta.main) {
  await runProgram({
    name: "ipc-test",
    run: ([ending = ""]) => Promise.try(ENDINGS[ending]!),
  });
}
