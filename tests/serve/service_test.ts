// serve() as a service manager sees it: processes with sockets, signals and a
// notify socket, and no more permissions than they need.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { eventually, soon } from "../support/eventually.ts";
import { NotifyReceiver } from "../support/notify_receiver.ts";
import { receive, receiveAllText, send } from "../support/peer.ts";
import { REPOSITORY, run } from "../support/program.ts";
import { TempDir } from "../support/temp_dir.ts";
import {
  activate,
  ALLOW_ACTIVATION,
  CACHE,
  dial,
  freeAddresses,
  freePorts,
} from "../support/activate.ts";
import { CERT, KEY } from "../support/certificate.ts";

const MODULE = "tests/serve/service_program.ts";
const GET = (path: string) =>
  `GET ${path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n`;

async function ask(conn: Deno.Conn, text: string): Promise<string> {
  await send(conn, text);
  return await receiveAllText(conn);
}

/** The notify socket of a service manager, and what it takes to notify it. */
class Manager extends NotifyReceiver {
  readonly #directory: TempDir;

  constructor() {
    const directory = new TempDir();
    super(directory.join("notify"));
    this.#directory = directory;
  }

  allow(...variables: string[]): string[] {
    return [
      "--unstable-net",
      [ALLOW_ACTIVATION, "NOTIFY_SOCKET", ...variables].join(),
      `--allow-net=unix:${this.socket}`,
      `--allow-write=${this.socket}`,
    ];
  }

  override [Symbol.dispose](): void {
    super[Symbol.dispose]();
    this.#directory[Symbol.dispose]();
  }
}

/** A request whose body lacks its second half. */
const HALF_A_REQUEST =
  "POST /echo HTTP/1.1\r\nHost: here\r\nContent-Length: 10\r\n\r\nfirst";

Deno.test("all sockets are one service, and it needs no permission but for the variables", async () => {
  using directory = new TempDir();
  const path = directory.join("web.socket");
  const [port] = freePorts("127.0.0.1", 1);
  await using program = await activate({
    addresses: [path, `127.0.0.1:${port}`],
    module: MODULE,
    allow: [ALLOW_ACTIVATION],
  });

  using unix = await dial(path);
  const overUnix = await ask(unix, GET("/unix"));
  assertMatch(overUnix, /^HTTP\/1\.1 200 OK\r\n/);
  assert(
    overUnix.endsWith(
      JSON.stringify({
        url: "http://here/unix",
        remoteAddr: { transport: "unix", path: "" },
      }),
    ),
    overUnix,
  );
  using tcp = await dial(`127.0.0.1:${port}`);
  const { port: ownPort } = tcp.localAddr as Deno.NetAddr;
  const overTcp = await ask(tcp, GET("/tcp"));
  assert(
    overTcp.endsWith(
      JSON.stringify({
        url: "http://here/tcp",
        remoteAddr: { transport: "tcp", hostname: "127.0.0.1", port: ownPort },
      }),
    ),
    overTcp,
  );
  assertEquals(program.stdout.seen, ["listening: unix", "listening: tcp"]);

  program.kill("SIGTERM");
  await program.exits(0);
  assertEquals(program.stdout.seen.at(-1), "finished");
  assertEquals((await Deno.stat(path)).isSocket, true);
});

Deno.test("with a name, the sockets of that name are served, and no others", async () => {
  using directory = new TempDir();
  const [web, control] = [directory.join("web"), directory.join("control")];
  await using _program = await activate({
    addresses: [control, web],
    names: ["control", "web"],
    module: MODULE,
    allow: [ALLOW_ACTIVATION],
    args: [JSON.stringify({ name: "web" })],
  });
  using unheard = await dial(control);
  await send(unheard, GET("/"));
  using heard = await dial(web);
  assertMatch(await ask(heard, GET("/")), /^HTTP\/1\.1 200 OK\r\n/);
  const answer = unheard.read(new Uint8Array(1));
  const first = await Promise.race([
    answer.then(() => "control"),
    dial(web).then(async (conn) => {
      using _ = conn;
      await ask(conn, GET("/"));
      return "web";
    }),
  ]);
  assertEquals(first, "web");
  unheard.close();
  await answer.catch(() => {});
});

