import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Address } from "../../client/address.ts";
import { ClientError } from "../../client/client_error.ts";
import { connect, type ConnectOptions } from "../../client/connect.ts";
import { freePorts } from "../support/activate.ts";
import { eventually, soon } from "../support/eventually.ts";
import { TempDir } from "../support/temp_dir.ts";

const unix = (path: string) => ({ transport: "unix", path }) as const;
const tcp = (port: number) =>
  ({ transport: "tcp", hostname: "127.0.0.1", port }) as const;

/** Returns why connecting fails. */
async function failure(
  address: Address,
  options: ConnectOptions = { timeoutMs: 5_000 },
): Promise<string> {
  const connecting = connect(address, "ADDRESS", options);
  const failing = assertRejects(() => connecting, ClientError);
  const { message } = await soon<Error>("connecting has failed", failing);
  const [, cause] = /^Cannot connect to "ADDRESS": (.*)$/.exec(message) ?? [];
  return cause ?? message;
}

const accepted = (listener: Deno.Listener): Promise<Deno.Conn> =>
  soon("the peer is accepted", listener.accept());

/** Replaces `Deno.connect`. */
function dialledWith(dial: () => Promise<Deno.Conn>): Disposable {
  const original = Deno.connect;
  Deno.connect = dial as unknown as typeof Deno.connect;
  return { [Symbol.dispose]: () => Deno.connect = original };
}

Deno.test("connect: reaches a path, an abstract name and a TCP port", async () => {
  using directory = new TempDir();
  const listen = (path: string) => Deno.listen(unix(path));
  using path = listen(directory.join("job.socket"));
  using abstract = listen(`\0${crypto.randomUUID()}`);
  using port = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  for (
    const [listener, address] of [
      [path, unix(path.addr.path)],
      [abstract, unix(abstract.addr.path)],
      [port, tcp(port.addr.port)],
    ] as const
  ) {
    using _conn = await connect(address, "ADDRESS", { timeoutMs: 5_000 });
    using _peer = await accepted(listener);
  }
});

Deno.test("connect: the reason of a failure is reported", async () => {
  using directory = new TempDir();
  const path = directory.join("job.socket");
  assertEquals(await failure(unix(path)), "no such socket");
  // As a server leaves it that did not clean up: closing removes only the bound path.
  const listener = Deno.listen(unix(path));
  Deno.linkSync(path, directory.join("left"));
  listener.close();
  Deno.writeTextFileSync(directory.join("file"), "");
  for (
    const address of [
      unix(directory.join("left")),
      unix(directory.join("file")),
      unix(`\0${crypto.randomUUID()}`),
      tcp(freePorts("127.0.0.1", 1)[0]!),
    ]
  ) {
    assertEquals(
      await failure(address),
      "connection refused: no program listens on it",
    );
  }
  using _ = dialledWith(() =>
    Promise.reject(new Deno.errors.PermissionDenied("os error 13"))
  );
  assertEquals(await failure(unix(path)), "permission denied");
});

Deno.test("connect: gives up a TCP peer that does not answer", async () => {
  // The backlog has one place, and the first connection takes it.
  const hostname = "127.0.0.1";
  using listener = Deno.listen({ hostname, port: 0, tcpBacklog: 0 });
  const { port } = listener.addr;
  using _first = await Deno.connect({ port });
  assertEquals(
    await failure(tcp(port), { timeoutMs: 200 }),
    "no answer within 200 ms",
  );
});

Deno.test("connect: keeps trying while the backlog is full, until the time-out", async () => {
  using directory = new TempDir();
  using open = new DisposableStack();
  const address = unix(directory.join("full.socket"));
  using listener = Deno.listen(address);
  await assertRejects(async () => {
    for (;;) open.use(await Deno.connect(address));
  }, Deno.errors.WouldBlock);
  assertEquals(
    await failure(address, { timeoutMs: 200 }),
    "no answer within 200 ms; last: its backlog is full",
  );
  const dial = Deno.connect;
  let tries = 0;
  using _ = dialledWith(() => {
    tries++;
    return dial(address);
  });
  const connecting = connect(address, "ADDRESS", { timeoutMs: 10_000 });
  await eventually("it has tried in vain", () => tries, (tries) => tries >= 3);
  open.use(await listener.accept());
  open.use(await soon<Deno.Conn>("it is connected", connecting));
});

Deno.test("connect: a late connection is closed", async () => {
  const dialled = Promise.withResolvers<Deno.Conn>();
  using _ = dialledWith(() => dialled.promise);
  await failure(unix("/late"), { timeoutMs: 20 });
  const closed = Promise.withResolvers<void>();
  dialled.resolve({ close: closed.resolve } as unknown as Deno.Conn);
  await soon("the late connection is closed", closed.promise);
});

Deno.test("connect: no retry after the time-out", async () => {
  let tries = 0;
  using _ = dialledWith(() => {
    tries += 1;
    return Promise.reject(new Deno.errors.WouldBlock("full"));
  });
  await failure(unix("/full"), { timeoutMs: 100 });
  const before = tries;
  // One more attempt may be pending; the pauses are shorter than this.
  await new Promise((resolve) => setTimeout(resolve, 350));
  assert(before > 1 && tries <= before + 1, `${before}, then ${tries} tries`);
});

Deno.test("connect: retry waits for a socket to appear, until the time-out", async () => {
  using directory = new TempDir();
  const address = unix(directory.join("job.socket"));
  assertEquals(
    await failure(address, { timeoutMs: 100, retry: true }),
    "no answer within 100 ms; last: no such socket",
  );
  const patient = { timeoutMs: 10_000, retry: true };
  const connecting = connect(address, "ADDRESS", patient);
  using listener = Deno.listen(address);
  using _conn = await soon<Deno.Conn>("it is connected", connecting);
  using _peer = await accepted(listener);
});
