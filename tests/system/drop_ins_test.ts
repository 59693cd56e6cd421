// units/drop-ins, each copied to where its first line says.

import { assert, assertEquals } from "@std/assert";
import { Machine, REPOSITORY, SOCKET_PATH } from "./machine.ts";

const SERVER = "ipc-server.service";
const SOCKET = "ipc-server.socket";

let machine: Machine;
Deno.test.beforeAll(async () => {
  machine = await Machine.boot();
});
Deno.test.afterAll(() => machine?.[Symbol.asyncDispose]());

/** Starts the socket with a drop-in, and takes it away after the test. */
async function withDropIn(
  name: string,
  test: () => Promise<void>,
): Promise<void> {
  const text = await Deno.readTextFile(
    `${REPOSITORY}/units/drop-ins/${name}.conf`,
  );
  const [, path = ""] =
    /^# (\/etc\/systemd\/system\/\S+\.d\/\S+\.conf)\n/.exec(text) ?? [];
  assert(path.endsWith(`/${name}.conf`), `the first line of ${name}.conf`);
  const directory = path.slice(0, path.lastIndexOf("/"));
  await machine.run("mkdir", "-p", directory);
  await machine.write(path, text);
  await machine.systemctl("daemon-reload");
  assertEquals(
    await machine.attempt("systemd-analyze", "verify", SOCKET, SERVER),
    { code: 0, stdout: "", stderr: "" },
  );
  await machine.systemctl("start", SOCKET);
  try {
    await test();
  } finally {
    await machine.systemctl("stop", SOCKET, SERVER);
    await machine.run("rm", "-r", directory);
  }
}

/** Has somebody in the machine say something, and returns what comes back. */
function say(text: string, address: string): Promise<string> {
  const line = `printf '${text}' | socat -t 5 - ${address}`;
  return machine.run("sh", "-c", line);
}

Deno.test("the private socket is for root and one group", () =>
  withDropIn("private-socket", async () => {
    const access = await machine.run("stat", "--format=%a %U %G", SOCKET_PATH);
    assertEquals(access, "660 root adm\n");
    assertEquals(await say("root", `UNIX-CONNECT:${SOCKET_PATH}`), "root");
    const connect = `socat -u /dev/null UNIX-CONNECT:${SOCKET_PATH}`;
    const as = (...who: string[]) =>
      machine.attempt("setpriv", "--reuid=nobody", ...who, "sh", "-c", connect);
    assertEquals((await as("--regid=adm", "--clear-groups")).code, 0);
    const { code, stderr } = await as("--regid=nogroup", "--clear-groups");
    assert(code !== 0 && stderr.includes("Permission denied"), stderr);
  }));

Deno.test("the TCP listener is served by a server that has no network", () =>
  withDropIn("tcp-listener", async () => {
    assertEquals(await say("over TCP", "TCP:127.0.0.1:7000"), "over TCP");
    assertEquals((await machine.attempt("test", "-e", SOCKET_PATH)).code, 1);
  }));

Deno.test("idle exit and more logging reach the server", async () => {
  await withDropIn("idle-exit", async () => {
    await machine.systemctl("start", SERVER);
    const pid = await machine.mainPid(SERVER);
    const command = await machine.run("cat", `/proc/${pid}/cmdline`);
    assert(command.includes("--idle-timeout\x0060s"), command);
  });
  await withDropIn("more-logging", async () => {
    const { LogRateLimitIntervalUSec } = await machine.show(
      SERVER,
      "LogRateLimitIntervalUSec",
    );
    assertEquals(LogRateLimitIntervalUSec, "0");
  });
});