Deno.test("SIGTERM drains the request in progress, and the manager is notified", async () => {
  using manager = new Manager();
  using directory = new TempDir();
  const path = directory.join("web.socket");
  await using program = await activate({
    addresses: [path],
    module: MODULE,
    allow: manager.allow(),
    args: [JSON.stringify({ status: "Answering" })],
    env: { NOTIFY_SOCKET: manager.socket },
  });
  using conn = await dial(path);
  assertEquals(await manager.next(), "READY=1\nSTATUS=Answering");
  await send(
    conn,
    HALF_A_REQUEST,
  );
  // Connections are accepted in order: when this one is answered, the first has
  // been heard.
  using second = await dial(path);
  await ask(second, GET("/"));

  program.kill("SIGTERM");
  assertEquals(await manager.next(), "STOPPING=1");
  await send(conn, " half");
  const answer = await receiveAllText(conn);
  assertMatch(answer, /\r\nconnection: close\r\n/i);
  assert(answer.endsWith("\r\n\r\nfirst half"), answer);
  await program.exits(0);
});

Deno.test("the watchdog is pinged from READY on, as long as something is answered", async () => {
  using manager = new Manager();
  using directory = new TempDir();
  const path = directory.join("web.socket");
  await using program = await activate({
    addresses: [path],
    module: MODULE,
    allow: manager.allow("WATCHDOG_USEC", "WATCHDOG_PID"),
    env: { NOTIFY_SOCKET: manager.socket, WATCHDOG_USEC: "100000" },
  });
  using conn = await dial(path);
  assertEquals(await manager.next(), "READY=1");
  const nextPings = async () => {
    for (let ping = 0; ping < 3; ping++) {
      assertEquals(await manager.next(), "WATCHDOG=1");
    }
  };
  await nextPings();
  await send(
    conn,
    HALF_A_REQUEST,
  );
  using second = await dial(path);
  await ask(second, GET("/"));
  program.kill("SIGTERM");
  while (await manager.next() !== "STOPPING=1");
  await nextPings();
  await send(conn, " half");
  assertMatch(await receiveAllText(conn), /first half$/);
  await program.exits(0);
});

Deno.test("a second SIGTERM changes nothing, and a SIGINT a second later cuts off the drain", async () => {
  using manager = new Manager();
  using directory = new TempDir();
  const path = directory.join("web.socket");
  await using program = await activate({
    addresses: [path],
    module: MODULE,
    allow: manager.allow(),
    args: [JSON.stringify({ drainTimeoutMs: 60_000 })],
    env: { NOTIFY_SOCKET: manager.socket },
  });
  using conn = await dial(path);
  await send(conn, GET("/endless"));
  assertEquals(
    new TextDecoder().decode(await receive(conn, 15)),
    "HTTP/1.1 200 OK",
  );
  assertEquals(await manager.next(), "READY=1");
  program.kill("SIGTERM");
  assertEquals(await manager.next(), "STOPPING=1");
  program.kill("SIGTERM");
  const start = performance.now();
  await eventually(
    "a SIGINT cuts off the drain",
    () => {
      if (performance.now() - start < 1_000) return program.running;
      program.kill("SIGINT");
      return false;
    },
    (isRunning) => !isRunning,
  );
  await program.exits(0);
  assert(performance.now() - start >= 1_000, "the second SIGTERM has cut");
  const rest = await receiveAllText(conn);
  assertEquals(rest.includes("\r\n0\r\n"), false, rest);
});

Deno.test("SIGTERM ends a process that has another listener and a timer", async () => {
  using directory = new TempDir();
  const path = directory.join("web.socket");
  await using program = await activate({
    addresses: [path],
    module: MODULE,
    allow: [ALLOW_ACTIVATION, "--allow-net=127.0.0.1"],
    args: [JSON.stringify({ drainTimeoutMs: 100, other: true })],
  });
  using conn = await dial(path);
  assertMatch(await ask(conn, GET("/")), /^HTTP\/1\.1 200 /);
  program.kill("SIGTERM");
  await program.stdout.line("finished");
  await program.exits(0);
});

