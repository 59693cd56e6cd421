import {
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { ActivationError, type ListenFd } from "../../mod.ts";
import { chooseSocket } from "../../server/choose_socket.ts";

const named = (...names: string[]): ListenFd[] =>
  names.map((name, i) => ({ fd: 3 + i, name }));

Deno.test("the one socket of the wanted name is chosen", () => {
  const given = named("job");
  assertStrictEquals(chooseSocket(given, "job"), given[0]);
});

const REFUSED: [given: ListenFd[], got: string, advice: string][] = [
  [named(), "got none", "systemctl restart ipc-server.socket"],
  [named("other"), 'got fd 3 "other"', "--name"],
  [named("unknown"), 'got fd 3 "unknown"', "FileDescriptorName=job"],
  [named(""), 'got fd 3 ""', "FileDescriptorName=job"],
  [named("JOB"), 'got fd 3 "JOB"', "FileDescriptorName=job"],
  [named("job "), 'got fd 3 "job "', "FileDescriptorName=job"],
  [
    named("job", "job"),
    'got fd 3 "job", fd 4 "job"',
    "pass only one",
  ],
  [
    named("job", "other"),
    'got fd 3 "job", fd 4 "other"',
    "pass only one",
  ],
  [
    named("a", "b", "c"),
    'got fd 3 "a", fd 4 "b", fd 5 "c"',
    "pass only one",
  ],
];
for (const [given, got, advice] of REFUSED) {
  const names = given.map(({ name }) => JSON.stringify(name)).join(", ");
  Deno.test(`sockets [${names}] are refused with a hint`, () => {
    const { code, message } = assertThrows(
      () => chooseSocket(given, "job"),
      ActivationError,
    );
    assertStrictEquals(
      code,
      given.length === 0 ? "not-activated" : "wrong-name",
    );
    assertStringIncludes(message, 'Wanted one socket named "job"');
    assertStringIncludes(message, got);
    assertStringIncludes(message.slice(message.indexOf(got)), advice);
    assertStrictEquals(message.includes("\n"), false);
  });
}
