// The tests of `adoption_test.ts` once more, where the runtime keeps its handles to
// itself, and `node:net` has to do.

import { assertEquals } from "@std/assert";
import { runScript } from "../support/script.ts";
import "./adoption_test.ts?without-handles";

Deno.test("without_handles.ts leaves no handles to the library", async () => {
  const url = (name: string) => new URL(name, import.meta.url);
  const { stdout, stderr } = await runScript(
    `const { streamBinding } = await import("${
      url("../../runtime/stream_binding.ts")
    }");
    console.log(await streamBinding());`,
    {
      flags: [
        `--preload=${url("./without_handles.ts").pathname}`,
        "--allow-read",
      ],
    },
  );
  assertEquals(stdout, "undefined\n", stderr);
});
