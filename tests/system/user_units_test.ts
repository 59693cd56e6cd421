// The units of `systemctl --user`, for a user who is not root.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { SERVER_DEFAULTS } from "../../server/options.ts";
import { eventually } from "../support/eventually.ts";
import { Machine } from "./machine.ts";
import { UserManager } from "./user_manager.ts";

const SOCKET = "ipc-server.socket";
const SERVER = "ipc-server.service";
const CLIENT = "ipc-client.service";
const SENT = ["1", "2", "3", "close"];

let machine: Machine;
let user: UserManager;
let socketPath: string;
Deno.test.beforeAll(async () => {
  machine = await Machine.boot();
  user = await UserManager.start(machine);
  socketPath = `${user.runtimeDirectory}/ipc-server/job.socket`;
});
Deno.test.afterAll(() => machine?.[Symbol.asyncDispose]());

/** Sends a text to the server, and returns the reply. */
function say(text: string): Promise<string> {
  const line = `printf '${text}' | socat -t 5 - UNIX-CONNECT:${socketPath}`;
  return user.run("sh", "-c", line);
}

/** Waits until a unit's processes have written a line. Returns all that they wrote. */
function wrote(unit: string, line: string): Promise<string[]> {
  return eventually(
    `${unit} has written "${line}"`,
    () => user.journal(unit),
    (lines) => lines.includes(line),
  );
}

