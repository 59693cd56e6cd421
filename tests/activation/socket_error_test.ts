import { assertEquals, assertStrictEquals } from "@std/assert";
import { socketError } from "../../activation/socket_error.ts";

const CLASSES: [code: string, name: keyof typeof Deno.errors][] = [
  ["EACCES", "PermissionDenied"],
  ["ECONNABORTED", "ConnectionAborted"],
  ["ECONNREFUSED", "ConnectionRefused"],
  ["ECONNRESET", "ConnectionReset"],
  ["ENOTCONN", "NotConnected"],
  ["EPIPE", "BrokenPipe"],
  ["ETIMEDOUT", "TimedOut"],
];
for (const [code, name] of CLASSES) {
  Deno.test(`${code} is Deno's ${name}, with where it came from`, () => {
    const cause = Object.assign(new Error(`read ${code}`), { code });
    const error = socketError(cause);
    assertEquals(error instanceof Deno.errors[name], true);
    assertEquals(error.name, name);
    assertEquals(error.message, `read ${code}`);
    assertStrictEquals(error.cause, cause);
  });
}

for (const code of [undefined, "", "EIO"]) {
  Deno.test(`an error of code ${code} stays what it is`, () => {
    const error = Object.assign(new Error("odd"), { code });
    assertStrictEquals(socketError(error), error);
  });
}
