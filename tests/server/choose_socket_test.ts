import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { ActivationError, type ListenFd } from "../../mod.ts";
import { chooseSocket } from "../../server/choose_socket.ts";

const named = (...names: string[]): ListenFd[] =>
  names.map((name, i) => ({ fd: 3 + i, name }));

Deno.test("the one socket of the wanted name is chosen", () => {
  const given = named("job");
  assertEquals(chooseSocket(given, "job"), given[0]);
});

const NAME_IT = "FileDescriptorName=job";
const PASS_ONE = "pass only one";

const REFUSED: [given: ListenFd[], got: string, advice: string][] = [
  [named(), "got none", "systemctl restart ipc-server.socket"],
  [named("other"), 'got fd 3 "other"', "--name"],
  [named(""), 'got fd 3 ""', NAME_IT],
  [named("JOB"), 'got fd 3 "JOB"', NAME_IT],
  [named("job "), 'got fd 3 "job "', NAME_IT],
  [named("job", "job"), 'got fd 3 "job", fd 4 "job"', PASS_ONE],
  [named("job", "other"), 'got fd 3 "job", fd 4 "other"', PASS_ONE],
  [named(..."abcdefghij"), 'fd 10 "h" and 2 more', PASS_ONE],
];

Deno.test("no socket, others and several are refused, with a hint", () => {
  for (const [given, got, advice] of REFUSED) {
    const choose = () => chooseSocket(given, "job");
    const { code, message } = assertThrows(choose, ActivationError);
    assertEquals(code, given.length === 0 ? "not-activated" : "wrong-name");
    assertStringIncludes(message, 'Wanted one socket named "job"');
    assertStringIncludes(message, got);
    assertStringIncludes(message.slice(message.indexOf(got)), advice);
    assertEquals(message.includes("\n"), false);
  }
});
