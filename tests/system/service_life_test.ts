// The life of a service under systemd: several servers, timers, signals that come twice.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { page } from "../docs/pages.ts";
import { compile } from "../support/compile.ts";
import { soon } from "../support/eventually.ts";
import { receive, receiveAllText, send } from "../support/peer.ts";
import { TempDir } from "../support/temp_dir.ts";
import { compileExample } from "./compile_example.ts";
import { Machine, REPOSITORY, type Tree } from "./machine.ts";
import { installServices, service, socket } from "./service_units.ts";

const [, SECTION] = page("docs/web-service.md").split("## 4. ");

/** Returns the code blocks of that section in a language. */
function blocks(language: string): string[] {
  const [section] = SECTION!.split("\n## ");
  return section!.split("```" + language + "\n").slice(1)
    .map((text) => text.slice(0, text.indexOf("```")));
}

/** Times that a test can wait for, and that a busy machine does not exceed. */
function shortened(program: string): string {
  return program.replace("300_000", "2_000").replace("60_000", "1_000");
}

const UNITS: Record<string, string> = {
  "web.socket": "[Socket]\nListenStream=/run/web.socket\n",
  "web.service": "[Service]\nType=notify\nExecStart=/usr/local/bin/web\n",
  ...Object.fromEntries(["quick", "slow"].map((name) => [
    `${name}.socket`,
    socket(name, "Service=draining.service"),
  ])),
  "draining.service": service(
    "draining",
    ...["Type=notify", "Sockets=quick.socket slow.socket"],
    "TimeoutStopSec=25s",
  ),
  "ticking.socket": socket("ticking"),
  "ticking.service": service("ticking", "TimeoutStopSec=20s"),
  "upgrading.socket": socket("upgrading"),
  "upgrading.service": service("upgrading", "TimeoutStopSec=20s"),
  "killed.socket": socket("killed"),
  "killed.service": service(
    "draining",
    ...["Sockets=killed.socket", "TimeoutStopSec=25s"],
    "ExecStop=/bin/kill -TERM $MAINPID",
  ),
  "infinite.service": service(
    "ready",
    ...["Type=notify", "WatchdogSec=infinity"],
  ),
};
UNITS["killed.socket"] += "FileDescriptorName=slow.socket\n";
UNITS["killed-quick.socket"] =
  socket("killed-quick", "Service=killed.service") +
  "FileDescriptorName=quick.socket\n";
UNITS["killed.service"] = UNITS["killed.service"]!.replace(
  "Sockets=killed.socket",
  "Sockets=killed.socket killed-quick.socket",
);

async function installAll(tree: Tree): Promise<void> {
  await installServices(tree, UNITS);
  using directory = new TempDir();
  const [program] = blocks("ts");
  const source = directory.join("web.ts");
  // Not by the path of this checkout: imports by absolute path are not embedded.
  Deno.writeTextFileSync(source, shortened(program!));
  const executable = directory.join("web");
  await compile(source, executable, [
    "--allow-env",
    "--allow-net=unix:/run/systemd/notify",
    "--allow-write=/run/systemd/notify",
  ]);
  await tree.run("install", executable, `${tree.root}/usr/local/bin/web`);
  const lines = directory.join("lines-example");
  await compileExample("lines", lines);
  await tree.run("install", lines, `${tree.root}/usr/local/bin`);
  for (const unit of ["lines-example.socket", "lines-example.service"]) {
    await tree.run(
      ...["install", "--mode=644", "-t"] as const,
      `${tree.root}/etc/systemd/system`,
      `${REPOSITORY}/examples/lines/${unit}`,
    );
  }
  for (const text of blocks("ini")) {
    const [, path] = /^# (\/\S+)\n/.exec(text)!;
    const unit = directory.join("unit");
    Deno.writeTextFileSync(unit, text);
    await tree.run(
      ...["install", "-D", "--mode=644", unit] as const,
      `${tree.root}${path}`,
    );
  }
}

let machine: Machine;
Deno.test.beforeAll(async () => {
  machine = await Machine.boot({ prepare: installAll });
});
Deno.test.afterAll(() => machine?.[Symbol.asyncDispose]());

