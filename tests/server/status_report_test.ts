import { assertEquals, assertMatch } from "@std/assert";
import { type Logger, notify } from "../../mod.ts";
import { StatusReport } from "../../server/status_report.ts";
import { NotifyReceiver } from "../support/notify_receiver.ts";
import { TempDir } from "../support/temp_dir.ts";

const STATUS = { open: 0, waiting: 0, served: 0, bytes: 0 };

/** Sets variables of this process, and removes them afterwards. */
function environment(variables: Record<string, string>): Disposable {
  for (const [name, value] of Object.entries(variables)) {
    Deno.env.set(name, value);
  }
  return {
    [Symbol.dispose]() {
      for (const name of Object.keys(variables)) Deno.env.delete(name);
    },
  };
}

function warnings(): { log: Logger; said: string[] } {
  const said: string[] = [];
  return { log: { warning: (text: string) => said.push(text) } as never, said };
}

Deno.test("status: ready first, then what changed, then stopping", async () => {
  using directory = new TempDir();
  using receiver = new NotifyReceiver(directory.join("notify"));
  using _ = environment({ NOTIFY_SOCKET: receiver.socket });
  const status = { ...STATUS };
  using report = new StatusReport(() => status, warnings().log);
  await report.start();
  assertEquals(
    await receiver.next(),
    "READY=1\nSTATUS=0 open, 0 served, 0 bytes received",
  );
  Object.assign(status, { open: 2, waiting: 3, served: 4, bytes: 5 });
  assertEquals(
    await receiver.next(),
    "STATUS=2 open, 3 waiting, 4 served, 5 bytes received",
  );
  await report.stop();
  assertMatch(await receiver.next(), /^STOPPING=1\nSTATUS=2 open/);
  // It runs again after the last connection, with no change to send.
  await report.stop();
  await notify("X_LAST=1");
  assertEquals(await receiver.next(), "X_LAST=1");
});

Deno.test("status: a server stopped before it was ready never sends READY", async () => {
  using directory = new TempDir();
  using receiver = new NotifyReceiver(directory.join("notify"));
  using _ = environment({ NOTIFY_SOCKET: receiver.socket });
  using report = new StatusReport(() => STATUS, warnings().log);
  await report.stop();
  await report.start();
  assertMatch(await receiver.next(), /^STOPPING=1/);
  await notify("X_LAST=1");
  assertEquals(await receiver.next(), "X_LAST=1");
});

Deno.test("status: the watchdog is pinged", async () => {
  using directory = new TempDir();
  using receiver = new NotifyReceiver(directory.join("notify"));
  using _ = environment({
    NOTIFY_SOCKET: receiver.socket,
    WATCHDOG_USEC: "100000",
  });
  using report = new StatusReport(() => STATUS, warnings().log);
  await report.start();
  assertMatch(await receiver.next(), /^READY=1/);
  assertEquals(await receiver.next(), "WATCHDOG=1");
  assertEquals(await receiver.next(), "WATCHDOG=1");
});

Deno.test("status: a failed notification is a warning", async () => {
  using _ = environment({ NOTIFY_SOCKET: "/nonexistent/notify" });
  const { log, said } = warnings();
  using report = new StatusReport(() => STATUS, log);
  await report.start();
  await report.stop();
  assertEquals(said.length, 1);
  assertMatch(said[0]!, /nonexistent/);
});

Deno.test("status: without a service manager nothing is sent", async () => {
  const { log, said } = warnings();
  using report = new StatusReport(() => STATUS, log);
  await report.start();
  await report.stop();
  assertEquals(said, []);
});