function dirname(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

Deno.test("nothing is enabled or started, and the units pass verify", async () => {
  for (const unit of [SOCKET, SERVER, CLIENT]) {
    const { stdout } = await user.attempt(
      ...["systemctl", "--user", "is-enabled", unit],
    );
    assertEquals(stdout, "disabled\n", unit);
    await user.reaches(unit, "inactive (dead)");
  }
  assertEquals(
    await user.attempt(
      ...["systemd-analyze", "--user", "verify", SOCKET, SERVER, CLIENT],
    ),
    { code: 0, stdout: "", stderr: "" },
  );
});

Deno.test("a user's client brings up a user's server, and both write to the journal", async () => {
  await user.run("mkdir", "-p", user.configDirectory);
  await user.write(
    "ipc-client",
    "IPC_CLIENT_OPTIONS=--interval 10ms --count 3",
  );
  await user.systemctl("start", CLIENT);
  assertEquals(await wrote(CLIENT, "recv:close"), [
    "client start",
    `connect server by socket:${socketPath}`,
    ...SENT.flatMap((text) => [`input data: ${text}`, `recv:${text}`]),
  ]);
  assertEquals(
    await wrote(SERVER, "server recv: close"),
    ["server start", ...SENT.map((text) => `server recv: ${text}`)],
  );
  await user.reaches(CLIENT, "inactive (dead)");
  assertEquals(await user.show(CLIENT, "Result"), "success");
  await user.reaches(SERVER, "active (running)");
  await machine.reaches(SOCKET, "inactive (dead)");
});

Deno.test("the socket is its user's alone", async () => {
  const access = await machine.run(
    ...["stat", "--format=%a %U:%G", socketPath, dirname(socketPath)],
  );
  assertEquals(
    access,
    "600 ipc-tester:ipc-tester\n700 ipc-tester:ipc-tester\n",
  );
  const stranger = await machine.attempt(
    ...["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"],
    ...["socat", "-u", "/dev/null", `UNIX-CONNECT:${socketPath}`],
  );
  assert(stranger.stderr.includes("Permission denied"), stranger.stderr);
});

Deno.test("the socket survives its server, and brings up the next one", async () => {
  assertEquals(await say("first"), "first");
  const first = await user.show(SERVER, "MainPID");
  await user.systemctl("restart", SERVER);
  const second = await user.show(SERVER, "MainPID");
  assert(second !== "0" && second !== first, `${first}, then ${second}`);

  await user.write("ipc-server", "IPC_SERVER_OPTIONS=--quiet");
  await user.systemctl("stop", SERVER);
  assertEquals(await user.show(SERVER, "Result"), "success");
  await user.reaches(SOCKET, "active (listening)");
  assertEquals(await say("unheard"), "unheard");
  await user.reaches(SERVER, "active (running)");
  assert(!(await user.journal(SERVER)).includes("server recv: unheard"));

  await user.systemctl("stop", SOCKET, SERVER);
  assertEquals((await user.attempt("test", "-e", socketPath)).code, 1);
});

Deno.test("the server has descriptors for its peers, and no notify socket", async () => {
  await user.systemctl("start", SERVER);
  const pid = await user.show(SERVER, "MainPID");
  const read = (file: string) => machine.run("cat", `/proc/${pid}/${file}`);
  const { maxConnections, maxWaiting, backlog } = SERVER_DEFAULTS;
  const [, allowed = "0"] = /^Max open files +(\d+) /m
    .exec(await read("limits"))!;
  assert(
    Number(allowed) >= maxConnections + maxWaiting + backlog,
    `${allowed} descriptors are allowed`,
  );
  const names = (await read("environ")).split("\0")
    .map((variable) => variable.split("=")[0]!);
  assert(names.includes("LISTEN_FDS"), names.join());
  assert(!names.includes("NOTIFY_SOCKET"), names.join());
  assert(!names.includes("WATCHDOG_USEC"), names.join());
  assertEquals(await user.show(SERVER, "StatusText"), "");
  await user.systemctl("stop", SOCKET, SERVER);
});

// Operations that the sandbox of the units must refuse, and the message of each.
const ATTEMPTS: Record<string, [script: string, refusal: RegExp]> = {
  "a network socket": [
    "socat -u TCP-LISTEN:7777,accept-timeout=0.1 -",
    /Address family not supported/,
  ],
  "a user namespace": ["unshare --user true", /not permitted/],
  "memory to write and execute": [
    "python3 -c 'import mmap; mmap.mmap(-1, 4096, prot=7)'",
    /not permitted|Permission denied/,
  ],
  "a program that runs as its owner": ["chmod u+s $(mktemp)", /not permitted/],
};

for (const unit of [SERVER, CLIENT]) {
  Deno.test(`the sandbox of the user's ${unit} holds`, async () => {
    const directory = `${user.configDirectory}/systemd/user/${unit}.d`;
    const script = `${user.configDirectory}/attempt`;
    const said = `${user.configDirectory}/said`;
    await user.run("mkdir", "-p", directory);
    // It writes to a file: the journal may no longer know whose line
    // the last one of a short-lived process was.
    await user.write(
      `systemd/user/${unit}.d/attempt.conf`,
      "[Service]\nType=oneshot\nRestart=no\nExecStart=\n" +
        `ExecStart=/bin/sh ${script}\nStandardOutput=truncate:${said}\n` +
        "StandardError=inherit",
    );
    await user.systemctl("daemon-reload");
    try {
      for (const [what, [command, refusal]] of Object.entries(ATTEMPTS)) {
        await user.write("attempt", `${command}\necho "status $?"`);
        const outside = await user.run("sh", script);
        assert(outside.endsWith("status 0\n"), `${what}: ${outside}`);
        await user.systemctl("start", unit);
        const inside = await user.run("cat", said);
        assert(!inside.endsWith("status 0\n"), `${what}: ${inside}`);
        assertMatch(inside, refusal, what);
      }
    } finally {
      await user.run("rm", "-rf", directory, script, said);
      await user.systemctl("daemon-reload");
      await user.systemctl("stop", SOCKET);
    }
  });
}

Deno.test("a manager with a lower limit of descriptors starts the server with that", async () => {
  const directory = "/etc/systemd/system/user@.service.d";
  await machine.run("mkdir", directory);
  await machine.write(
    `${directory}/limit.conf`,
    "[Service]\nLimitNOFILE=4096\n",
  );
  await machine.systemctl("daemon-reload");
  await user.restart();
  await user.systemctl("start", SERVER);
  const limits = await machine.run(
    "cat",
    `/proc/${await user.show(SERVER, "MainPID")}/limits`,
  );
  assertMatch(limits, /^Max open files +4096 /m);
  await machine.run("rm", "-r", directory);
  await machine.systemctl("daemon-reload");
  await user.restart();
});

Deno.test("enabled, the socket is there whenever its user's manager is", async () => {
  await user.systemctl("enable", SOCKET);
  await user.restart();
  await user.reaches(SOCKET, "active (listening)");
  assertEquals(await say("here"), "here");
  await user.systemctl("disable", "--now", SOCKET);
});
