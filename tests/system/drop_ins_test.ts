// units/drop-ins, each copied to the path in its first line.

import { assert, assertEquals } from "@std/assert";
import { receiveAllText, send } from "../support/peer.ts";
import { Machine, REPOSITORY, SOCKET_PATH } from "./machine.ts";

const SERVER = "ipc-server.service";
const SOCKET = "ipc-server.socket";

let machine: Machine;
Deno.test.beforeAll(async () => {
  machine = await Machine.boot();
});
Deno.test.afterAll(() => machine?.[Symbol.asyncDispose]());

/** Copies a drop-in to the path in its first line. Returns the path. */
async function copyDropIn(
  name: string,
  edit: (text: string) => string = (text) => text,
): Promise<string> {
  const text = edit(
    await Deno.readTextFile(`${REPOSITORY}/units/drop-ins/${name}.conf`),
  );
  const [, path = ""] =
    /^# (\/etc\/systemd\/system\/\S+\.d\/\S+\.conf)\n/.exec(text) ?? [];
  assert(path.endsWith(`/${name}.conf`), `the first line of ${name}.conf`);
  await machine.run("mkdir", "-p", path.slice(0, path.lastIndexOf("/")));
  await machine.write(path, text);
  return path;
}

/**
 * Starts the socket with a drop-in, or several, and takes them away after the test.
 *
 * @param edit What the test, which has no time, changes in each.
 */
async function withDropIn(
  name: string | string[],
  test: () => Promise<void>,
  edit?: (text: string) => string,
): Promise<void> {
  const paths: string[] = [];
  for (const one of [name].flat()) paths.push(await copyDropIn(one, edit));
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
    await machine.run("rm", "-f", ...paths);
    await machine.systemctl("daemon-reload");
  }
}

/** Moves the executables to another directory during a test. */
async function moved(test: () => Promise<void>): Promise<void> {
  await machine.run("mv", "/usr/libexec/ipc", "/opt/ipc");
  try {
    await test();
  } finally {
    await machine.run("mv", "/opt/ipc", "/usr/libexec/ipc");
  }
}

/** Sends a text from within the machine, and returns the reply. */
function say(text: string, address: string): Promise<string> {
  const line = `printf '${text}' | socat -t 5 - ${address}`;
  return machine.run("sh", "-c", line);
}

