// The client's failures: one line, and exit status 1.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { soon } from "../support/eventually.ts";
import { receive, send } from "../support/peer.ts";
import { IPC_CLIENT, Program, run } from "../support/program.ts";
import { TempDir } from "../support/temp_dir.ts";
import { freePort, TestServer } from "../support/test_server.ts";
import { ActivatedServer } from "./activated_server.ts";
import { assertOneLine } from "./one_line.ts";

/** Runs the client, which must fail, and returns its stdout. */
async function failure(
  args: string[],
  ...says: string[]
): Promise<string> {
  const { code, stdout, stderr } = await run(IPC_CLIENT, args);
  assertOneLine("ipc-client", stderr, ...says);
  assertEquals(code, 1);
  return stdout;
}

function greeting(address: string): string {
  return `client start\nconnect server by socket:${address}\n`;
}

/** Reads, and never answers. */
async function listenOnly(conn: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(1024);
  while (await conn.read(buffer) !== null);
}

Deno.test("there is no such socket", async () => {
  using directory = new TempDir();
  const address = directory.join("none.socket");
  const stdout = await failure([address], address, "no such socket");
  assertEquals(stdout, greeting(address));
});

Deno.test("there is no such abstract socket", async () => {
  const address = `@no-such-socket-${crypto.randomUUID()}`;
  await failure([address], address, "refused");
});

Deno.test("no server listens on the socket", async () => {
  using directory = new TempDir();
  const address = directory.join("stale.socket");
  const listener = Deno.listen({
    transport: "unix",
    path: directory.join("live.socket"),
  });
  // Deno removes the path that it bound; under another name the socket stays.
  await Deno.rename(directory.join("live.socket"), address);
  listener.close();
  const stdout = await failure(["-unix", address], address, "refused");
  assertEquals(stdout, greeting(address));
});

Deno.test("no server listens on the port", async () => {
  const address = `127.0.0.1:${freePort("127.0.0.1")}`;
  const stdout = await failure([address], address, "refused");
  assertEquals(stdout, greeting(address));
});

Deno.test("the path is no socket", async () => {
  using directory = new TempDir();
  const address = directory.join("file");
  await Deno.writeTextFile(address, "");
  await failure([address], address);
});

Deno.test("the host does not exist", async () => {
  const address = "no-such-host.invalid:80";
  await failure(["--connect-timeout=20s", address], address);
});

Deno.test("the socket may not be used", async () => {
  await using server = await ActivatedServer.listen();
  await Deno.chmod(server.address, 0);
  // Root bypasses permissions unless it drops its capabilities.
  const { code, stderr } = await run("setpriv", [
    ...(Deno.uid() === 0 ? ["--bounding-set=-dac_override"] : []),
    IPC_CLIENT,
    server.address,
  ]);
  assertOneLine("ipc-client", stderr, server.address, "permission denied");
  assertEquals(code, 1);
});

Deno.test("the server stays silent", async () => {
  using server = new TestServer(listenOnly);
  const start = performance.now();
  const stdout = await failure(
    ["--timeout=300ms", server.address],
    server.address,
    "No reply from",
    "300 ms",
  );
  const took = performance.now() - start;
  assertEquals(stdout, `${greeting(server.address)}input data: 1\n`);
  assert(took >= 300 && took < 5000, `it gave up after ${took} ms`);
});

Deno.test("the server answers the first number only", async () => {
  using server = new TestServer(async (conn) => {
    await send(conn, await receive(conn, 2));
    await listenOnly(conn);
  });
  const stdout = await failure(
    ["--timeout=300ms", "--interval=0", server.address],
    server.address,
    "No reply from",
    `"2"`,
  );
  assertEquals(
    stdout,
    `${greeting(server.address)}input data: 1\nrecv:1\ninput data: 2\n`,
  );
});

