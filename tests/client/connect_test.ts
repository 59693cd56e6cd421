import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Address } from "../../client/address.ts";
import { ClientError } from "../../client/client_error.ts";
import { connect, type ConnectOptions } from "../../client/connect.ts";
import { eventually, soon } from "../support/eventually.ts";
import { run } from "../support/program.ts";
import { TempDir } from "../support/temp_dir.ts";
import { freePort } from "../support/test_server.ts";

const unix = (path: string): Address => ({ transport: "unix", path });

const tcp = ({ port }: { port: number }): Address => ({
  transport: "tcp",
  hostname: "127.0.0.1",
  port,
});

async function failure(
  address: Address,
  text: string,
  options: ConnectOptions = { timeoutMs: 5_000 },
): Promise<string> {
  const { message } = await soon<Error>(
    `connecting to ${text} has failed`,
    assertRejects(() => connect(address, text, options), ClientError),
  );
  assertEquals(message.includes("\n"), false);
  return message;
}

Deno.test("connect: reaches a socket path", async () => {
  using directory = new TempDir();
  const path = directory.join("job.socket");
  using listener = Deno.listen({ transport: "unix", path });
  using _conn = await connect(unix(path), path, { timeoutMs: 5_000 });
  using _peer = await soon("the peer is accepted", listener.accept());
});

Deno.test("connect: reaches an abstract socket", async () => {
  const path = `\0${crypto.randomUUID()}`;
  using listener = Deno.listen({ transport: "unix", path });
  using _conn = await connect(unix(path), "@abstract", { timeoutMs: 5_000 });
  using _peer = await soon("the peer is accepted", listener.accept());
});

Deno.test("connect: reaches a TCP port", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  using _conn = await connect(tcp(listener.addr), "127.0.0.1:7000", {
    timeoutMs: 5_000,
  });
  using _peer = await soon("the peer is accepted", listener.accept());
});

Deno.test("connect: a missing socket is reported", async () => {
  using directory = new TempDir();
  const path = directory.join("job.socket");
  assertEquals(
    await failure(unix(path), path),
    `Cannot connect to "${path}": no such socket`,
  );
});

Deno.test("connect: a missing abstract socket is reported", async () => {
  assertEquals(
    await failure(unix(`\0${crypto.randomUUID()}`), "@absent"),
    'Cannot connect to "@absent": connection refused: no program listens on it',
  );
});

Deno.test("connect: a socket without a listener is reported", async () => {
  using directory = new TempDir();
  const path = directory.join("job.socket");
  // As a server leaves it that did not clean up: closing removes only the bound path.
  const listener = Deno.listen({ transport: "unix", path });
  await Deno.link(path, directory.join("left"));
  listener.close();
  assertEquals(
    await failure(unix(directory.join("left")), "left"),
    'Cannot connect to "left": connection refused: no program listens on it',
  );
});

Deno.test("connect: a file that is no socket is reported", async () => {
  using directory = new TempDir();
  const path = directory.join("file");
  await Deno.writeTextFile(path, "");
  assertEquals(
    await failure(unix(path), path),
    `Cannot connect to "${path}": connection refused: no program listens on it`,
  );
});

Deno.test("connect: a closed TCP port is reported", async () => {
  assertEquals(
    await failure(tcp({ port: freePort("127.0.0.1") }), "127.0.0.1:7000"),
    'Cannot connect to "127.0.0.1:7000": connection refused: no program listens on it',
  );
});

Deno.test("connect: a denied permission is reported", async () => {
  using directory = new TempDir();
  const path = directory.join("job.socket");
  using _listener = Deno.listen({ transport: "unix", path });
  await Deno.chmod(path, 0o000);
  const script = `
    import { connect } from ${JSON.stringify(moduleUrl("connect.ts"))};
    const path = ${JSON.stringify(path)};
    await connect({ transport: "unix", path }, path, { timeoutMs: 5_000 })
      .catch((error) => console.log(error.name, error.message));
  `;
  const deno = [Deno.execPath(), "eval", script];
  // Root bypasses modes unless it drops its capabilities.
  const [command, ...args] = Deno.uid() === 0
    ? ["setpriv", "--bounding-set=-all", "--inh-caps=-all", ...deno]
    : deno;
  const { stdout, stderr } = await run(command!, args);
  assertEquals(
    { stdout, stderr },
    {
      stdout: `ClientError Cannot connect to "${path}": permission denied\n`,
      stderr: "",
    },
  );
});