/** idle-exit.conf, for tests that have less than a minute. */
function sooner(text: string): string {
  return text.replace("--idle-timeout 60s", "--idle-timeout 300ms");
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

Deno.test("a restart of the socket as documented replaces the path by the TCP port", async () => {
  await machine.systemctl("start", SOCKET);
  const path = await copyDropIn("tcp-listener");
  try {
    await machine.systemctl("daemon-reload");
    await machine.systemctl("restart", SOCKET);
    assertEquals(await say("over TCP", "TCP:127.0.0.1:7000"), "over TCP");
    assertEquals((await machine.attempt("test", "-e", SOCKET_PATH)).code, 1);
    await machine.run("rm", path);
    await machine.systemctl("daemon-reload");
    await machine.systemctl("restart", SOCKET);
    assertEquals(await say("again", `UNIX-CONNECT:${SOCKET_PATH}`), "again");
  } finally {
    await machine.systemctl("stop", SOCKET, SERVER);
    await machine.run("rm", "-f", path);
    await machine.systemctl("daemon-reload");
  }
});

Deno.test("the check reports the socket, and connections wait", async () => {
  await withDropIn("check", async () => {
    await machine.systemctl("start", SERVER);
    await machine.reaches(SERVER, "active (exited)");
    const lines = (await machine.journal(SERVER)).map(({ message }) => message);
    const output = lines.join("\n");
    for (
      const line of [
        "ok: LISTEN_PID=",
        "ok: LISTEN_FDS=1\n",
        `ok: fd 3 "${SOCKET}" is a unix stream socket that listens\n`,
        // Its path depends on the version of systemd.
        "ok: NOTIFY_SOCKET=/run/",
        "/notify takes messages\n",
        "ok: WATCHDOG_USEC is set: the server pings within every 30 s\n",
        "\nThe server would start.",
      ]
    ) {
      assert(output.includes(line), `"${line}" is not in: ${output}`);
    }
    using conn = await machine.connect();
    const echo = receiveAllText(conn);
    await send(conn, "waited");
    await conn.closeWrite();
    await machine.run(
      "rm",
      "/etc/systemd/system/ipc-server.service.d/check.conf",
    );
    await machine.systemctl("daemon-reload");
    await machine.systemctl("restart", SERVER);
    assertEquals(await echo, "waited");
  });
});

Deno.test("a failed check fails the unit, with the reason", () =>
  withDropIn("check", async () => {
    await machine.attempt("systemctl", "start", SERVER);
    await machine.reaches(SERVER, "failed (failed)");
    const { ExecMainStatus } = await machine.show(SERVER, "ExecMainStatus");
    assertEquals(ExecMainStatus, "78");
    const lines = (await machine.journal(SERVER)).map(({ message }) => message);
    const wrong = lines.filter((line) => line.startsWith("wrong: "));
    assertEquals(wrong.length, 1, lines.join("\n"));
    assert(wrong[0]!.includes("set FileDescriptorName=web"), wrong[0]);
    await machine.systemctl("reset-failed", SERVER);
  }, (text) =>
    text.replace(
      "IPC_SERVER_CHECK=--check",
      '"IPC_SERVER_CHECK=--check --name web"',
    )));

Deno.test("before the service starts, ExecStartPre= is not given the socket", () =>
  withDropIn("check", async () => {
    await machine.attempt("systemctl", "start", SERVER);
    await machine.reaches(SERVER, "failed (failed)");
    const lines = (await machine.journal(SERVER)).map(({ message }) => message);
    const last = lines.filter((line) => line.startsWith("wrong: ")).at(-1);
    assert(last?.includes("LISTEN_PID is not set"), lines.join("\n"));
    await machine.systemctl("reset-failed", SERVER);
  }, (text) =>
    text.replace(
      "Environment=IPC_SERVER_CHECK=--check",
      "ExecStartPre=/usr/libexec/ipc/ipc-server --check",
    )));

Deno.test("with idle exit the server stops, and the next connection starts it", () =>
  withDropIn("idle-exit", async () => {
    assertEquals(await say("first", `UNIX-CONNECT:${SOCKET_PATH}`), "first");
    await machine.reaches(SERVER, "inactive (dead)");
    assertEquals((await machine.show(SERVER, "Result")).Result, "success");
    await machine.reaches(SOCKET, "active (listening)");
    assertEquals(await say("next", `UNIX-CONNECT:${SOCKET_PATH}`), "next");
  }, sooner));

Deno.test("options of a drop-in and of the administrator add up", () =>
  withDropIn("idle-exit", async () => {
    await machine.write(
      "/etc/default/ipc-server",
      "IPC_SERVER_OPTIONS=--quiet\n",
    );
    const already = (await machine.journal(SERVER)).length;
    assertEquals(await say("first", `UNIX-CONNECT:${SOCKET_PATH}`), "first");
    await machine.reaches(SERVER, "inactive (dead)");
    const lines = (await machine.journal(SERVER)).slice(already);
    assertEquals(lines.map(({ message }) => message), ["server start"]);
    await machine.run("rm", "/etc/default/ipc-server");
  }, sooner));

Deno.test("where a drop-in and the administrator set one option, the administrator wins", () =>
  withDropIn("idle-exit", async () => {
    await machine.write(
      "/etc/default/ipc-server",
      "IPC_SERVER_OPTIONS=--idle-timeout 300ms\n",
    );
    assertEquals(await say("first", `UNIX-CONNECT:${SOCKET_PATH}`), "first");
    await machine.reaches(SERVER, "inactive (dead)");
    await machine.run("rm", "/etc/default/ipc-server");
  }));

Deno.test("the executables work in another directory, and only there", () =>
  moved(() =>
    withDropIn(["other-directory", "other-directory-client"], async () => {
      const client = "ipc-client.service";
      assertEquals(await say("moved", `UNIX-CONNECT:${SOCKET_PATH}`), "moved");
      await machine.write(
        "/etc/default/ipc-client",
        "IPC_CLIENT_OPTIONS=--interval=10ms\n",
      );
      await machine.systemctl("start", client);
      await machine.journalUpTo(client, "recv:close");
      await machine.reaches(client, "inactive (dead)");
      const security = await machine.run(
        ...["systemd-analyze", "security", "--no-pager", SERVER],
      );
      assert(/exposure level for \S+: 0\.1 /.test(security), security);
      await machine.run("rm", "-f", "/etc/default/ipc-client");
    })
  ));

const COMBINABLE = [
  ...["private-socket", "tcp-listener", "idle-exit", "more-logging"],
  ...["check", "other-directory"],
];

/** A strict limit of the journal, for more-logging.conf to lift. */
const BUSY = "/etc/systemd/system/ipc-server.service.d/busy.conf";

/** Every two drop-ins but those of the socket, and all of one kind of socket. */
function* combinations(): Iterable<string[]> {
  for (const [at, one] of COMBINABLE.entries()) {
    for (const other of COMBINABLE.slice(at + 1)) {
      if (other !== "tcp-listener") yield [one, other];
    }
  }
  yield COMBINABLE.filter((name) => name !== "tcp-listener");
}

for (const names of combinations()) {
  const has = (name: string) => names.includes(name);
  Deno.test(`${names.join(", ")}: each has its effect`, async () => {
    await machine.run("mkdir", "-p", BUSY.slice(0, BUSY.lastIndexOf("/")));
    await machine.write(BUSY, "[Service]\nLogRateLimitIntervalSec=1h\n");
    await (has("other-directory")
      ? moved
      : (test: () => Promise<void>) => test())(
        () =>
          withDropIn(names, async () => {
            const address = has("tcp-listener")
              ? "TCP:127.0.0.1:7000"
              : `UNIX-CONNECT:${SOCKET_PATH}`;
            if (has("check")) {
              await machine.systemctl("restart", SERVER);
              await machine.reaches(SERVER, "active (exited)");
              const lines = (await machine.journal(SERVER)).slice(-1);
              assertEquals(
                lines.map(({ message }) => message),
                ["The server would start."],
              );
            } else {
              assertEquals(await say("echo", address), "echo");
            }
            if (has("idle-exit") && !has("check")) {
              await machine.reaches(SERVER, "inactive (dead)");
            }
            if (has("private-socket")) {
              const access = await machine.run(
                "stat",
                "-c",
                "%a %G",
                SOCKET_PATH,
              );
              assertEquals(access, "660 adm\n");
            }
            const interval = "LogRateLimitIntervalUSec";
            const { [interval]: limit } = await machine.show(SERVER, interval);
            assertEquals(limit, has("more-logging") ? "0" : "1h");
          }, sooner),
      );
    await machine.run("rm", BUSY);
  });
}

Deno.test("with more logging the journal keeps every line, and without it does not", async () => {
  const count = 200;
  // A journal that is strict, in place of a server that is busy.
  const directory = "/etc/systemd/system/ipc-server.service.d";
  await machine.run("mkdir", "-p", directory);
  await machine.write(
    `${directory}/busy.conf`,
    "[Service]\nLogRateLimitIntervalSec=1h\nLogRateLimitBurst=2\n",
  );
  const logged = async () => {
    await machine.run(
      ...["/usr/libexec/ipc/ipc-client", `--count=${count}`, "--interval=0"],
      SOCKET_PATH,
    );
    await machine.systemctl("stop", SERVER);
    await machine.run("journalctl", "--sync");
    const invocation = await machine.journal(SERVER);
    return invocation.filter(({ message }) =>
      message === `server recv: ${count}`
    )
      .length;
  };
  await machine.systemctl("daemon-reload");
  await machine.systemctl("start", SOCKET);
  assertEquals(await logged(), 0);
  await machine.systemctl("stop", SOCKET);
  await withDropIn("more-logging", async () => {
    assertEquals(await logged(), 1);
  });
});
