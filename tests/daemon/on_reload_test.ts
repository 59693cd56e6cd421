import { assertEquals, assertMatch } from "@std/assert";
import { notify, onReload } from "../../mod.ts";
import { eventually } from "../support/eventually.ts";
import { NotifyReceiver } from "../support/notify_receiver.ts";
import { runScript } from "../support/script.ts";

const RELOADING = /^RELOADING=1\nMONOTONIC_USEC=[0-9]+$/;

const reload = () => Deno.kill(Deno.pid, "SIGHUP");

Deno.test("a reload is announced, and its end; signals during it start one more", async () => {
  using receiver = new NotifyReceiver();
  const gates = [0, 1].map(() => Promise.withResolvers<void>());
  let calls = 0;
  using _reloading = onReload(() => gates[calls++]?.promise, receiver);
  reload();
  assertMatch(await receiver.next(), RELOADING);
  let signals = 0;
  const count = () => void signals++;
  Deno.addSignalListener("SIGHUP", count);
  for (const wanted of [1, 2, 3]) {
    reload();
    await eventually("a signal", () => signals, (seen) => seen === wanted);
  }
  Deno.removeSignalListener("SIGHUP", count);
  gates[0]!.resolve();
  assertEquals(await receiver.next(), "READY=1");
  assertMatch(await receiver.next(), RELOADING);
  await eventually("the handler is called", () => calls, (n) => n === 2);
  gates[1]!.resolve();
  assertEquals(await receiver.next(), "READY=1");
  assertEquals(calls, 2);
});

Deno.test("a reload that fails is logged, and announced as finished", async () => {
  using receiver = new NotifyReceiver();
  const { stdout, stderr } = await runScript(
    `const { promise, resolve } = Promise.withResolvers();
    let calls = 0;
    using _reloading = onReload(() => {
      if (++calls === 2) return resolve();
      Deno.kill(Deno.pid, "SIGHUP");
      throw new Error("no such\\nfile");
    });
    Deno.kill(Deno.pid, "SIGHUP");
    const alive = setInterval(() => {}, 1_000);
    await promise;
    clearInterval(alive);
    console.log(calls);`,
    // Without the permission to detect the journal.
    {
      flags: ["--allow-env=NOTIFY_SOCKET", "-NWS", "--allow-run"],
      env: { NOTIFY_SOCKET: receiver.socket },
    },
  );
  const error = "error: Cannot reload: Error: no such file\n";
  assertEquals([stdout, stderr], ["2\n", error]);
  assertMatch(await receiver.next(), RELOADING);
  assertEquals(await receiver.next(), "READY=1");
});

Deno.test("a stop waits for a reload in progress, after which nothing is sent", async () => {
  using receiver = new NotifyReceiver();
  const { stdout, stderr } = await runScript(
    `const alive = setInterval(() => {}, 1_000);
    const pass = () => new Promise((resolve) => setTimeout(resolve, 50));
    service().join();
    onReload(async () => {
      setTimeout(() => Deno.kill(Deno.pid, "SIGTERM"));
      await new Promise((resolve) =>
        service().stopping.addEventListener("abort", resolve)
      );
      // Ignored: the service is stopping.
      Deno.kill(Deno.pid, "SIGHUP");
      await pass();
      console.log("reloaded");
    });
    // After READY=1.
    await pass();
    Deno.kill(Deno.pid, "SIGHUP");
    await service().finished;
    console.log("finished");
    clearInterval(alive);`,
    { flags: ["--allow-all"], env: { NOTIFY_SOCKET: receiver.socket } },
  );
  assertEquals(stdout, "reloaded\nfinished\n", stderr);
  assertEquals(await receiver.next(), "READY=1");
  assertMatch(await receiver.next(), RELOADING);
  assertEquals(await receiver.next(), "STOPPING=1");
  await notify("X_LAST=1", receiver);
  assertEquals(await receiver.next(), "X_LAST=1");
});

Deno.test("without onReload, SIGHUP ends the process again", async () => {
  const { stdout } = await runScript(
    `onReload(() => {})[Symbol.dispose]();
    setTimeout(() => console.log("alive"), 10_000);
    Deno.kill(Deno.pid, "SIGHUP");`,
    { flags: ["--allow-all"] },
  );
  assertEquals(stdout, "");
});
