// examples/ and the servers of docs/web-service.md, compiled and installed by the commands
// of their pages.

import { assertEquals, assertMatch } from "@std/assert";
import { examples } from "../docs/pages.ts";
import { eventually } from "../support/eventually.ts";
import { receive, receiveAllText, send } from "../support/peer.ts";
import { REPOSITORY } from "../support/program.ts";
import { TempDir } from "../support/temp_dir.ts";
import { compileExample } from "./programs.ts";
import { Machine } from "./machine.ts";

const machine = new Machine({ prepare: () => Promise.resolve() });

/** Compiles an example, and copies the units of its folder. */
async function install(folder: string): Promise<void> {
  await compileExample(machine, folder);
  for (const { name } of Deno.readDirSync(`${REPOSITORY}examples/${folder}`)) {
    if (!/\.(socket|service)$/.test(name)) continue;
    const file = `${REPOSITORY}examples/${folder}/${name}`;
    await machine.copy(file, `/etc/systemd/system/${name}`);
  }
  await machine.systemctl("daemon-reload");
}

/** Returns the response of a service, on a TCP socket by default. */
const curl = (option = "") =>
  machine.run(`curl -sSf http://127.0.0.1:8080 ${option}`);
const curlUnix = (path: string) => curl(`--unix-socket ${path}`);

Deno.test("examples/http: a request starts it, also after a stop", async () => {
  const [socket, service] = ["http-example.socket", "http-example.service"];
  await install("http");
  await machine.assertVerified(socket, service);
  await machine.systemctl("enable", "--now", socket);
  await machine.shows(service, { ExecMainStartTimestampMonotonic: "0" });

  assertMatch(await curl(), /^1 requests in the \d+ seconds/);
  await machine.reaches(service, "active (running)");
  await machine.shows(service, {
    ...{ StatusText: "Answering requests", Type: "notify" },
    WatchdogUSec: "30s",
  });
  const unix = await curlUnix("/run/http-example/web.socket");
  assertMatch(unix, /^2 requests in the \d+ seconds/);
  await machine.assertExposure(service, 0.9);

  await machine.systemctl("stop", service);
  assertMatch(await curl(), /^1 requests in the /);
  await machine.shows(service, { Result: "success", ActiveState: "active" });
});

Deno.test("examples/lines answers each line, and those that it has when it stops", async () => {
  const [socket, service] = ["lines-example.socket", "lines-example.service"];
  await install("lines");
  await machine.assertVerified(socket, service);
  await machine.systemctl("start", socket);
  const path = "/run/lines-example.socket";
  const replied = async (conn: Deno.Conn, lines: string, replies: string) => {
    await send(conn, lines);
    const received = await receive(conn, replies.length);
    assertEquals(new TextDecoder().decode(received), replies);
  };
  await machine.startLimitInterval("0", service);
  await eventually(
    "the last line is answered that a service receives while it stops",
    async () => {
      using conn = await machine.connect(path);
      const error = 'error: "sub a" is not "add NAME"\n';
      await replied(conn, "add a\nadd b\nsub a\n", `1\n1\n${error}`);
      await machine.run(`systemctl kill ${service}
        while systemctl is-active --quiet ${service}; do :; done`);
      // On a busy machine, the grace period may be over.
      return await send(conn, "add a\nadd").then(() => receiveAllText(conn))
        .catch(String);
    },
    (text) => text === "2\n",
  );
  await machine.reaches(service, "inactive (dead)");
  using next = await machine.connect(path);
  await replied(next, "add a\n", "1\n");
});

Deno.test("examples/node-servers starts on the first request, and stops", async () => {
  const socket = "node-server@hono.socket";
  const service = "node-server@hono.service";
  await install("node-servers");
  await machine.assertVerified(socket, service);
  await machine.systemctl("enable", "--now", socket);
  const hello = await curlUnix("/run/node-server/hono.socket");
  assertEquals(hello, "hello from hono\n");
  await machine.reaches(service, "active (running)");
  await machine.systemctl("stop", service);
  await machine.shows(service, { Result: "success" });
});

Deno.test("the servers of the guide are one service, which exits when all are idle, whatever timers it has", async () => {
  const guide = "docs/web-service.md";
  const admin = (code: string) => code.includes("admin");
  using directory = new TempDir();
  const source = directory.join("web.ts");
  // Times that a test can wait for; and a timer, which the exit does not wait for.
  const program = examples(guide).find(admin)!.replace("300_000", "2_000")
    .replace("60_000", "1_000") + "setInterval(() => {}, 1_000);\n";
  Deno.writeTextFileSync(source, program);
  await machine.compile(source, "/usr/local/bin/web", [
    ...["--allow-env", "--allow-net=unix:/run/systemd/notify"],
    "--allow-write=/run/systemd/notify",
  ]);
  for (const text of examples(guide, "ini").filter(admin)) {
    await machine.write(/^# (\/\S+)\n/.exec(text)![1]!, text);
  }
  await machine.units({
    "web.socket": "[Socket]\nListenStream=/run/web.socket\n",
    "web.service": "[Service]\nType=notify\nExecStart=/usr/local/bin/web\n",
  });
  await machine.assertVerified("admin.socket");
  await machine.systemctl("start", "web.socket", "admin.socket");
  for (let round = 0; round < 2; round++) {
    assertEquals(await curlUnix("/run/web.socket"), "public\n");
    const forAdmin = await curlUnix("/run/web-admin.socket");
    assertEquals(forAdmin, "for administrators\n");
    const end = { ActiveState: "inactive", Result: "success" };
    await machine.shows("web.service", end);
  }
});
