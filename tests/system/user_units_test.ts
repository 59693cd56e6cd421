// The units of `systemctl --user`, for a user who is not root.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { CLIENT, Machine, Manager, SERVER, SOCKET } from "./machine.ts";

const SENT = ["1", "2", "3", "close"];
const UID = 1234;
const CONFIG = "/home/ipc-tester/.config";
const RUNTIME = `/run/user/${UID}`;
const SOCKET_PATH = `${RUNTIME}/ipc-server/job.socket`;

/**
 * The distribution's unit, but for PAM: with it, the machine would need Debian's
 * libpam-systemd, for nothing but this directory and this variable.
 */
const USER_MANAGER = `[Service]
Type=notify
User=%i
RuntimeDirectory=user/%i
RuntimeDirectoryMode=0700
Environment=XDG_RUNTIME_DIR=/run/user/%i
ExecStart=/lib/systemd/systemd --user
Slice=user-%i.slice
KillMode=mixed
Delegate=pids memory cpu
`;

const machine = new Machine();
const user = new Manager((...command) =>
  machine.attempt(
    ...["setpriv", `--reuid=${UID}`, `--regid=${UID}`],
    ...["--groups=systemd-journal", "env", "HOME=/home/ipc-tester"],
    ...[`XDG_RUNTIME_DIR=${RUNTIME}`, ...command],
  ), "--user");
/** Ends the manager and all that it runs, if it runs, and starts it. */
const restart = () => machine.systemctl("restart", `user@${UID}.service`);
/** Writes a line into a file in the user's configuration. */
const write = (name: string, text: string) =>
  machine.write(`${CONFIG}/${name}`, `${text}\n`);

Deno.test.beforeAll(async () => {
  await machine.run(`useradd --uid=${UID} --user-group -m ipc-tester`);
  await machine.units({ "user@.service": USER_MANAGER });
  await restart();
});

Deno.test("a user's client brings up a user's server, and both write to the journal", async () => {
  await write("ipc-client", "IPC_CLIENT_OPTIONS=--interval 10ms --count 3");
  await user.systemctl("start", CLIENT);
  assertEquals(await user.journalUpTo(CLIENT, "recv:close"), [
    "client start",
    `connect server by socket:${SOCKET_PATH}`,
    ...SENT.flatMap((text) => [`input data: ${text}`, `recv:${text}`]),
  ]);
  assertEquals(
    await user.journalUpTo(SERVER, "server recv: close"),
    ["server start", ...SENT.map((text) => `server recv: ${text}`)],
  );
  await user.shows(CLIENT, { ActiveState: "inactive", Result: "success" });
  await user.reaches(SERVER, "active (running)");
  await machine.reaches(SOCKET, "inactive (dead)");
});

Deno.test("the socket is its user's alone", async () => {
  const access = await machine.run(
    `cd ${RUNTIME}; stat --format="%a %U:%G" ipc-server ipc-server/job.socket`,
  );
  const owner = "ipc-tester:ipc-tester";
  assertEquals(access, `700 ${owner}\n600 ${owner}\n`);
});

Deno.test("the socket survives its server, and brings up the next one, which has no notify socket", async () => {
  await machine.assertServed(SOCKET_PATH);
  const first = await user.mainPid(SERVER);
  await write("ipc-server", "IPC_SERVER_OPTIONS=--quiet");
  await user.systemctl("stop", SERVER);
  await user.shows(SERVER, { Result: "success" });
  await user.reaches(SOCKET, "active (listening)");
  await machine.assertServed(SOCKET_PATH, "unlogged");
  const lines = await user.journal(SERVER);
  assert(!lines.includes("server recv: unlogged"), lines.join("\n"));

  const pid = await user.mainPid(SERVER);
  assert(pid !== first);
  const variables = await machine.run(`cat /proc/${pid}/environ`);
  assert(/\bLISTEN_FDS=/.test(variables), variables);
  assert(!/NOTIFY_SOCKET|WATCHDOG_USEC/.test(variables), variables);

  await user.systemctl("stop", SOCKET, SERVER);
  assertEquals(await machine.has(SOCKET_PATH), false);
});

/** Operations that the units must refuse, and the message of each. */
const ATTEMPTS: Record<string, string> = {
  "python3 -c 'import socket; socket.socket()'": "Address family not supported",
  "unshare --user true": "not permitted",
  "python3 -c 'import mmap; mmap.mmap(-1, 4096, prot=7)'":
    "(not permitted|Permission denied)",
  "chmod u+s $(mktemp)": "not permitted",
};

for (const unit of [SERVER, CLIENT]) {
  Deno.test(`the sandbox of the user's ${unit} holds`, async () => {
    const attempts = Object.keys(ATTEMPTS)
      .map((command) => `${command} 2>&1 && echo done`).join("; ");
    await write("attempts", `${attempts}; :`);
    // It writes to a file: the journal may not know the unit of a short-lived process.
    await write(
      `systemd/user/${unit}.d/attempts.conf`,
      `[Service]
Type=oneshot
Restart=no
ExecStart=
ExecStart=/bin/sh ${CONFIG}/attempts
StandardOutput=truncate:${CONFIG}/output`,
    );
    await machine.run(`chown -R ipc-tester ${CONFIG}`);
    await user.systemctl("daemon-reload");
    const outside = await user.run("sh", `${CONFIG}/attempts`);
    assertEquals(outside, "done\n".repeat(4));
    await user.systemctl("start", unit);
    const inside = await user.run("cat", `${CONFIG}/output`);
    assertMatch(inside, new RegExp(Object.values(ATTEMPTS).join("[^]*")));
    assert(!inside.includes("done"), inside);
    await user.run(`rm -r ${CONFIG}/systemd/user/${unit}.d`);
    await user.systemctl("daemon-reload");
    await user.systemctl("stop", SOCKET);
  });
}

Deno.test("enabled, the socket is there whenever its user's manager is", async () => {
  await user.systemctl("enable", SOCKET);
  await restart();
  await user.reaches(SOCKET, "active (listening)");
  await machine.assertServed(SOCKET_PATH);
});
