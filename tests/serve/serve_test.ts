// What serve() does beside HTTP: its options, and its life in a program.

import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { service } from "../../daemon/mod.ts";
import { serve, type ServeHandler } from "../../serve/mod.ts";
import { CERT, KEY, RENEWED_KEY } from "../support/certificate.ts";
import { soon } from "../support/eventually.ts";
import { TempDir } from "../support/temp_dir.ts";

// Handlers for Deno.serve() and for serve() are the same, and so is the server.
((handler: ServeHandler) =>
  handler satisfies Deno.ServeHandler<Deno.NetAddr | Deno.UnixAddr>);
((handler: Deno.ServeHandler) => serve(handler));
((handler: Deno.ServeHandler<Deno.NetAddr>) => serve(handler));
(() => serve(() => new Response()) satisfies Promise<Deno.HttpServer>);

const HERE = { fallback: { port: 0 }, notify: false } as const;
const hello = () => new Response("hello");
const { AddrInUse, ConnectionRefused, InvalidData, NotCapable, NotFound } =
  Deno.errors;

const urlOf = ({ addr }: { addr: Deno.NetAddr | Deno.UnixAddr }) =>
  `http://127.0.0.1:${(addr as Deno.NetAddr).port}`;

Deno.test("onListen gets the fallback's address, by default a loopback one", async () => {
  const addrs: unknown[] = [];
  await using server = await serve(hello, {
    ...HERE,
    onListen: (addr) => addrs.push(addr),
  });
  assertEquals(addrs, [server.addr]);
  assertEquals(server.addrs, [server.addr]);
  const { hostname, port } = server.addr as Deno.NetAddr;
  assertEquals(hostname, "127.0.0.1");
  assert(port > 0);
});

Deno.test("the fallback's socket path is removed when the service has stopped", async () => {
  using directory = new TempDir();
  const path = directory.join("web");
  const server = await serve(hello, { fallback: { path }, notify: false });
  assertEquals(server.addr, { transport: "unix", path });
  assertEquals(Deno.statSync(path).isSocket, true);
  await server.shutdown();
  await assertRejects(() => Deno.stat(path), NotFound);
});

Deno.test("an error thrown by onListen ends the service", async () => {
  let where = { port: 0 };
  const error = new Error("not there");
  const onListen = (addr: Deno.Addr) => {
    where = addr as Deno.NetAddr;
    throw error;
  };
  const starting = serve(hello, { ...HERE, onListen });
  assertStrictEquals(await assertRejects(() => starting), error);
  await assertRejects(() => Deno.connect(where), ConnectionRefused);
});

Deno.test("a signal stops its own server, and no other, and starts none later", async () => {
  const controller = new AbortController();
  await using other = await serve(hello, HERE);
  const options = { ...HERE, signal: controller.signal };
  const server = await serve(hello, options);
  const reason = new Error("not needed");
  controller.abort(reason);
  const starting = serve(hello, options);
  assertStrictEquals(await assertRejects(() => starting), reason);
  await soon("the server has stopped", server.finished);
  assertEquals(service().stopping.aborted, false);
  assertEquals(await (await fetch(urlOf(other))).text(), "hello");
});

Deno.test("a certificate needs its key, and both must be valid", async () => {
  for (
    const [cert, key, type, message] of [
      [CERT, undefined, TypeError, "set both cert and key"],
      [undefined, KEY, TypeError, "set both cert and key"],
      ["no PEM", KEY, InvalidData, "certificate"],
      [CERT + CERT.slice(0, 99), KEY, InvalidData, "certificate"],
      [CERT, "no PEM", InvalidData, "private key"],
      [CERT, RENEWED_KEY, InvalidData, "another one"],
    ] as const
  ) {
    const options = { ...HERE, cert, key };
    await assertRejects(() => serve(hello, options), type, message);
  }
  await using server = await serve(hello, HERE);
  const renewal = server.setCertificate({ cert: CERT, key: KEY });
  await assertRejects(() => renewal, TypeError, "set cert and key");
});

Deno.test("arguments of other types are refused", async () => {
  for (
    const [first, options, type, message] of [
      [hello, { maxBodyBytes: "5MB" }, RangeError, 'maxBodyBytes, "5MB", is'],
      [hello, { keepAliveTimeoutMs: NaN }, RangeError, "TimeoutMs, NaN, is"],
      [hello, { fallback: { port: "80" } }, TypeError, 'its port, "80", is'],
      [HERE, hello, TypeError, "the handler, is not a function"],
    ] as const
  ) {
    const args = [first, { ...HERE, ...options }];
    await assertRejects(() => Reflect.apply(serve, null, args), type, message);
  }
});

Deno.test("clients know the time for their next request, if it is limited", async () => {
  for (
    const [keepAliveTimeoutMs, header] of [
      [undefined, "timeout=75"],
      [20_500, "timeout=20"],
      [0, null],
    ] as const
  ) {
    const options = { ...HERE, webSocket: true, keepAliveTimeoutMs };
    await using server = await serve(hello, options);
    const response = await fetch(urlOf(server));
    assertEquals(await response.text(), "hello");
    assertEquals(response.headers.get("keep-alive"), header);
  }
});

Deno.test("a fallback that cannot listen throws Deno's error", async () => {
  await using server = await serve(hello, HERE);
  const { port } = server.addr as Deno.NetAddr;
  using directory = new TempDir();
  const path = directory.join("taken");
  using _listener = Deno.listen({ transport: "unix", path });
  for (
    const [fallback, error] of [
      [{ port }, AddrInUse],
      // bind(2) would reduce these to 16 bits, such as to a free port.
      [{ port: port + 0x1_0000 }, RangeError],
      [{ port: -1 }, RangeError],
      [{ port: 0.5 }, TypeError],
      [{ port: NaN }, TypeError],
      [{ path }, AddrInUse],
      [{ path: directory.join("missing/socket") }, NotFound],
    ] as const
  ) {
    for (const tls of [{}, { cert: CERT, key: KEY }]) {
      const options = { ...HERE, ...tls, fallback };
      await assertRejects(() => serve(hello, options), error);
    }
  }
  assertEquals(Deno.statSync(path).isSocket, true);
});

Deno.test({
  name: "a fallback without permission throws NotCapable",
  permissions: { env: true, read: true },
  async fn() {
    for (const fallback of [{ port: 0 }, { path: "/tmp/none" }]) {
      const options = { ...HERE, fallback };
      await assertRejects(() => serve(hello, options), NotCapable);
    }
  },
});
