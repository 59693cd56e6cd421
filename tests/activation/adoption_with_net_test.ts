// The tests of `adoption_test.ts` on a runtime that has no handles for the library,
// which then uses `node:net`.

import { assertEquals } from "@std/assert";
import { runScript } from "../support/script.ts";
import "./adoption_test.ts?without-handles";

Deno.test("without_handles.ts hides the handles from the library", async () => {
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
