import { assertEquals } from "@std/assert";
import type { AdoptedTlsListener } from "../../activation/listen_tls.ts";
import {
  activate,
  type Activated,
  hostAndPort,
  printed,
} from "../support/activate.ts";
import {
  CERT,
  KEY,
  RENEWED_CERT,
  RENEWED_KEY,
} from "../support/certificate.ts";
import { echoOf, receiveAll, send } from "../support/peer.ts";

// The types of adopted sockets are assignable to Deno's.
((listener: AdoptedTlsListener) => listener satisfies Deno.TlsListener);

/** Echoes over TLS, prints the negotiated protocol, and renews its certificate. */
const service = () =>
  activate({
    kind: "IPv4",
    script: `
      const [cert, key, renewedCert, renewedKey] = Deno.args;
      const alpnProtocols = ["echo/2", "echo/1"];
      const listener = await listenTls(3, { cert, key, alpnProtocols });
      const commands = {
        invalid: { cert: renewedCert, key },
        renew: { cert: renewedCert, key: renewedKey },
      };
      for await (const conn of listener) {
        console.log((await conn.handshake()).alpnProtocol);
        conn.forEachChunk(async (chunk) => {
          const command = commands[new TextDecoder().decode(chunk)];
          if (command) {
            await listener.setCertificate(command)
              .then(() => console.log("renewed"), () => console.log("kept"));
          }
          const sending = conn.writeChunk(chunk);
          if (sending) console.log("there is no room");
          await sending;
        }).then(() => conn.close(), () => {});
      }`,
    args: [CERT, KEY, RENEWED_CERT, RENEWED_KEY],
  });

const dialTls = ({ address }: Activated, options = {}) =>
  Deno.connectTls({ ...hostAndPort(address)!, caCerts: [CERT], ...options });

Deno.test("TLS needs no permission, and negotiates a protocol", async () => {
  await using program = await service();
  const alpnProtocols = ["echo/1", "echo/2"];
  using conn = await dialTls(program, { alpnProtocols });
  assertEquals(await conn.handshake(), { alpnProtocol: "echo/2" });
  assertEquals(await echoOf(conn, "hello"), "hello");
  await program.stdout.line("echo/2");
  assertEquals(program.stdout.seen, ["echo/2"]);
});

Deno.test("a listener takes a renewed certificate, and no invalid one", async () => {
  await using program = await service();
  using conn = await dialTls(program);
  assertEquals(await echoOf(conn, "invalid"), "invalid");
  await program.stdout.line("kept");
  assertEquals(await echoOf(conn, "renew"), "renew");
  await program.stdout.line("renewed");
  using renewed = await dialTls(program, { caCerts: [RENEWED_CERT] });
  for (const each of [conn, renewed]) {
    assertEquals(await echoOf(each, "hello"), "hello");
  }
});

Deno.test("peers that do not speak TLS, or send nothing, do not block others", async () => {
  await using program = await service();
  using _silent = await program.dial();
  {
    using noise = await program.dial();
    await send(noise, "hello?\r\n\r\n");
    await receiveAll(noise).catch(() => {});
  }
  (await program.dial()).close();
  using conn = await dialTls(program);
  assertEquals(await echoOf(conn, "hello"), "hello");
  assertEquals(await program.stdout.atLeast(1), ["null"]);
});

Deno.test("TLS is refused on a unix socket, and with an invalid certificate", async () => {
  const valid = JSON.stringify({ cert: CERT, key: KEY });
  assertEquals(
    await printed(
      "unix=web,tcp=web",
      `console.log(await failure(listenTls(3, ${valid})));
      const invalid = { ...${valid}, cert: "none" };
      await listenTls(4, invalid).catch((error) => console.log(\`\${error}\`));`,
    ),
    [
      'wrong-kind: Cannot listen on fd 3 "web": it is a unix socket; use ListenStream= with a TCP port, and Accept=no',
      "InvalidData: Cannot parse the certificate: it is not in PEM format",
    ],
  );
});
