import { assertEquals, assertRejects } from "@std/assert";
import { adoptFd, closedFd } from "../../activation/_fd_ownership.ts";
import { isUnsupported } from "../../activation/_oldest_deno.ts";
import { RefusedFdError } from "../../runtime/refused_fd.ts";
import { forgetListenFds } from "../../activation/environment.ts";
import { ActivationError, type ListenFd } from "../../mod.ts";

/** Sets the activation variables of this process. */
function passed(...names: string[]): Disposable {
  Deno.env.set("LISTEN_PID", `${Deno.pid}`);
  Deno.env.set("LISTEN_FDS", `${names.length}`);
  Deno.env.set("LISTEN_FDNAMES", names.join(":"));
  forgetListenFds();
  return {
    [Symbol.dispose]() {
      for (const name of ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"]) {
        Deno.env.delete(name);
      }
      forgetListenFds();
    },
  };
}

const adopt = (which: number | ListenFd) =>
  adoptFd(which, "listen", (fd) => fd);

/** Makes `open` fail, and returns the error of `adoptFd()`. */
function failing(
  which: number | ListenFd,
  cause: Error,
): Promise<ActivationError> {
  const open = () => Promise.reject(cause);
  return assertRejects(() => adoptFd(which, "listen", open), ActivationError);
}

function refusal(which: number | ListenFd): Promise<ActivationError> {
  return assertRejects(() => adopt(which), ActivationError);
}

Deno.test("adoptFd: a passed number gets its name; standard input is accepted without being passed", async () => {
  using _ = passed("web", "control");
  for (const [fd, name] of [[4, "control"], [0, "unknown"]] as const) {
    const refused = new RefusedFdError("it is a file");
    const error = await failing(fd, refused);
    assertEquals(
      error.message,
      `Cannot listen on fd ${fd} "${name}": it is a file; use ListenStream= with a path, an @abstract name or a TCP port, and Accept=no`,
    );
    assertEquals([error.fd, error.fdName, error.cause], [fd, name, refused]);
    assertEquals(error.code, "wrong-kind");
  }
});

Deno.test("adoptFd: an error that confirms no kind is the runtime's", async () => {
  const { deno } = Deno.version;
  const cause = new Error("listen EEXIST");
  const { message, ...error } = await failing(
    { fd: 1_020, name: "web" },
    cause,
  );
  assertEquals(
    message,
    `Cannot listen on fd 1020 "web": listen EEXIST (an error of Deno ${deno}); the oldest supported release is 2.9.2`,
  );
  const { code, fd, fdName } = error;
  assertEquals([code, fd, fdName], ["unsupported", 1_020, "web"]);
});

Deno.test("a release before the oldest supported one is recognised", () => {
  for (const version of ["1.46.3", "2.0.0", "2.8.99+abc1234", "2.9.1"]) {
    assertEquals(isUnsupported(version), true, version);
  }
  for (const version of ["2.9.2", "2.9.2-rc.1", "2.10.0", "3.0.0", "10.1.0"]) {
    assertEquals(isUnsupported(version), false, version);
  }
});

Deno.test("adoptFd: a number that was not passed is refused", async () => {
  const message = (fd: number, passed: string) =>
    `Cannot adopt fd ${fd}: it was not passed to this process (passed: ${passed}); start the program from a socket unit`;
  for (const fd of [1, 2, 3, 4, -1, 1.5, NaN, Infinity]) {
    const error = await refusal(fd);
    assertEquals([error.message, error.fd], [message(fd, "none"), fd]);
    assertEquals(error.code, "not-passed");
  }
  using _ = passed("web", "control");
  assertEquals(
    (await refusal(5)).message,
    message(5, '3 "web", 4 "control"'),
  );
});

Deno.test("adoptFd: an invalid descriptor number is refused", async () => {
  for (const fd of [-1, 1.5, NaN, Infinity]) {
    const error = await refusal({ fd, name: "web" });
    assertEquals(
      error.message,
      `Cannot adopt fd "${fd}": it is not a descriptor; pass a result of listenFds()`,
    );
    assertEquals([error.fd, error.fdName], [fd, "web"]);
    assertEquals(error.code, "not-passed");
  }
});

Deno.test("adoptFd: a descriptor has one owner", async () => {
  assertEquals(await adopt({ fd: 1_001, name: "web" }), 1_001);
  for (const name of ["web", "other"]) {
    const error = await refusal({ fd: 1_001, name });
    assertEquals(
      error.message,
      `Cannot adopt fd 1001 "${name}": it was adopted before, and is open; keep the first listener or connection`,
    );
    assertEquals([error.fd, error.fdName], [1_001, name]);
    assertEquals(error.code, "owned");
  }
});

Deno.test("adoptFd: a refused descriptor stays available", async () => {
  const listenFd = { fd: 1_002, name: "web" };
  await failing(listenFd, new RefusedFdError("it is a file"));
  assertEquals(await adopt(listenFd), 1_002);
});

const CLOSINGS: [how: string, close: (fd: ListenFd) => unknown][] = [
  ["closed by its owner", async (listenFd) => {
    await adopt(listenFd);
    closedFd(listenFd.fd);
  }],
  [
    "closed by the runtime",
    (listenFd) =>
      failing(listenFd, new RefusedFdError("it is a file", { closed: true })),
  ],
  [
    "not opened by the runtime",
    (listenFd) => failing(listenFd, new Error("open EINVAL")),
  ],
];
for (const [i, [how, close]] of CLOSINGS.entries()) {
  Deno.test(`adoptFd: a descriptor that was ${how} is closed`, async () => {
    const listenFd = { fd: 1_010 + i, name: "web" };
    await close(listenFd);
    const { code, message } = await refusal(listenFd);
    assertEquals(code, "closed");
    assertEquals(
      message,
      `Cannot adopt fd ${listenFd.fd} "web": it was adopted before, and is closed; restart the service to get it again`,
    );
  });
}

Deno.test("adoptFd: a malformed variable is reported", async () => {
  using _ = passed("web");
  Deno.env.set("LISTEN_FDS", "many");
  assertEquals((await refusal(3)).variable, "LISTEN_FDS");
});
