// A server that cannot start: it names the cause once, and systemd gives up soon.

import { assert } from "@std/assert";
import { Machine, SERVER, SOCKET, SOCKET_PATH } from "./machine.ts";

const machine = new Machine();
Deno.test.beforeAll(() => machine.startLimitInterval("1min"));

/** How systemd passes no socket, and where it listens once the remedy was applied. */
const WITHOUT_DESCRIPTORS = [
  {
    how: "the socket unit was changed and reloaded, but not restarted",
    ...{ unit: SOCKET, listens: "/run/ipc-server/other.socket" },
    text: "[Socket]\nListenStream=\nListenStream=/run/ipc-server/other.socket",
  },
  {
    how: "StandardInput=socket is set",
    ...{ unit: SERVER, listens: SOCKET_PATH },
    text: "[Service]\nStandardInput=socket",
  },
];
for (const { how, unit, listens, text } of WITHOUT_DESCRIPTORS) {
  Deno.test(`where ${how}, the server names that cause and the remedy`, async () => {
    await machine.systemctl("start", SOCKET);
    await using dropIn = await machine.dropIn(unit, text);
    await machine.attempt("systemctl", "start", SERVER);
    await machine.reaches(SERVER, "failed (failed)");
    await machine.reaches(SOCKET, "active (listening)");
    const message = (await machine.journal(SERVER)).at(-1)!;
    const [, remedy] =
      /, got none; run "(systemctl .*?)", as after each change of the socket unit, and set no StandardInput=socket /
        .exec(message) ?? [];
    assert(remedy !== undefined, message);
    if (unit === SERVER) await dropIn[Symbol.asyncDispose]();
    await machine.run(remedy!);
    await machine.assertServed(listens);
    await machine.systemctl("stop", SOCKET, SERVER);
  });
}

const WRONG = [
  {
    ...{ what: "a socket of another name", status: "78", unit: SOCKET },
    text: "[Socket]\nFileDescriptorName=web",
  },
  {
    ...{ what: "wrong options", status: "64", unit: SERVER },
    text: "[Service]\nEnvironment=IPC_SERVER_DROP_IN_OPTIONS=--no-such-option",
  },
];
for (const { what, status, unit, text } of WRONG) {
  Deno.test(`with ${what} and a pending connection, the socket fails soon`, async () => {
    const earlier = (await machine.journal(SERVER)).length;
    {
      await using _wrong = await machine.dropIn(unit, text);
      await machine.systemctl("start", SOCKET);
      using _conn = await machine.connect();
      await machine.reaches(SOCKET, "failed (failed)");
      await machine.shows(SOCKET, { Result: "service-start-limit-hit" });
      await machine.shows(SERVER, { ExecMainStatus: status, NRestarts: "0" });
    }
    const starts = (await machine.journal(SERVER)).slice(earlier)
      .filter((line) => /^(Wanted|Unknown)/.test(line)).length;
    // As in the unit.
    assert(starts > 0 && starts <= 12, `${starts} starts`);

    // As the manual says, after the cause is fixed.
    await machine.systemctl("reset-failed", SOCKET, SERVER);
    await machine.systemctl("start", SOCKET);
    await machine.assertServed();
    await machine.systemctl("stop", SOCKET, SERVER);
    await machine.systemctl("reset-failed");
  });
}