async function ask(path: string): Promise<string> {
  using conn = await machine.connect(path);
  await send(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  return await receiveAllText(conn);
}

/** Sends the first half of a request, which the service has begun when this resolves. */
async function halfARequest(path: string): Promise<Deno.Conn> {
  const conn = await machine.connect(path);
  await send(
    conn,
    "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n",
  );
  const answer = new TextDecoder().decode(await receive(conn, 12));
  assertEquals(answer, "HTTP/1.1 100");
  await receive(conn, "  Continue\r\n\r\n".length - 1);
  await send(conn, "first");
  return conn;
}

Deno.test("the servers of the guide are one service, and each answers on its socket", async () => {
  assertEquals(
    await machine.attempt("systemd-analyze", "verify", "admin.socket"),
    { code: 0, stdout: "", stderr: "" },
  );
  await machine.systemctl("start", "web.socket", "admin.socket");
  assertMatch(await ask("/run/web.socket"), /public\n$/);
  await machine.reaches("web.service", "active (running)");
  assertMatch(await ask("/run/web-admin.socket"), /for administrators\n$/);
  await machine.reaches("web.service", "inactive (dead)");
  assertMatch(await ask("/run/web-admin.socket"), /for administrators\n$/);
  assertMatch(await ask("/run/web.socket"), /public\n$/);
  await machine.systemctl("stop", "web.socket", "admin.socket", "web.service");
  const { Result } = await machine.show("web.service", "Result");
  assertEquals(Result, "success");
});

Deno.test("on SIGTERM each server drains for its own time, and then the process ends, whatever timers it has", async () => {
  await machine.systemctl("start", "quick.socket", "slow.socket");
  using quick = await halfARequest("/run/quick.socket");
  using slow = await halfARequest("/run/slow.socket");
  await machine.systemctl("stop", "--no-block", "draining.service");
  // Cut at the end of its own time.
  assertEquals(await receiveAllText(quick).catch(() => ""), "");
  await send(slow, " half");
  assertMatch(await receiveAllText(slow), /first half$/);
  const start = performance.now();
  await machine.reaches("draining.service", "inactive (dead)");
  const elapsed = performance.now() - start;
  assert(elapsed < 15_000, `it ended after ${elapsed} ms`);
  const { Result } = await machine.show("draining.service", "Result");
  assertEquals(Result, "success");
});

Deno.test("a program with a timer exits when idle, and the next request starts it again", async () => {
  await machine.systemctl("start", "ticking.socket");
  for (let round = 0; round < 2; round++) {
    assertMatch(await ask("/run/ticking.socket"), /here\n$/);
    await machine.reaches("ticking.service", "inactive (dead)");
  }
  const { Result, NRestarts } = await machine.show(
    ...["ticking.service", "Result", "NRestarts"] as const,
  );
  assertEquals([Result, NRestarts], ["success", "0"]);
});

Deno.test("two SIGTERM for one stop do not cut the drain", async () => {
  await machine.systemctl("start", "killed.socket", "killed-quick.socket");
  using conn = await halfARequest("/run/killed.socket");
  await machine.systemctl("stop", "--no-block", "killed.service");
  await machine.reaches("killed.service", "deactivating (stop-sigterm)");
  await send(conn, " half");
  assertMatch(await receiveAllText(conn), /first half$/);
  await machine.reaches("killed.service", "inactive (dead)");
});

Deno.test("a WebSocket client that does not answer the close frame is cut at the end of the drain", async () => {
  await machine.systemctl("start", "upgrading.socket");
  using conn = await machine.connect("/run/upgrading.socket");
  await send(
    conn,
    [
      "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n",
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    ].join(""),
  );
  const answer = new TextDecoder().decode(await receive(conn, 12));
  assertEquals(answer, "HTTP/1.1 101");
  await soon(
    "the service has stopped",
    machine.systemctl("stop", "upgrading.service"),
    { within: 15_000 },
  );
  const { Result } = await machine.show("upgrading.service", "Result");
  assertEquals(Result, "success");
});

Deno.test("WatchdogSec=infinity expects no pings", async () => {
  await machine.systemctl("start", "infinite.service");
  await machine.reaches("infinite.service", "active (running)");
  await machine.systemctl("stop", "infinite.service");
  const { Result } = await machine.show("infinite.service", "Result");
  assertEquals(Result, "success");
});

Deno.test("examples/lines answers each line, and those that it has when it stops", async () => {
  const units = ["lines-example.socket", "lines-example.service"] as const;
  assertEquals(
    await machine.attempt("systemd-analyze", "verify", ...units),
    { code: 0, stdout: "", stderr: "" },
  );
  await machine.systemctl("start", units[0]);
  using conn = await machine.connect("/run/lines-example.socket");
  await send(conn, "add a\nadd b\nsub a\n");
  const replies = '1\n1\nerror: "sub a" is not "add NAME"\n';
  assertEquals(
    new TextDecoder().decode(await receive(conn, replies.length)),
    replies,
  );
  await machine.pinged(units[1], 1);
  await machine.systemctl("stop", "--no-block", units[1]);
  await machine.reaches(units[1], "deactivating (stop-sigterm)");
  await send(conn, "add a\nadd");
  assertEquals(await receiveAllText(conn), "2\n");
  await machine.reaches(units[1], "inactive (dead)");
  using next = await machine.connect("/run/lines-example.socket");
  await send(next, "add a\n");
  assertEquals(new TextDecoder().decode(await receive(next, 2)), "1\n");
  await machine.systemctl("stop", ...units);
});