for (const kind of ["unix path", "IPv4"] as const) {
  Deno.test(`${kind}: with idleTimeoutMs it stops without a connection, and only then`, async () => {
    using directory = new TempDir();
    const [address] = freeAddresses(kind, directory, 1) as [string];
    await using program = await activate({
      addresses: [address],
      module: MODULE,
      allow: [ALLOW_ACTIVATION],
      args: [JSON.stringify({ idleTimeoutMs: 150 })],
    });
    const conn = await dial(address);
    await send(conn, GET("/endless"));
    await receive(conn, 15);
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert(program.running, "it stopped with a connection");
    conn.close();
    await program.stdout.line("finished");
    await program.exits(0);
  });
}

for (const kind of ["unix path", "IPv4"] as const) {
  Deno.test(`${kind}: a handler's error is one line in the log, and not shown to the client`, async () => {
    using directory = new TempDir();
    const [path] = freeAddresses(kind, directory, 1) as [string];
    await using program = await activate({
      addresses: [path],
      module: MODULE,
      allow: [ALLOW_ACTIVATION],
    });
    using conn = await dial(path);
    const answer = await ask(conn, GET("/fail?password"));
    assertMatch(answer, /^HTTP\/1\.1 500 Internal Server Error\r\n/);
    assertEquals(answer.includes("secret"), false, answer);
    program.kill("SIGTERM");
    await program.exits(0);
    const said = program.stderr.seen;
    const own = said.slice(
      said.findIndex((line) => line.startsWith("Execing ")) + 1,
    );
    assertEquals(own, [
      "error: Cannot answer GET /fail: Error: a secret of two lines",
    ]);
  });
}

for (const kind of ["unix path", "IPv4"] as const) {
  Deno.test(`${kind}: the error of a WebSocket upgrade names the alternative`, async () => {
    using directory = new TempDir();
    const [address] = freeAddresses(kind, directory, 1) as [string];
    await using program = await activate({
      addresses: [address],
      module: MODULE,
      allow: [ALLOW_ACTIVATION],
    });
    using conn = await dial(address);
    await send(
      conn,
      [
        "GET /upgrade HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\n",
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
      ].join(""),
    );
    const line = await program.stderr.line(/Cannot answer/);
    assertMatch(
      line,
      /GET \/upgrade: .*; use upgradeWebSocket\(\) and the option/,
    );
  });
}

Deno.test("without permission for NOTIFY_SOCKET the manager is not notified", async () => {
  using manager = new Manager();
  using directory = new TempDir();
  const path = directory.join("web.socket");
  await using program = await activate({
    addresses: [path],
    module: MODULE,
    allow: [ALLOW_ACTIVATION],
    env: { NOTIFY_SOCKET: manager.socket },
  });
  using conn = await dial(path);
  assertMatch(await ask(conn, GET("/")), / 200 OK/);
  program.kill("SIGTERM");
  await program.exits(0);
  assertEquals(program.stdout.seen, ["listening: unix", "finished"]);
});

Deno.test("a notify socket that cannot be reached is a warning, once", async () => {
  using manager = new Manager();
  using directory = new TempDir();
  const path = directory.join("web.socket");
  await using program = await activate({
    addresses: [path],
    module: MODULE,
    allow: manager.allow("WATCHDOG_USEC", "WATCHDOG_PID"),
    env: {
      NOTIFY_SOCKET: `${manager.socket}.not`,
      WATCHDOG_USEC: "20000",
    },
  });
  using conn = await dial(path);
  assertMatch(await ask(conn, GET("/")), / 200 OK/);
  const warning = /^warning: Cannot (notify|ping) /;
  await program.stderr.line(warning);
  program.kill("SIGTERM");
  await program.exits(0);
  const lines = program.stderr.seen.filter((line) => warning.test(line));
  assertEquals(lines.length, 1, lines.join("\n"));
});

Deno.test("two servers are one service: the idle one goes on until the other is idle too", async () => {
  using directory = new TempDir();
  const names = ["a", "b"];
  const addresses = names.map((name) => directory.join(name));
  await using program = await activate({
    ...{ addresses, names, module: MODULE, allow: [ALLOW_ACTIVATION] },
    args: [JSON.stringify({
      servers: names.map((name) => ({ name, idleTimeoutMs: 150 })),
    })],
  });
  const busy = await dial(addresses[1]!);
  await send(busy, GET("/endless"));
  await receive(busy, 15);
  const start = performance.now();
  await eventually("three times the idle time passes", async () => {
    using conn = await dial(addresses[0]!);
    assertMatch(await ask(conn, GET("/")), / 200 OK/);
    // Longer than the idle time since this request.
    await new Promise((resolve) => setTimeout(resolve, 200));
    return performance.now() - start;
  }, (ms) => ms > 450);
  assert(program.running);
  busy.close();
  await program.exits(0);
  assertEquals(program.stdout.seen.slice(-2), ["finished", "finished"]);
});

