import { assertEquals } from "@std/assert";
import type { InheritedTlsListener } from "../../activation/listen_tls.ts";
import {
  activate,
  ALLOW_ACTIVATION,
  dial,
  freePorts,
} from "../support/activate.ts";
import { runActivated } from "../support/activated_suite.ts";
import {
  CERT,
  KEY,
  RENEWED_CERT,
  RENEWED_KEY,
} from "../support/certificate.ts";
import { echoOf, receiveAll, receiveAllText, send } from "../support/peer.ts";
import { TempDir } from "../support/temp_dir.ts";
import { CASES } from "./listener_suite.ts";
import { TLS_CASES } from "./tls_suite_program.ts";

// The types of adopted sockets are assignable to Deno's.
((listener: InheritedTlsListener) => listener satisfies Deno.TlsListener);

Deno.test("adopted, TLS", async (t) => {
  assertEquals(CASES.length - TLS_CASES.length, 2);
  await runActivated(t, {
    addresses: freePorts("127.0.0.1", 1 + TLS_CASES.length)
      .map((port) => `127.0.0.1:${port}`),
    module: "tests/activation/tls_suite_program.ts",
    allow: ["--allow-all"],
  });
});

async function service(address: string, cert = CERT, key = KEY) {
  return await activate({
    addresses: [address],
    module: "tests/activation/tls_service.ts",
    allow: [ALLOW_ACTIVATION],
    args: [cert, key, RENEWED_CERT, RENEWED_KEY],
  });
}

Deno.test("TLS needs no permission, and negotiates a protocol", async () => {
  const [port] = freePorts("127.0.0.1", 1);
  await using program = await service(`127.0.0.1:${port}`);
  using conn = await Deno.connectTls({
    ...{ hostname: "localhost", port: port!, caCerts: [CERT] },
    alpnProtocols: ["echo/1", "echo/2"],
  });
  assertEquals(await conn.handshake(), { alpnProtocol: "echo/2" });
  assertEquals(await echoOf(conn, "hello"), "hello");
  await program.stdout.line("negotiated echo/2");
});

Deno.test("a listener takes a renewed certificate, and no invalid one", async () => {
  const [port] = freePorts("127.0.0.1", 1);
  await using program = await service(`127.0.0.1:${port}`);
  const connect = (cert: string) =>
    Deno.connectTls({ hostname: "localhost", port: port!, caCerts: [cert] });
  using conn = await connect(CERT);
  assertEquals(await echoOf(conn, "invalid"), "invalid");
  await program.stdout.line("kept the certificate");
  assertEquals(await echoOf(conn, "renew"), "renew");
  await program.stdout.line("renewed the certificate");
  using renewed = await connect(RENEWED_CERT);
  for (const each of [conn, renewed]) {
    assertEquals(await echoOf(each, "hello"), "hello");
  }
});

Deno.test("peers that do not speak TLS, or send nothing, do not block others", async () => {
  const [port] = freePorts("127.0.0.1", 1);
  const address = `127.0.0.1:${port}`;
  await using program = await service(address);
  using silent = await dial(address);
  {
    using noise = await dial(address);
    await send(noise, "hello?\r\n\r\n");
    await receiveAll(noise).catch(() => {});
  }
  (await dial(address)).close();
  using conn = await Deno.connectTls({
    ...{ hostname: "localhost", port: port!, caCerts: [CERT] },
  });
  assertEquals(await echoOf(conn, "hello"), "hello");
  assertEquals(program.stdout.seen, ["listening", "negotiated null"]);
  silent.close();
});

Deno.test("TLS is refused on a unix socket", async () => {
  using directory = new TempDir();
  const path = directory.join("socket");
  await using program = await service(path);
  using conn = await dial(path);
  assertEquals(await receiveAllText(conn).catch(() => ""), "");
  await program.exitCode();
  assertEquals(program.stdout.seen, [
    'Cannot listen on fd 3 "unknown": it is a unix socket; use ListenStream= with a TCP port, and Accept=no',
  ]);
});

Deno.test("an invalid certificate is refused", async () => {
  const [port] = freePorts("127.0.0.1", 1);
  await using program = await service(`127.0.0.1:${port}`, "none");
  using _conn = await dial(`127.0.0.1:${port}`);
  await program.exitCode();
  assertEquals(program.stdout.seen, [
    "Cannot parse the certificate: it is not in PEM format",
  ]);
});
