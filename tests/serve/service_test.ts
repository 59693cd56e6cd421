// serve() as a service manager sees it: processes with sockets, signals and a
// notify socket, and no more permissions than they need.

import { assertEquals, assertMatch } from "@std/assert";
import type { ServeOptions } from "../../serve/mod.ts";
import {
  activate,
  type ActivateOptions,
  ALLOW_ACTIVATION,
  dial,
  freeAddresses,
  hostAndPort,
} from "../support/activate.ts";
import {
  CERT,
  KEY,
  RENEWED_CERT,
  RENEWED_KEY,
} from "../support/certificate.ts";
import { soon } from "../support/eventually.ts";
import { NotifyReceiver } from "../support/notify_receiver.ts";
import { receive, receiveAllText, send } from "../support/peer.ts";
import { TempDir } from "../support/temp_dir.ts";

/** Starts a service, by default on a unix socket. */
const start = (options: ServeOptions = {}, others: ActivateOptions = {}) =>
  activate({
    module: "tests/serve/service_program.ts",
    args: [JSON.stringify(options)],
    ...others,
  });

const GET = (path: string) =>
  `GET ${path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n`;

/** Returns the response to a request on a connection of its own. */
async function ask(address: string, text: string): Promise<string> {
  using conn = await dial(address);
  await send(conn, text);
  return await receiveAllText(conn);
}

const VARIABLES = "NOTIFY_SOCKET,WATCHDOG_USEC,WATCHDOG_PID";

/** Lets a program notify a service manager. */
const notifying = ({ socket }: NotifyReceiver, env = {}): ActivateOptions => ({
  allow: [
    ...["--unstable-net", `${ALLOW_ACTIVATION},${VARIABLES}`],
    ...[`--allow-net=unix:${socket}`, `--allow-write=${socket}`],
  ],
  env: { NOTIFY_SOCKET: socket, ...env },
});

Deno.test("all sockets are one service, and it needs no permission but for the variables", async () => {
  using manager = new NotifyReceiver();
  using directory = new TempDir();
  const [path] = freeAddresses("unix path", directory, 1) as [string];
  const [tcp] = freeAddresses("IPv4", directory, 1) as [string];
  await using program = await start({}, {
    addresses: [path, tcp],
    // Without the permission to read it, the manager is not notified.
    env: { NOTIFY_SOCKET: manager.socket },
  });
  const bodyOf = (response: string) =>
    JSON.parse(response.split("\r\n\r\n")[1]!);
  assertEquals(bodyOf(await ask(path, GET("/unix"))), {
    url: "http://here/unix",
    remoteAddr: { transport: "unix", path: "" },
  });
  using conn = await dial(tcp);
  await send(conn, GET("/tcp"));
  const { port } = conn.localAddr as Deno.NetAddr;
  assertEquals(bodyOf(await receiveAllText(conn)), {
    url: "http://here/tcp",
    remoteAddr: { transport: "tcp", hostname: "127.0.0.1", port },
  });
  program.kill("SIGTERM");
  const lines = ["listening: unix", "listening: tcp", "finished"];
  assertEquals(await program.end(), lines);
  assertEquals(Deno.statSync(path).isSocket, true);
});

Deno.test("SIGTERM drains the request in progress, and the manager is notified and pinged", async () => {
  using manager = new NotifyReceiver();
  await using program = await start(
    { status: "Answering" },
    notifying(manager, { WATCHDOG_USEC: "100000" }),
  );
  using conn = await program.dial();
  assertEquals(await manager.next(), "READY=1\nSTATUS=Answering");
  assertEquals(await manager.next(), "WATCHDOG=1");
  await send(conn, "POST /echo HTTP/1.1\r\nHost: here\r\n");
  await send(conn, "Content-Length: 10\r\n\r\nfirst");
  // Connections are accepted in order: by then the service has received the first.
  await ask(program.address, GET("/"));

  program.kill("SIGTERM");
  let state;
  while ((state = await manager.next()) === "WATCHDOG=1");
  assertEquals(state, "STOPPING=1");
  assertEquals(await manager.next(), "WATCHDOG=1");
  await send(conn, " half");
  const response = await receiveAllText(conn);
  assertMatch(response, /^connection: close\r$[^]*^first half$/im);
  await program.exits(0);
});