for (const hostname of [undefined, "127.0.0.1"]) {
  const where = hostname === undefined ? "a unix socket" : "TCP";

  Deno.test(`the server closes at once, on ${where}`, async () => {
    using server = new TestServer((conn) => {
      conn.close();
      return Promise.resolve();
    }, hostname);
    await failure([server.address], server.address);
  });

  Deno.test(`the server closes midway, on ${where}`, async () => {
    using server = new TestServer(async (conn) => {
      for (let count = 1; count <= 3; count++) {
        await send(conn, await receive(conn, 2));
      }
      await receive(conn, 2);
      conn.close();
    }, hostname);
    const stdout = await failure(
      ["--interval=0", server.address],
      server.address,
      "closed",
    );
    assertMatch(stdout, /recv:3\ninput data: 4\n$/);
  });
}

Deno.test("the server dies while the client waits for a reply", async () => {
  await using server = await ActivatedServer.listen();
  await using client = new Program(IPC_CLIENT, [
    "--interval=50ms",
    server.address,
  ]);
  await client.stdout.line("recv:2");
  await server.freeze();
  const asked = client.stdout.seen.length;
  await client.stdout.atLeast(asked + 1);

  server.program.kill("SIGKILL");

  await client.exits(1);
  const stderr = client.stderr.seen.map((line) => `${line}\n`).join("");
  assertOneLine("ipc-client", stderr, server.address);
});

Deno.test("the server dies between two numbers", async () => {
  await using server = await ActivatedServer.listen();
  await using client = new Program(IPC_CLIENT, [
    "--interval=300ms",
    server.address,
  ]);
  await client.stdout.line("recv:1");
  server.program.kill("SIGKILL");
  await client.exits(1);
  const stderr = client.stderr.seen.map((line) => `${line}\n`).join("");
  assertOneLine("ipc-client", stderr, server.address);
});

// A unix socket whose backlog is full refuses with EAGAIN: a matter of waiting.

/** An echo server that accepts nothing before it is thawed; its backlog is full. */
class FullServer implements AsyncDisposable {
  readonly address: string;
  readonly #directory = new TempDir();
  readonly #program: Program;
  readonly #waiting: Deno.Conn[] = [];

  private constructor() {
    this.address = this.#directory.join("full.socket");
    this.#program = new Program("socat", [
      "-dd",
      `UNIX-LISTEN:${this.address},backlog=1,fork`,
      "PIPE",
    ]);
  }

  static async start(): Promise<FullServer> {
    const server = new FullServer();
    try {
      await server.#program.stderr.line(/ listening on /);
      server.#program.kill("SIGSTOP");
      await server.#fill();
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
    return server;
  }

  /** Accepts waiting connections, in order. */
  thaw(): void {
    this.#program.kill("SIGCONT");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const conn of this.#waiting) conn.close();
    await this.#program[Symbol.asyncDispose]();
    this.#directory[Symbol.dispose]();
  }

  async #fill(): Promise<void> {
    try {
      while (this.#waiting.length < 100) {
        this.#waiting.push(
          await soon(
            "the kernel answers",
            Deno.connect({ transport: "unix", path: this.address }),
          ),
        );
      }
    } catch (error) {
      assertMatch(String(error), /os error 11/);
      return;
    }
    throw new Error("The backlog of 1 takes 100 connections");
  }
}

Deno.test("the backlog stays full: it gives up after --connect-timeout", async () => {
  await using server = await FullServer.start();
  const start = performance.now();
  const stdout = await failure(
    ["--connect-timeout=300ms", server.address],
    server.address,
    "300 ms",
  );
  const took = performance.now() - start;
  assertEquals(stdout, greeting(server.address));
  assert(took >= 300 && took < 5000, `it gave up after ${took} ms`);
});

Deno.test("the backlog is full for a while: it is served after that", async () => {
  await using server = await FullServer.start();
  await using client = new Program(IPC_CLIENT, [
    "--interval=0",
    server.address,
  ]);
  await client.stdout.line(`connect server by socket:${server.address}`);
  server.thaw();
  await client.exits(0);
  assertEquals(client.stdout.seen.at(-1), "recv:close");
  assertEquals(client.stderr.seen, []);
});
