import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  notify,
  NotifyError,
  type NotifyErrorCode,
  ready,
  status,
  stopping,
} from "../../mod.ts";
import { NotifyReceiver } from "../support/notify_receiver.ts";
import { run } from "../support/program.ts";

const socketEnv = (socket: string) => new Map([["NOTIFY_SOCKET", socket]]);

for (const abstract of [undefined, `@ipc-test-${crypto.randomUUID()}`]) {
  Deno.test(`a notification reaches a socket, abstract: ${!!abstract}, in one datagram`, async () => {
    using receiver = new NotifyReceiver(abstract);
    assertEquals(await notify({ ready: true, status: "up" }, receiver), true);
    assertEquals(await receiver.next(), "READY=1\nSTATUS=up");
  });
}

Deno.test("short forms and strings are sent, empty states are not", async () => {
  using receiver = new NotifyReceiver();
  for (const empty of [{}, { ready: false }, ""]) {
    assertEquals(await notify(empty, receiver), false);
  }
  assertEquals(await ready(receiver), true);
  assertEquals(await receiver.next(), "READY=1");
  assertEquals(await stopping(receiver), true);
  assertEquals(await receiver.next(), "STOPPING=1");
  assertEquals(await status("at\nwork", receiver), true);
  assertEquals(await receiver.next(), "STATUS=at work");
  await notify("X_MINE=1\nREADY=1", receiver);
  assertEquals(await receiver.next(), "X_MINE=1\nREADY=1");
});

Deno.test("without a notify socket nothing is sent, and only an invalid state is an error", async () => {
  for (const env of [new Map(), socketEnv("")]) {
    assertEquals(await ready({ env }), false);
    assertEquals(await notify(`X=${"y".repeat(4_094)}`, { env }), false);
    for (
      const [state, problem] of [
        [{ errno: -1 }, "Cannot notify errno"],
        ["READY=1\nX=\0", "systemd discards messages with a NUL byte"],
        [
          `READY=1\nX=${"é".repeat(3_000)}`,
          "it has 6010 bytes, and systemd discards more than 4096",
        ],
      ] as const
    ) await assertRejects(() => notify(state, { env }), NotifyError, problem);
  }
});

Deno.test("a notify socket that stays full is an error after five seconds", async () => {
  using receiver = new NotifyReceiver();
  const { timeout } = AbortSignal;
  AbortSignal.timeout = (ms) => timeout(ms === 5_000 ? 100 : ms);
  const error = await assertRejects(
    async () => {
      for (let sent = 0; sent < 10_000; sent++) await ready(receiver);
    },
    NotifyError,
    "full",
  ).finally(() => AbortSignal.timeout = timeout);
  assertEquals(error.code, "timed-out");
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
      problem,
    );
    assert(error.message.includes(JSON.stringify(socket)), error.message);
    assertEquals([error.code, error.variable], [code, "NOTIFY_SOCKET"]);
  });
}

Deno.test("RELOADING=1 carries the monotonic clock in the same datagram, unless it has one", async () => {
  using receiver = new NotifyReceiver();
  for (
    const [state, text] of [
      [{ reloading: true, status: "up" }, "RELOADING=1\nSTATUS=up"],
      ["RELOADING=1\nX=2", "RELOADING=1\nX=2"],
    ] as const
  ) {
    const before = await clockMonotonicUsec();
    await notify(state, receiver);
    const after = await clockMonotonicUsec();
    const [sent, usec] = (await receiver.next()).split("\nMONOTONIC_USEC=");
    assertEquals(sent, text);
    assert(before <= Number(usec) && Number(usec) <= after, usec);
  }
  await notify("RELOADING=1\nMONOTONIC_USEC=3", receiver);
  assertEquals(await receiver.next(), "RELOADING=1\nMONOTONIC_USEC=3");
});

async function clockMonotonicUsec(): Promise<number> {
  const script = "import time; print(time.monotonic_ns() // 1000)";
  return Number((await run("python3", ["-c", script])).stdout);
}
