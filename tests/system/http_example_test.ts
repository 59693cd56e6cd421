// examples/http, installed by hand as its README says, with curl as the client.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { eventually, soon } from "../support/eventually.ts";
import { compileExample } from "./compile_example.ts";
import { Machine, REPOSITORY } from "./machine.ts";

const EXAMPLE = `${REPOSITORY}/examples/http`;
const SERVICE = "http-example.service";
const SOCKET = "http-example.socket";
const TCP = "http://127.0.0.1:8080/";
const UNIX = ["--unix-socket", "/run/http-example/web.socket", "http://here/"];

let machine: Machine;
Deno.test.beforeAll(async () => {
  const directory = await Deno.makeTempDir({ prefix: "ipc-example-" });
  const executable = `${directory}/http-example`;
  try {
    await compileExample("http", executable);
    machine = await Machine.boot({
      prepare: async ({ root, run }) => {
        await run("install", "-m", "755", executable, `${root}/usr/local/bin`);
        for (const unit of [SOCKET, SERVICE]) {
          const target = `${root}/etc/systemd/system`;
          await run("install", "-m", "644", `${EXAMPLE}/${unit}`, target);
        }
        await run("systemctl", `--root=${root}`, "enable", SOCKET);
      },
    });
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
Deno.test.afterAll(() => machine?.[Symbol.asyncDispose]());

function curl(...args: string[]): Promise<string> {
  return machine.run("curl", "--silent", "--show-error", "--fail", ...args);
}

async function isActive(): Promise<string> {
  const { stdout } = await machine.attempt("systemctl", "is-active", SERVICE);
  return stdout.trim();
}

Deno.test("the units pass verify, and nothing runs before the first request", async () => {
  assertEquals(
    await machine.attempt("systemd-analyze", "verify", SOCKET, SERVICE),
    { code: 0, stdout: "", stderr: "" },
  );
  await machine.reaches(SOCKET, "active (listening)");
  assertEquals(await isActive(), "inactive");
  assertEquals(
    await machine.show(SERVICE, "ExecMainStartTimestampMonotonic"),
    { ExecMainStartTimestampMonotonic: "0" },
  );
});

Deno.test("the first request starts it, and both sockets are one service", async () => {
  assertMatch(await curl(TCP), /^1 requests in the \d+ seconds/);
  await machine.reaches(SERVICE, "active (running)");
  const { StatusText } = await machine.show(SERVICE, "StatusText");
  assertEquals(StatusText, "Answering requests");
  const pid = await machine.mainPid(SERVICE);
  assertMatch(await curl(...UNIX), /^2 requests in the \d+ seconds/);
  assertEquals(await machine.mainPid(SERVICE), pid);
  const { code } = await machine.attempt("curl", "--fail", `${TCP}none`);
  assertEquals(code, 22);
});

Deno.test("systemctl start returns when the service is ready", async () => {
  await machine.systemctl("stop", SERVICE);
  assertEquals(await isActive(), "inactive");
  await machine.systemctl("start", SERVICE);
  assertEquals(await isActive(), "active");
  // It waits for this.
  assertEquals(await machine.show(SERVICE, "Type", "Result"), {
    Type: "notify",
    Result: "success",
  });
});

Deno.test("systemctl stop waits for a response, and the next request starts it again", async () => {
  const slow = machine.spawn(
    "curl",
    "--silent",
    "--no-buffer",
    `${TCP}clock?ticks=4`,
  );
  await slow.stdin.close();
  let lines = "";
  const reading = slow.stdout.pipeThrough(new TextDecoderStream()).pipeTo(
    new WritableStream({ write: (text) => void (lines += text) }),
  );
  await eventually("the clock ticks", () => lines, (it) => it !== "");
  const stopping = machine.systemctl("stop", SERVICE);
  await machine.reaches(SERVICE, "deactivating (stop-sigterm)");
  const waits = machine.spawn("curl", "--silent", TCP);
  await waits.stdin.close();
  const answer = new Response(waits.stdout).text();

  await soon("the service has stopped", stopping, { within: 15_000 });
  await soon("curl has ended", Promise.all([slow.status, reading]));
  assertEquals(lines, "tick 1\ntick 2\ntick 3\ntick 4\n");
  assertEquals((await slow.status).code, 0);
  assertEquals((await machine.show(SERVICE, "Result")).Result, "success");
  assertMatch(await soon("the answer", answer), /^1 requests in the /);
  assertEquals((await waits.status).code, 0);
  assertEquals(await isActive(), "active");
});

Deno.test("systemd expects pings, and gets them", async () => {
  const pings = async () => {
    const property = "WatchdogTimestampMonotonic";
    return Number((await machine.show(SERVICE, property))[property]);
  };
  const { WatchdogUSec } = await machine.show(SERVICE, "WatchdogUSec");
  assertEquals(WatchdogUSec, "30s");
  const first = await pings();
  await eventually("the next ping", pings, (now) => now > first, {
    within: 25_000,
  });
});

Deno.test("its sandbox allows it only to serve", async () => {
  const pid = await machine.mainPid(SERVICE);
  assert(pid > 0);
  const status = await machine.run("cat", `/proc/${pid}/status`);
  assertMatch(status, /^NoNewPrivs:\s+1$/m);
  assertMatch(status, /^CapEff:\s+0+$/m);
  assertMatch(status, /^Seccomp:\s+2$/m);
  const exposure = await machine.run("systemd-analyze", "security", SERVICE);
  const [, level] = /exposure level for \S+: ([0-9.]+)/.exec(exposure) ?? [];
  assert(Number(level) < 1, `exposure level ${level}`);
});
