import { serve, type ServeOptions } from "../../serve/mod.ts";
import { freePorts } from "../support/activate.ts";
import { runActivated } from "../support/activated_suite.ts";
import { TempDir } from "../support/temp_dir.ts";
import { CERT, KEY } from "../support/certificate.ts";
import { casesOf, type Place, type ServerName } from "./http_suite.ts";

for (const { name, run } of casesOf("Deno.serve")) {
  Deno.test(`Deno.serve: ${name}`, async () => {
    let port = 0;
    await run({
      server: "Deno.serve",
      secure: false,
      serve(handler, options = {}) {
        const { onError, signal } = options;
        const where = { hostname: "127.0.0.1", port: 0, onListen() {} };
        const server = Deno.serve({ ...where, onError, signal }, handler);
        port = server.addr.port;
        return Promise.resolve({ ...server, addrs: [server.addr] });
      },
      dial: () => Deno.connect({ hostname: "127.0.0.1", port }),
    });
  });
}

for (const { name, run } of casesOf("ours", { overTcp: true })) {
  Deno.test(`serve, WebSockets, TCP: ${name}`, async () => {
    await run(tcpPlace({ webSocket: true }, Deno.connect));
  });
}

for (const { name, run } of casesOf("ours", { overTcp: true, secure: true })) {
  Deno.test(`serve, TLS: ${name}`, async () => {
    await run(
      tcpPlace(
        { cert: CERT, key: KEY },
        (where) => Deno.connectTls({ ...where, caCerts: [CERT] }),
      ),
    );
  });
}

for (const { name, run } of casesOf("ours")) {
  Deno.test(`serve, unix path: ${name}`, async () => {
    using directory = new TempDir();
    const path = directory.join("socket");
    await run({
      server: "ours",
      secure: false,
      serve: (handler, options) =>
        serve(handler, { fallback: { path }, notify: false, ...options }),
      dial: () => Deno.connect({ transport: "unix", path }),
    });
  });
}

async function testActivated(
  t: Deno.TestContext,
  transport: "TCP" | "unix",
  server: ServerName,
  preload?: string,
): Promise<void> {
  using directory = new TempDir();
  const cases = casesOf(server, {
    overTcp: server === "ours" && transport === "TCP",
  });
  const names = ["trigger", ...cases.keys().map((i) => `case-${i}`)];
  const addresses = transport === "unix"
    ? names.map((name) => directory.join(name))
    : freePorts("127.0.0.1", names.length).map((port) => `127.0.0.1:${port}`);
  const allow = ["--allow-all"];
  if (preload !== undefined) {
    allow.push(`--preload=${new URL(preload, import.meta.url).pathname}`);
  }
  const module = "tests/serve/http_suite_program.ts";
  await runActivated(t, { names, module, allow, addresses });
}

Deno.test("serve, adopted TCP", (t) => testActivated(t, "TCP", "native"));

Deno.test("serve, adopted unix path", (t) => testActivated(t, "unix", "ours"));

Deno.test("serve, adopted TCP, without Deno's HTTP server", (t) =>
  testActivated(t, "TCP", "ours", "./without_http_server.ts"));

for (const transport of ["unix", "TCP"] as const) {
  Deno.test(`serve, adopted ${transport}, by documented API alone`, (t) =>
    testActivated(t, transport, "node", "./without_internals.ts"));
}

function tcpPlace(
  options: ServeOptions,
  connect: (where: { hostname: string; port: number }) => Promise<Deno.Conn>,
): Place {
  let port = 0;
  return {
    server: "ours",
    secure: options.cert !== undefined,
    async serve(handler, own) {
      const service = await serve(handler, {
        ...{ fallback: { port }, notify: false },
        ...options,
        ...own,
      });
      if (service.addr.transport === "tcp") port = service.addr.port;
      return service;
    },
    dial: () => connect({ hostname: "127.0.0.1", port }),
  };
}