Deno.test("connect: gives up a TCP peer that does not answer", async () => {
  // The backlog has one place, and the first connection takes it.
  using listener = Deno.listen({
    hostname: "127.0.0.1",
    port: 0,
    tcpBacklog: 0,
  });
  using _first = await Deno.connect({ port: listener.addr.port });
  assertEquals(
    await failure(tcp(listener.addr), "127.0.0.1:7000", { timeoutMs: 200 }),
    'Cannot connect to "127.0.0.1:7000": no answer within 200 ms',
  );
});

Deno.test("connect: keeps trying while the backlog is full", async () => {
  using backlog = await FullBacklog.fill();
  let settled = false;
  const connecting = connect(backlog.address, "full", { timeoutMs: 10_000 });
  connecting.finally(() => settled = true).catch(() => {});
  // Several attempts, which all fail.
  await new Promise((resolve) => setTimeout(resolve, 200));
  assertEquals(settled, false);
  await backlog.makeRoom();
  using _conn = await soon("it is connected once there is room", connecting);
});

Deno.test("connect: gives up a backlog that stays full", async () => {
  using backlog = await FullBacklog.fill();
  const start = performance.now();
  assertEquals(
    await failure(backlog.address, "full", { timeoutMs: 200 }),
    'Cannot connect to "full": no answer within 200 ms; last: its backlog is full',
  );
  assert(performance.now() - start < 5_000);
});

Deno.test("connect: a late connection is closed", async () => {
  const dialled = Promise.withResolvers<Deno.Conn>();
  using _ = dialledWith(() => dialled.promise);
  await failure(unix("/late"), "/late", { timeoutMs: 20 });
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
  await failure(unix("/full"), "/full", { timeoutMs: 100 });
  const before = tries;
  // One more attempt may be pending; the pauses are shorter than this.
  await new Promise((resolve) => setTimeout(resolve, 350));
  assert(before > 1, `only ${before} tries were made`);
  assert(tries <= before + 1, `${tries - before} tries were made too many`);
});

Deno.test("connect: retry waits for a socket to appear", async () => {
  using directory = new TempDir();
  const path = directory.join("job.socket");
  const dial = Deno.connect;
  let tries = 0;
  using _ = dialledWith(() => {
    tries += 1;
    return dial({ transport: "unix", path });
  });
  const connecting = connect(unix(path), path, {
    timeoutMs: 10_000,
    retry: true,
  });
  await eventually("it has tried in vain", () => tries, (count) => count >= 3);
  using listener = Deno.listen({ transport: "unix", path });
  using _conn = await soon<Deno.Conn>("it is connected", connecting);
  using _peer = await soon("the peer is accepted", listener.accept());
});

Deno.test("connect: retry ends at the time-out, with the last error", async () => {
  using directory = new TempDir();
  const path = directory.join("job.socket");
  assertEquals(
    await failure(unix(path), path, { timeoutMs: 100, retry: true }),
    `Cannot connect to "${path}": no answer within 100 ms; last: no such socket`,
  );
});

/** A unix socket that takes no more connections. */
class FullBacklog implements Disposable {
  readonly address: Address;
  readonly #directory = new TempDir();
  readonly #listener: Deno.UnixListener;
  readonly #open: Deno.Conn[] = [];

  private constructor() {
    const path = this.#directory.join("full.socket");
    this.address = unix(path);
    this.#listener = Deno.listen({ transport: "unix", path });
  }

  static async fill(): Promise<FullBacklog> {
    const backlog = new FullBacklog();
    await assertRejects(async () => {
      for (;;) backlog.#open.push(await backlog.#dial());
    }, Deno.errors.WouldBlock);
    return backlog;
  }

  /** Accepts one queued connection. */
  async makeRoom(): Promise<void> {
    this.#open.push(await this.#listener.accept());
  }

  #dial(): Promise<Deno.Conn> {
    return Deno.connect(
      this.address as Deno.UnixConnectOptions & {
        transport: "unix";
      },
    );
  }

  [Symbol.dispose](): void {
    for (const conn of this.#open) conn[Symbol.dispose]();
    this.#listener[Symbol.dispose]();
    this.#directory[Symbol.dispose]();
  }
}

/** Replaces `Deno.connect`. */
function dialledWith(connect: () => Promise<Deno.Conn>): Disposable {
  const original = Deno.connect;
  Deno.connect = connect as unknown as typeof Deno.connect;
  return {
    [Symbol.dispose]() {
      Deno.connect = original;
    },
  };
}

function moduleUrl(name: string): string {
  return new URL(`../../client/${name}`, import.meta.url).href;
}