Deno.test("two servers are one service: each drains for its own time", async () => {
  using manager = new Manager();
  using directory = new TempDir();
  const names = ["quick", "slow"];
  const addresses = names.map((name) => directory.join(name));
  await using program = await activate({
    ...{ addresses, names, module: MODULE },
    allow: manager.allow(),
    env: { NOTIFY_SOCKET: manager.socket },
    args: [JSON.stringify({
      servers: [
        { name: "quick", drainTimeoutMs: 100 },
        { name: "slow", drainTimeoutMs: 60_000 },
      ],
    })],
  });
  using quick = await dial(addresses[0]!);
  await send(quick, GET("/endless"));
  await receive(quick, 15);
  using slow = await dial(addresses[1]!);
  await send(slow, HALF_A_REQUEST);
  // When this one is answered, the first has been heard.
  using other = await dial(addresses[1]!);
  await ask(other, GET("/"));
  assertEquals(await manager.next(), "READY=1");
  program.kill("SIGTERM");
  assertEquals(await manager.next(), "STOPPING=1");
  const rest = await receiveAllText(quick);
  assertEquals(rest.includes("\r\n0\r\n"), false, rest);
  await send(slow, " half");
  assertMatch(await receiveAllText(slow), /first half$/);
  await program.exits(0);
});

Deno.test("TLS on an adopted socket needs no more permissions", async () => {
  const [port] = freePorts("127.0.0.1", 1);
  await using program = await activate({
    addresses: [`127.0.0.1:${port}`],
    module: MODULE,
    allow: [ALLOW_ACTIVATION],
    args: [JSON.stringify({ cert: CERT, key: KEY })],
  });
  using client = Deno.createHttpClient({ caCerts: [CERT] });
  const response = await soon(
    "the response",
    fetch(`https://localhost:${port}/secure`, { client }),
  );
  const { url } = await response.json();
  assertEquals(url, `https://localhost:${port}/secure`);

  // Bytes that are not TLS affect no other client, and a stalled handshake does not delay the
  // end.
  {
    using noise = await dial(`127.0.0.1:${port}`);
    await send(noise, GET("/"));
    await receiveAllText(noise).catch(() => {});
  }
  using resting = await dial(`127.0.0.1:${port}`);
  const again = await fetch(`https://localhost:${port}/`, { client });
  assertEquals(again.status, 200);
  await again.body?.cancel();
  program.kill("SIGTERM");
  assertEquals(await program.exitCode({ within: 5_000 }), 0);
  await receiveAllText(resting).catch(() => {});
});

Deno.test("sockets of other names are refused, whatever the fallback", async () => {
  using directory = new TempDir();
  const names = ["a", "b"];
  const addresses = names.map((name) => directory.join(name));
  await using program = await activate({
    ...{ addresses, names, module: MODULE, allow: [ALLOW_ACTIVATION] },
    args: [JSON.stringify({ name: "web", fallback: { port: 0 } })],
  });
  using _conn = await dial(addresses[0]!);
  await program.exits(78);
  assertMatch(
    program.stdout.seen[0]!,
    /^ActivationError wrong-name: Cannot take the socket "web": it was not passed \(passed: 3 "a", 4 "b"\); set FileDescriptorName=web /,
  );
});

Deno.test("without a socket and a fallback, serve throws", async () => {
  const { code, stdout } = await run(Deno.execPath(), [
    ...["run", "--quiet", "--no-check", "--no-prompt", ALLOW_ACTIVATION],
    `${REPOSITORY}${MODULE}`,
  ], { env: CACHE });
  assertEquals(code, 78);
  assertMatch(
    stdout,
    /^ActivationError not-activated: Cannot serve: no socket was passed /,
  );
});
