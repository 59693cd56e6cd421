// What serve() does beside HTTP: options, and clients that take their time.

import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { service } from "../../daemon/mod.ts";
import { serve, type ServeHandler } from "../../serve/mod.ts";
import { soon } from "../support/eventually.ts";
import { receiveAllText, send } from "../support/peer.ts";
import { TempDir } from "../support/temp_dir.ts";
import {
  CERT,
  KEY,
  RENEWED_CERT,
  RENEWED_KEY,
} from "../support/certificate.ts";

// Handlers for Deno.serve() and for serve() are the same, and so is the server.
((handler: ServeHandler) =>
  handler satisfies Deno.ServeHandler<Deno.NetAddr | Deno.UnixAddr>);
((handler: Deno.ServeHandler) => serve(handler));
((handler: Deno.ServeHandler<Deno.NetAddr>) => serve(handler));
(() => serve(() => new Response()) satisfies Promise<Deno.HttpServer>);

const HERE = { fallback: { port: 0 }, notify: false } as const;
const hello = () => new Response("hello");

Deno.test("onListen gets the fallback's address, by default a loopback one", async () => {
  const told: unknown[] = [];
  await using service = await serve(hello, {
    ...HERE,
    onListen: (addr) => told.push(addr),
  });
  assertEquals(told, [service.addr]);
  assertEquals(service.addrs, [service.addr]);
  const { hostname, port } = service.addr as Deno.NetAddr;
  assertEquals(hostname, "127.0.0.1");
  assert(port > 0);
});

Deno.test("the fallback's socket path is removed when the service has stopped", async () => {
  using directory = new TempDir();
  const path = directory.join("web");
  const service = await serve(hello, { fallback: { path }, notify: false });
  assertEquals(service.addr, { transport: "unix", path });
  assertEquals((await Deno.stat(path)).isSocket, true);
  await service.shutdown();
  await assertRejects(() => Deno.stat(path), Deno.errors.NotFound);
});

Deno.test("an error thrown by onListen ends the service", async () => {
  let port = 0;
  const error = new Error("not there");
  const thrown = await assertRejects(() =>
    serve(hello, {
      ...HERE,
      onListen(addr) {
        if (addr.transport === "tcp") port = addr.port;
        throw error;
      },
    })
  );
  assertStrictEquals(thrown, error);
  await assertRejects(
    () => Deno.connect({ hostname: "127.0.0.1", port }),
    Deno.errors.ConnectionRefused,
  );
});

Deno.test("an aborted signal starts nothing", async () => {
  const reason = new Error("never mind");
  const thrown = await assertRejects(() =>
    serve(hello, { ...HERE, signal: AbortSignal.abort(reason) })
  );
  assertStrictEquals(thrown, reason);
});

Deno.test("a signal stops its own server, and no other", async () => {
  const controller = new AbortController();
  await using other = await serve(hello, HERE);
  const server = await serve(hello, { ...HERE, signal: controller.signal });
  controller.abort();
  await soon("the server has stopped", server.finished);
  assertEquals(service().stopping.aborted, false);
  const { port } = other.addr as Deno.NetAddr;
  const response = await fetch(`http://127.0.0.1:${port}`);
  assertEquals(await response.text(), "hello");
});

Deno.test("a second shutdown cuts nothing off", async () => {
  const called = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  const service = await serve(async () => {
    called.resolve();
    await goOn.promise;
    return hello();
  }, HERE);
  const { port } = service.addr as Deno.NetAddr;
  const answer = fetch(`http://127.0.0.1:${port}`).then((it) => it.text());
  await called.promise;
  const both = [service.shutdown(), service.shutdown()];
  goOn.resolve();
  assertEquals(await answer, "hello");
  await soon("the service has stopped", Promise.all(both));
});

Deno.test("a certificate needs its key, and both must be valid", async () => {
  const tls = (cert?: string, key?: string) => () =>
    serve(hello, { ...HERE, cert, key });
  await assertRejects(tls(CERT), TypeError, "set both cert and key");
  await assertRejects(tls(undefined, KEY), TypeError, "set both cert and key");
  const { InvalidData } = Deno.errors;
  await assertRejects(tls("no PEM", KEY), InvalidData, "certificate");
  await assertRejects(tls(CERT, "no PEM"), InvalidData, "private key");
  await assertRejects(tls(CERT, await otherKey()), InvalidData, "another one");
});

Deno.test("a fallback that cannot listen throws Deno's error", async () => {
  await using service = await serve(hello, HERE);
  const { port } = service.addr as Deno.NetAddr;
  using directory = new TempDir();
  const path = directory.join("taken");
  using _listener = Deno.listen({ transport: "unix", path });
  const missing = directory.join("missing/socket");
  const { AddrInUse, NotFound } = Deno.errors;
  for (
    const [fallback, error] of [
      [{ port }, AddrInUse],
      [{ path }, AddrInUse],
      [{ path: missing }, NotFound],
    ] as const
  ) {
    for (const tls of [{}, { cert: CERT, key: KEY }]) {
      await assertRejects(
        () => serve(hello, { ...HERE, ...tls, fallback }),
        error,
      );
    }
  }
});

Deno.test({
  name: "a fallback without permission throws NotCapable",
  permissions: { env: true, read: true },
  async fn() {
    await assertRejects(() => serve(hello, HERE), Deno.errors.NotCapable);
    await assertRejects(
      () => serve(hello, { ...HERE, fallback: { path: "/tmp/none" } }),
      Deno.errors.NotCapable,
    );
  },
});

Deno.test("a renewed certificate is used by new handshakes, and connections stay", async () => {
  await using server = await serve(hello, { ...HERE, cert: CERT, key: KEY });
  const { port } = server.addr as Deno.NetAddr;
  const connect = (cert: string) =>
    Deno.connectTls({ hostname: "127.0.0.1", port, caCerts: [cert] });
  const ask = async (conn: Deno.Conn, last = "") => {
    await send(conn, `GET / HTTP/1.1\r\nHost: here\r\n${last}\r\n`);
  };
  using old = await connect(CERT);
  await ask(old);
  const invalid = { cert: RENEWED_CERT, key: KEY };
  const { InvalidData } = Deno.errors;
  await assertRejects(() => server.setCertificate(invalid), InvalidData);
  (await connect(CERT)).close();

  await server.setCertificate({ cert: RENEWED_CERT, key: RENEWED_KEY });
  await assertRejects(async () => {
    using conn = await connect(CERT);
    await conn.handshake();
  }, InvalidData);
  const last = "Connection: close\r\n";
  using renewed = await connect(RENEWED_CERT);
  for (const conn of [renewed, old]) {
    await ask(conn, last);
    assertMatch(await receiveAllText(conn), /hello$/);
  }
});

Deno.test("a server without TLS takes no certificate", async () => {
  await using server = await serve(hello, HERE);
  await assertRejects(
    () => server.setCertificate({ cert: CERT, key: KEY }),
    TypeError,
    "set cert and key",
  );
});

/** A key that is fit for use, with another certificate. */
async function otherKey(): Promise<string> {
  const algorithm = { name: "ECDSA", namedCurve: "P-256" };
  const { privateKey } = await crypto.subtle
    .generateKey(algorithm, true, ["sign", "verify"]);
  const der = await crypto.subtle.exportKey("pkcs8", privateKey);
  const lines = new Uint8Array(der).toBase64().match(/.{1,64}/g)!;
  return ["-----BEGIN PRIVATE KEY-----", ...lines, "-----END PRIVATE KEY-----"]
    .join("\n");
}
