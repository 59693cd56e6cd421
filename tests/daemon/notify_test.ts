import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  notify,
  NotifyError,
  type NotifyErrorCode,
  type NotifyState,
  ready,
  status,
  stopping,
} from "../../mod.ts";
import { NotifyReceiver } from "../support/notify_receiver.ts";

const socketEnv = (socket: string) => new Map([["NOTIFY_SOCKET", socket]]);

for (const kind of ["path", "abstract"] as const) {
  Deno.test(`a notification reaches a socket with ${kind} address, in one datagram`, async () => {
    using receiver = new NotifyReceiver(
      kind === "path" ? undefined : `@ipc-test-${crypto.randomUUID()}`,
    );
    const { env } = receiver;
    assertEquals(await notify({ ready: true, status: "up" }, { env }), true);
    assertEquals(await receiver.next(), "READY=1\nSTATUS=up");
  });
}

Deno.test("the short forms send their state", async () => {
  using receiver = new NotifyReceiver();
  const { env } = receiver;
  assertEquals(await ready({ env }), true);
  assertEquals(await receiver.next(), "READY=1");
  assertEquals(await stopping({ env }), true);
  assertEquals(await receiver.next(), "STOPPING=1");
  assertEquals(await status("at\nwork", { env }), true);
  assertEquals(await receiver.next(), "STATUS=at work");
});

Deno.test("a string is sent unchanged", async () => {
  using receiver = new NotifyReceiver();
  await notify("X_MINE=1\nREADY=1", receiver);
  assertEquals(await receiver.next(), "X_MINE=1\nREADY=1");
});

Deno.test("without a notify socket nothing is sent, without an error", async () => {
  assertEquals(await notify({ ready: true }, { env: new Map() }), false);
  assertEquals(await notify({ ready: true }, { env: socketEnv("") }), false);
});

Deno.test("an invalid state throws also without a socket", async () => {
  await assertRejects(
    () => notify({ errno: -1 }, { env: new Map() }),
    NotifyError,
  );
});

Deno.test("an empty state is not sent", async () => {
  using receiver = new NotifyReceiver();
  const { env } = receiver;
  assertEquals(await notify({}, { env }), false);
  assertEquals(await notify({ ready: false }, { env }), false);
  assertEquals(await notify("", { env }), false);
  await ready({ env });
  assertEquals(await receiver.next(), "READY=1");
});

Deno.test("a notify socket that stays full is an error after five seconds", async () => {
  using receiver = new NotifyReceiver();
  const { env } = receiver;
  const error = await assertRejects(async () => {
    for (let sent = 0; sent < 10_000; sent++) await ready({ env });
  }, NotifyError);
  assert(error.message.includes("full"), error.message);
  assertEquals(error.code, "timed-out");
});

Deno.test("RELOADING=1 in a string gets the clock as well, unless it has it", async () => {
  using receiver = new NotifyReceiver();
  const { env } = receiver;
  await notify("RELOADING=1\nX=2", { env });
  const message = await receiver.next();
  assert(/^RELOADING=1\nX=2\nMONOTONIC_USEC=[0-9]+$/.test(message), message);
  await notify("RELOADING=1\nMONOTONIC_USEC=3", { env });
  assertEquals(await receiver.next(), "RELOADING=1\nMONOTONIC_USEC=3");
});

const BROKEN: [socket: string, problem: string, code?: NotifyErrorCode][] = [
  ["/nonexistent/notify", "No such file", "unreachable"],
  ["@ipc-test-without-listener", "refused", "unreachable"],
  ["vsock:2:1234", "vsock"],
  ["vsock-stream:2:1234", "vsock"],
  ["relative/notify", "not a socket address"],
  ["@", "not a socket address"],
  ["/", "not a socket address"],
  [`/${"n".repeat(107)}`, "more than 107 bytes"],
];
for (const [socket, problem, code = "malformed"] of BROKEN) {
  Deno.test(`NOTIFY_SOCKET=${socket.slice(0, 30)} throws a NotifyError with the reason`, async () => {
    const error = await assertRejects(
      () => ready({ env: socketEnv(socket) }),
      NotifyError,
    );
    assert(error.message.includes(JSON.stringify(socket)), error.message);
    assert(error.message.includes(problem), error.message);
    assertEquals([error.code, error.variable], [code, "NOTIFY_SOCKET"]);
  });
}