for (const kind of ["unix path", "IPv4"] as const) {
  Deno.test(`${kind}: with idleTimeoutMs it stops without a request in progress, and only then`, async () => {
    const variable = kind === "IPv4" ? ["IPC_IDLE_TIMEOUT_MS"] : [];
    const idleTimeoutMs = kind === "IPv4" ? 0 : 150;
    await using program = await start({ idleTimeoutMs }, {
      kind,
      env: Object.fromEntries(variable.map((name) => [name, "150"])),
      allow: [[ALLOW_ACTIVATION, ...variable].join()],
    });
    const conn = await program.dial();
    await send(conn, GET("/endless"));
    await receive(conn, 15);
    // Between two requests, a connection does not count.
    using kept = await program.dial();
    await send(kept, GET("/").replace("close", "keep-alive"));
    await receive(kept, 15);
    await new Promise((resolve) => setTimeout(resolve, 500));
    assertMatch(await ask(program.address, GET("/")), / 200 OK/);
    conn.close();
    assertEquals((await program.end()).at(-1), "finished");
  });

  Deno.test(`${kind}: a failed or refused request is one line in the log, and not shown to the client`, async () => {
    await using program = await start({ maxBodyBytes: 4 }, { kind });
    const response = await ask(program.address, GET("/fail?password"));
    assertMatch(response, /^HTTP\/1\.1 500 Internal Server Error\r\n/);
    assertEquals(response.includes("secret"), false, response);
    const long = GET("/echo").replace("GET", "POST")
      .replace("here", "here\r\nContent-Length: 5");
    assertMatch(await ask(program.address, long), /^HTTP\/1\.1 413 /);
    program.kill("SIGTERM");
    await program.exits(0);
    const lines = program.stderr.seen;
    const first = lines.findIndex((line) => line.startsWith("Execing ")) + 1;
    assertEquals(lines.slice(first), [
      "error: Cannot answer GET /fail: Error: a secret of two lines",
      "error: Refused a request with status 413: its body has more than 4 bytes, the limit of the option maxBodyBytes",
    ]);
  });
}

for (
  const [what, env] of [
    ["a notify socket that cannot be reached", { NOTIFY_SOCKET: "/none" }],
    ["a malformed interval of the watchdog", { WATCHDOG_USEC: "soon" }],
  ] as const
) {
  Deno.test(`${what} is a warning, once`, async () => {
    using manager = new NotifyReceiver();
    const variables = { WATCHDOG_USEC: "20000", ...env };
    await using program = await start({}, notifying(manager, variables));
    assertMatch(await ask(program.address, GET("/")), / 200 OK/);
    const warning = /^warning: Cannot (notify|ping) /;
    await program.stderr.line(warning);
    program.kill("SIGTERM");
    await program.exits(0);
    const lines = program.stderr.seen.filter((line) => warning.test(line));
    assertEquals(lines.length, 1, lines.join("\n"));
  });
}

const WORK: [what: string, server: string][] = [
  [
    "a connection",
    "serveConns((conn) => conn.forEachChunk(release), options)",
  ],
  ["a request of node:http", "node((_, it) => it.write('x', release))"],
  [
    "an upgraded connection of node:http",
    "node().then(() => created.on('upgrade', (_, it) => it.pipe(it) && release()))",
  ],
];
for (const [what, server] of WORK) {
  Deno.test(`${what} prevents the idle exit`, async () => {
    await using program = await activate({
      script: `import { createServer } from "node:http";
        const options = { idleTimeoutMs: 100, notify: false };
        const early = service().hold(); // The client may be slow.
        const release = () => early[Symbol.dispose]();
        let created;
        const node = (listener) =>
          serveNode(() => created = createServer(listener), options);
        service().stopping.onabort = () => console.log("stopping");
        await ${server};`,
    });
    const conn = await program.dial();
    const upgrade = "keep-alive, Upgrade\r\nUpgrade: x";
    await send(conn, GET("/").replace("close", upgrade));
    await new Promise((resolve) => setTimeout(resolve, 500));
    assertEquals(program.stdout.seen, []);
    conn.close();
    assertEquals(await program.end(), ["stopping"]);
  });
}

const THROW = '() => { throw new Error("a\\nb"); }';
for (
  const [what, script] of [
    ["whose handler fails", `await serveConns(${THROW});`],
    [
      "whose stream Deno does not give",
      `import process from "node:process";
      process.binding("tcp_wrap").TCP.prototype.takeStream = ${THROW};
      await serve(() => new Response());`,
    ],
  ] as const
) {
  Deno.test(`a connection ${what} is closed, and one line in the log`, async () => {
    await using program = await activate({ script, kind: "IPv4" });
    using conn = await program.dial();
    await program.stderr.line("error: Cannot serve a connection: Error: a b");
    await receiveAllText(conn);
  });
}

Deno.test("TLS on an adopted socket needs no more permissions", async () => {
  await using program = await start(
    { cert: CERT, key: KEY, drainTimeoutMs: 60_000 },
    { kind: "IPv4", sockets: 2 },
  );
  // A stalled handshake delays neither others nor the end.
  using stalled = await program.dial();
  using client = Deno.createHttpClient({ caCerts: [CERT] });
  const url = `https://${program.address}/secure`;
  const response = await soon("the response", fetch(url, { client }));
  assertEquals((await response.json()).url, url);
  const body = JSON.stringify({ cert: RENEWED_CERT, key: RENEWED_KEY });
  const renew = `https://${program.address}/renew`;
  await (await fetch(renew, { client, method: "POST", body })).text();
  for (const address of program.addresses) {
    const options = { ...hostAndPort(address)!, caCerts: [RENEWED_CERT] };
    using conn = await Deno.connectTls(options);
    await conn.handshake();
  }
  program.kill("SIGTERM");
  await program.exits(0);
  await receiveAllText(stalled).catch(() => {});
});
