// units/drop-ins, each copied to the path in its first line.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { page } from "../docs/pages.ts";
import { receiveAllText, send } from "../support/peer.ts";
import { CLIENT, Machine, SERVER, SOCKET, SOCKET_PATH } from "./machine.ts";

const machine = new Machine();

/**
 * Copies drop-ins, and starts the socket, until the result is disposed of; the executables
 * are in the directory of other-directory.conf meanwhile, if that is one of them.
 */
async function dropIns(
  names: string[],
  // Tests have less than a minute for an idle exit.
  edit = (text: string) => text.replace("timeout 60s", "timeout 300ms"),
): Promise<AsyncDisposable> {
  const files = names.map((name) => {
    const text = edit(page(`units/drop-ins/${name}.conf`));
    const [, path = ""] =
      /^# \/etc\/systemd\/system\/(\S+\.d\/\S+\.conf)\n/.exec(text) ?? [];
    assert(path.endsWith(`/${name}.conf`), `the first line of ${name}.conf`);
    return [path, text];
  });
  const isMoved = names.includes("other-directory");
  if (isMoved) await machine.run("mv /usr/libexec/ipc /opt/ipc");
  await machine.units(Object.fromEntries(files));
  await machine.assertVerified(SOCKET, SERVER);
  await machine.systemctl("start", SOCKET);
  return {
    [Symbol.asyncDispose]: async () => {
      const paths = files.map(([path]) => path).join(" ");
      await machine.run(`systemctl stop ${SOCKET} ${SERVER}
        cd /etc/systemd/system; rm -f ${paths}; systemctl daemon-reload
        systemctl reset-failed; rm -f /etc/default/ipc-*
        ${isMoved ? "mv /opt/ipc /usr/libexec/ipc" : ""}`);
    },
  };
}

async function assertServedOverTcp(): Promise<void> {
  const command = "printf text | socat -t 30 - TCP:127.0.0.1:7000";
  assertEquals(await machine.run(command), "text");
}

Deno.test("a restart of the socket as documented replaces the path by the TCP port", async () => {
  await machine.systemctl("start", SOCKET);
  {
    await using _ = await dropIns(["tcp-listener"]);
    await machine.systemctl("restart", SOCKET);
    await assertServedOverTcp();
    assertEquals(await machine.has(SOCKET_PATH), false);
  }
  await machine.systemctl("restart", SOCKET);
  await machine.assertServed();
  await machine.systemctl("stop", SOCKET, SERVER);
});

Deno.test("the check reports the socket, and connections wait", async () => {
  await using _ = await dropIns(["check"]);
  await machine.systemctl("start", SERVER);
  await machine.reaches(SERVER, "active (exited)");
  const output = (await machine.journal(SERVER)).join("\n");
  assertStringIncludes(output, "/notify takes messages\n");
  assertStringIncludes(output, "\nThe server would start.");
  using conn = await machine.connect();
  await send(conn, "waited");
  await conn.closeWrite();
  await machine.run(`rm /etc/systemd/system/${SERVER}.d/check.conf
    systemctl daemon-reload; systemctl restart ${SERVER}`);
  assertEquals(await receiveAllText(conn), "waited");
});

Deno.test("a failed check fails the unit, with the reason", async () => {
  await using _ = await dropIns(
    ["check"],
    (text) => text.replace(/IPC_SERVER_CHECK=.*/, '"$& --name web"'),
  );
  await machine.attempt("systemctl", "start", SERVER);
  await machine.reaches(SERVER, "failed (failed)");
  const lines = await machine.journal(SERVER);
  const last = lines.findLast((line) => line.startsWith("wrong: "));
  assertStringIncludes(last ?? "", "set FileDescriptorName=web");
});

Deno.test("a check with an ExecStart= without the variable fails, and does not wait forever", async () => {
  const serving = "1s\nExecStart=\nExecStart=/usr/libexec/ipc/ipc-server";
  await using _ = await dropIns(["check"], (it) => it.replace("30s", serving));
  await machine.attempt("systemctl", "start", SERVER);
  await machine.shows(SERVER, { ActiveState: "failed", Result: "timeout" });
});

Deno.test("the executables work in another directory, and only there", async () => {
  await using _ = await dropIns(["other-directory", "other-directory-client"]);
  await machine.options("ipc-client", "--interval=10ms");
  await machine.systemctl("start", CLIENT);
  await machine.journalUpTo(CLIENT, "recv:close");
  await machine.reaches(CLIENT, "inactive (dead)");
  await machine.assertExposure(SERVER, 0.1);
});

/** All drop-ins that can be combined: the two of the socket cannot. */
const OTHERS = ["idle-exit", "more-logging", "other-directory"];
const SETS = ["private-socket", "tcp-listener"]
  .flatMap((socket) => [[socket], [socket, "check"]]);
for (const set of SETS) {
  const names = [...set, ...OTHERS];
  Deno.test(`${names.join(", ")}: each has its effect`, async () => {
    // A strict limit, for more-logging.conf to lift.
    await using _busy = await machine.dropIn(
      ...[SERVER, "[Service]\nLogRateLimitIntervalSec=1h"] as const,
    );
    await using _ = await dropIns(names);
    if (names.includes("check")) {
      await machine.systemctl("restart", SERVER);
      await machine.reaches(SERVER, "active (exited)");
      const line = (await machine.journal(SERVER)).at(-1);
      assertEquals(line, "The server would start.");
    } else {
      await (names.includes("tcp-listener")
        ? assertServedOverTcp()
        : machine.assertServed());
      await machine.reaches(SERVER, "inactive (dead)");
    }
    if (names.includes("private-socket")) {
      const access = await machine.run(`stat -c '%a %U %G' ${SOCKET_PATH}`);
      assertEquals(access, "660 root adm\n");
    }
    await machine.shows(SERVER, { LogRateLimitIntervalUSec: "0" });
  });
}
