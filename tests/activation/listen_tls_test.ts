import { assertEquals } from "@std/assert";
import type { AdoptedTlsListener } from "../../activation/listen_tls.ts";
import {
  activate,
  type Activated,
  freeAddresses,
  hostAndPort,
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
import { TLS_CASES } from "./tls_suite_program.ts";

// The types of adopted sockets are assignable to Deno's.
((listener: AdoptedTlsListener) => listener satisfies Deno.TlsListener);

Deno.test("adopted, TLS", async (t) => {
  using directory = new TempDir();
  await runActivated(t, {
    addresses: freeAddresses("IPv4", directory, 1 + TLS_CASES.length),
    module: "tests/activation/tls_suite_program.ts",
    allow: ["--allow-all"],
  });
});

const service = (kind: "IPv4" | "unix path" = "IPv4", cert = CERT) =>
  activate({
    kind,
    module: "tests/activation/tls_service.ts",
    args: [cert, KEY, RENEWED_CERT, RENEWED_KEY],
  });

/** Connects over TLS. */
const dialTls = ({ address }: Activated, options = {}) =>
  Deno.connectTls({
    hostname: "localhost",
    port: hostAndPort(address)!.port,
    caCerts: [CERT],
    ...options,
  });

Deno.test("TLS needs no permission, and negotiates a protocol", async () => {
  await using program = await service();
  const alpnProtocols = ["echo/1", "echo/2"];
  using conn = await dialTls(program, { alpnProtocols });
  assertEquals(await conn.handshake(), { alpnProtocol: "echo/2" });
  assertEquals(await echoOf(conn, "hello"), "hello");
  await program.stdout.line("negotiated echo/2");
});

Deno.test("a listener takes a renewed certificate, and no invalid one", async () => {
  await using program = await service();
  const connect = (cert: string) => dialTls(program, { caCerts: [cert] });
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
  await using program = await service();
  using silent = await program.dial();
  {
    using noise = await program.dial();
    await send(noise, "hello?\r\n\r\n");
    await receiveAll(noise).catch(() => {});
  }
  (await program.dial()).close();
  using conn = await dialTls(program);
  assertEquals(await echoOf(conn, "hello"), "hello");
  assertEquals(program.stdout.seen, ["listening", "negotiated null"]);
  silent.close();
});

Deno.test("TLS is refused on a unix socket", async () => {
  await using program = await service("unix path");
  using conn = await program.dial();
  assertEquals(await receiveAllText(conn).catch(() => ""), "");
  await program.exitCode();
  assertEquals(program.stdout.seen, [
    'Cannot listen on fd 3 "unknown": it is a unix socket; use ListenStream= with a TCP port, and Accept=no',
  ]);
});

Deno.test("an invalid certificate is refused", async () => {
  await using program = await service("IPv4", "none");
  using _conn = await program.dial();
  await program.exitCode();
  assertEquals(program.stdout.seen, [
    "Cannot parse the certificate: it is not in PEM format",
  ]);
});
