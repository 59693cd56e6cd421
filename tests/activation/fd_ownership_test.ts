import { assertEquals, assertRejects } from "@std/assert";
import { adoptFd, closedFd } from "../../activation/_fd_ownership.ts";
import { isUnsupported } from "../../activation/_oldest_deno.ts";
import { RefusedFdError } from "../../runtime/refused_fd.ts";
import { ActivationError, type ListenFd } from "../../mod.ts";
import { activatedEnv } from "../support/activated_env.ts";

const adopt = (which: number | ListenFd) =>
  adoptFd(which, "listen", (fd) => fd);

/** Returns the error of `adoptFd()`, whose `open` fails with `cause` if it is called. */
const refusal = (which: number | ListenFd, cause = new Error("It is called")) =>
  assertRejects(
    () => adoptFd(which, "listen", () => Promise.reject(cause)),
    ActivationError,
  );

const parts = ({ message, code, fd, fdName }: ActivationError) =>
  [message, code, fd, fdName] as unknown[];

Deno.test("a passed number gets its name; standard input is accepted without being passed", async () => {
  using _ = activatedEnv({ LISTEN_FDS: "2", LISTEN_FDNAMES: "web:control" });
  for (const [fd, name] of [[4, "control"], [0, "unknown"]] as const) {
    const refused = new RefusedFdError("it is a file");
    const error = await refusal(fd, refused);
    assertEquals(error.cause, refused);
    assertEquals(parts(error), [
      `Cannot listen on fd ${fd} "${name}": it is a file; use ListenStream= with a path, an @abstract name or a TCP port, and Accept=no`,
      ...["wrong-kind", fd, name],
    ]);
  }
});

Deno.test("an error that confirms no kind is the runtime's", async () => {
  const assertOf = async (fd: number, cause: Error) =>
    assertEquals(parts(await refusal({ fd, name: "web" }, cause)), [
      `Cannot listen on fd ${fd} "web": ${cause.message} (an error of Deno ${Deno.version.deno}); the oldest supported release is 2.9.2`,
      ...["unsupported", fd, "web"],
    ]);
  await assertOf(1_020, new Error("listen EEXIST"));
  // An old release fails with errors of wrong kinds.
  const { version } = Deno;
  Object.assign(Deno, { version: { ...version, deno: "2.9.1" } });
  try {
    await assertOf(1_021, new RefusedFdError("it is a file"));
  } finally {
    Object.assign(Deno, { version });
  }
});

Deno.test("a release before the oldest supported one is recognised", () => {
  const old = ["1.46.3", "2.0.0", "2.8.99+abc1234", "2.9.1"];
  const supported = ["2.9.2", "2.9.2-rc.1", "2.10.0", "3.0.0", "10.1.0"];
  assertEquals([...old, ...supported].filter(isUnsupported), old);
});

Deno.test("a number that was not passed is not opened", async () => {
  const message = (fd: number, passed: string) =>
    `Cannot adopt fd ${fd}: it was not passed to this process (passed: ${passed}); start the program from a socket unit`;
  for (const fd of [1, 2, 3, 4, -1, 1.5, NaN, Infinity]) {
    assertEquals(
      parts(await refusal(fd)),
      [message(fd, "none"), "not-passed", fd, undefined],
    );
  }
  using _ = activatedEnv({ LISTEN_FDS: "2", LISTEN_FDNAMES: "web:control" });
  const error = await refusal(5);
  assertEquals(error.message, message(5, '3 "web", 4 "control"'));
  for (const fd of [-1, 1.5, NaN, Infinity]) {
    assertEquals(parts(await refusal({ fd, name: "web" })), [
      `Cannot adopt fd "${fd}": it is not a descriptor; pass a result of listenFds()`,
      ...["not-passed", fd, "web"],
    ]);
  }
});

Deno.test("a descriptor has one owner, which may be the second that wants it", async () => {
  await refusal({ fd: 1_001, name: "web" }, new RefusedFdError("it is a file"));
  assertEquals(await adopt({ fd: 1_001, name: "web" }), 1_001);
  for (const name of ["web", "other"]) {
    assertEquals(parts(await refusal({ fd: 1_001, name })), [
      `Cannot adopt fd 1001 "${name}": it was adopted before, and is open; keep the first listener or connection`,
      ...["owned", 1_001, name],
    ]);
  }
});

const CLOSINGS: [how: string, close: (fd: ListenFd) => unknown][] = [
  ["by its owner", async (listenFd) => closedFd(await adopt(listenFd))],
  [
    "by the runtime",
    (listenFd) =>
      refusal(listenFd, new RefusedFdError("a file", { closed: true })),
  ],
  [
    "or never opened by it",
    (listenFd) => refusal(listenFd, new Error("open EINVAL")),
  ],
];
for (const [i, [how, close]] of CLOSINGS.entries()) {
  Deno.test(`a descriptor that was closed ${how} is gone`, async () => {
    const fd = 1_010 + i;
    await close({ fd, name: "web" });
    assertEquals(parts(await refusal({ fd, name: "web" })), [
      `Cannot adopt fd ${fd} "web": it was adopted before, and is closed; restart the service to get it again`,
      ...["closed", fd, "web"],
    ]);
  });
}

Deno.test("a malformed variable is reported", async () => {
  using _ = activatedEnv({ LISTEN_FDS: "many" });
  assertEquals((await refusal(3)).variable, "LISTEN_FDS");
});
