import { assertEquals } from "@std/assert";
import { notify } from "../../mod.ts";
import { statusLine, StatusReport } from "../../server/status_report.ts";
import { NotifyReceiver } from "../support/notify_receiver.ts";

Deno.test("status: the line names connections that wait, if there are any", () => {
  const status = { open: 2, served: 4, bytes: 5 };
  assertEquals(statusLine(status, 0), "2 open, 4 served, 5 bytes received");
  assertEquals(
    statusLine(status, 3),
    "2 open, 3 waiting, 4 served, 5 bytes received",
  );
});

Deno.test("status: what changes is sent, until it is disposed of", async () => {
  using receiver = new NotifyReceiver();
  Deno.env.set("NOTIFY_SOCKET", receiver.socket);
  try {
    let status = "first";
    using report = new StatusReport(() => status);
    assertEquals(report.start(), "first");
    status = "second";
    assertEquals(await receiver.next(), "STATUS=second");
    report[Symbol.dispose]();
    status = "third";
    await notify("X_LAST=1");
    assertEquals(await receiver.next(), "X_LAST=1");
  } finally {
    Deno.env.delete("NOTIFY_SOCKET");
  }
});
