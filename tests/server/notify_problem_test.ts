import { assertEquals, assertStringIncludes } from "@std/assert";
import deno from "../../deno.json" with { type: "json" };
import { NotifyError } from "../../mod.ts";
import { NOTIFY_SOCKETS, notifyProblem } from "../../server/notify_problem.ts";

Deno.test("a notify socket without a permission names those that have one", () => {
  const { net, write } = deno.permissions.server;
  assertEquals(write, NOTIFY_SOCKETS);
  assertEquals(net, NOTIFY_SOCKETS.map((path) => `unix:${path}`));
  const error = new NotifyError("not permitted", {
    code: "unreachable",
    cause: new Deno.errors.NotCapable(),
  });
  const text = notifyProblem(error, "/run/other/notify");
  for (const path of NOTIFY_SOCKETS) assertStringIncludes(text, path);
  assertStringIncludes(text, "NOTIFY_SOCKET=/run/other/notify cannot be used");
  assertStringIncludes(text, "set Environment=NOTIFY_SOCKET= to one of these");
});