Deno.test("RELOADING=1 carries the monotonic clock in the same datagram", async () => {
  using receiver = new NotifyReceiver();
  const { env } = receiver;
  for (let reload = 0; reload < 3; reload++) {
    const before = clockMonotonicUsec();
    await notify({ reloading: true, status: "reading" }, { env });
    const after = clockMonotonicUsec();
    const [, usec] = /^RELOADING=1\nSTATUS=reading\nMONOTONIC_USEC=([0-9]+)$/
      .exec(await receiver.next()) ?? [];
    const sent = Number(usec);
    assert(
      before <= sent && sent <= after,
      `${sent} is not within ${before} and ${after}`,
    );
  }
});

const SAME: [state: NotifyState, options: string[]][] = [
  [{ ready: true }, ["--ready"]],
  [{ status: "Serving = fine" }, ["--status=Serving = fine"]],
  [{ ready: true, status: "up" }, ["--ready", "--status=up"]],
  [{ ready: true, status: "up", mainPid: Deno.pid }, [
    "--ready",
    "--status=up",
    `--pid=${Deno.pid}`,
  ]],
  [{ mainPid: 1 }, ["--pid=1"]],
  [{ stopping: true }, ["STOPPING=1"]],
  [{ watchdog: true }, ["WATCHDOG=1"]],
  [{ watchdog: "trigger" }, ["WATCHDOG=trigger"]],
  [{ ready: true, errno: 2, exitStatus: 3 }, [
    "--ready",
    "ERRNO=2",
    "EXIT_STATUS=3",
  ]],
  [{ ready: true, watchdogUsec: 5, extendTimeoutUsec: 6 }, [
    "--ready",
    "WATCHDOG_USEC=5",
    "EXTEND_TIMEOUT_USEC=6",
  ]],
];
for (const [state, options] of SAME) {
  Deno.test(`${Deno.inspect(state)} is what systemd-notify ${options.join(" ")} sends`, async () => {
    using receiver = new NotifyReceiver();
    await notify(state, receiver);
    const ours = await receiver.next();
    const theirs = new Deno.Command("systemd-notify", {
      args: ["--no-block", ...options],
      env: { NOTIFY_SOCKET: receiver.socket },
    }).output();
    // A newer systemd also sends the inode of the pidfd, which Deno cannot open.
    const said = (await receiver.next()).replace(/\nMAINPIDFDID=\d+/, "");
    assertEquals(ours, said);
    assertEquals((await theirs).success, true);
  });
}

/** The clock itself; only tests have FFI. */
function clockMonotonicUsec(): number {
  const CLOCK_MONOTONIC = 1;
  const libc = Deno.dlopen("libc.so.6", {
    clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
  });
  const timespec = new BigInt64Array(2);
  libc.symbols.clock_gettime(CLOCK_MONOTONIC, timespec);
  libc.close();
  return Math.floor(Number(timespec[0]) * 1e6 + Number(timespec[1]) / 1e3);
}

Deno.test("notify: a state that systemd would discard is refused, with or without a socket", async () => {
  const env = new Map<string, string>();
  await assertRejects(
    () => notify("READY=1\nX=\0", { env }),
    NotifyError,
    "systemd discards messages with a NUL byte",
  );
  await assertRejects(
    () => notify(`READY=1\nX=${"é".repeat(3_000)}`, { env }),
    NotifyError,
    "it has 6010 bytes, and systemd discards more than 4096",
  );
  assertEquals(await notify(`X=${"y".repeat(4_094)}`, { env }), false);
});
