import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { forgetListenFds } from "../../activation/listen_fds.ts";
import { RefusedFd } from "../../activation/_runtime.ts";
import { closedFd, ownFd, refuseFd } from "../../activation/own_fd.ts";
import { ActivationError } from "../../mod.ts";

/** Passes this process descriptors of these names, as far as it can tell. */
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

/** Makes a descriptor available again. */
function disownFd(fd: number): void {
  refuseFd(fd, new RefusedFd("it is no socket"));
}

function refusal(which: Parameters<typeof ownFd>[0]): ActivationError {
  return assertThrows(() => ownFd(which), ActivationError);
}

Deno.test("own: a number that was passed has its name", () => {
  using _ = passed("web", "control");
  assertEquals(ownFd(4), { fd: 4, name: "control" });
  disownFd(4);
});

Deno.test("own: what listenFds returned is taken as it is", () => {
  const listenFd = { fd: 1_000, name: "web" };
  assertStrictEquals(ownFd(listenFd), listenFd);
  disownFd(1_000);
});

Deno.test("own: standard input needs not be passed", () => {
  assertEquals(ownFd(0), { fd: 0, name: "unknown" });
  disownFd(0);
});

Deno.test("own: a number is refused when nothing was passed", () => {
  for (const fd of [1, 2, 3, 4, -1, 1.5, NaN, Infinity]) {
    const { message, fd: told } = refusal(fd);
    assertEquals(
      message,
      `Cannot adopt fd ${fd}: it was not passed to this process (passed: none); start the program from a socket unit`,
    );
    assertEquals(told, fd);
  }
});

Deno.test("own: a number that was not passed is refused, with those that were", () => {
  using _ = passed("web", "control");
  assertEquals(
    refusal(5).message,
    'Cannot adopt fd 5: it was not passed to this process (passed: 3 "web", 4 "control"); start the program from a socket unit',
  );
});

Deno.test("own: what is no descriptor is refused", () => {
  for (const fd of [-1, 1.5, NaN, Infinity]) {
    const error = refusal({ fd, name: "web" });
    assertEquals(
      error.message,
      `Cannot adopt fd "${fd}": it is not a descriptor; pass what listenFds() returned`,
    );
    assertEquals([error.fd, error.fdName], [fd, "web"]);
  }
});

Deno.test("own: a descriptor has one owner", () => {
  const listenFd = { fd: 1_001, name: "web" };
  ownFd(listenFd);
  for (const which of [listenFd, { fd: 1_001, name: "other" }]) {
    const error = refusal(which);
    assertEquals(
      error.message,
      `Cannot adopt fd 1001 "${which.name}": it was adopted before, and is open; keep the first listener or connection`,
    );
    assertEquals([error.fd, error.fdName], [1_001, which.name]);
  }
  disownFd(1_001);
});

Deno.test("own: a descriptor that was refused may be owned by another", () => {
  const listenFd = { fd: 1_002, name: "web" };
  ownFd(listenFd);
  assertEquals(refuseFd(1_002, new RefusedFd("it is a file")), "it is a file");
  assertStrictEquals(ownFd(listenFd), listenFd);
  disownFd(1_002);
});

Deno.test("own: a descriptor that was closed stays closed", () => {
  const listenFd = { fd: 1_003, name: "web" };
  const closings = [
    () => closedFd(1_003),
    () => refuseFd(1_003, new RefusedFd("it is a file", { closed: true })),
    () => refuseFd(1_003, new Error("open EINVAL")),
  ];
  for (const close of closings) {
    ownFd(listenFd);
    close();
    assertEquals(
      refusal(listenFd).message,
      'Cannot adopt fd 1003 "web": it was adopted before, and is closed; only another process can get it again',
    );
    disownFd(1_003);
  }
});

Deno.test("own: malformed variables are told, not taken for none", () => {
  using _ = passed("web");
  Deno.env.set("LISTEN_FDS", "many");
  const { variable } = refusal(3);
  assertEquals(variable, "LISTEN_FDS");
});
