import { serve, type ServeOptions } from "../../serve/mod.ts";
import { freePorts } from "../support/activate.ts";
import { runActivated } from "../support/activated_suite.ts";
import { TempDir } from "../support/temp_dir.ts";
import { CERT, KEY } from "../support/certificate.ts";
import { CASES, type Place } from "./http_suite.ts";

for (const { name, run } of CASES) {
  Deno.test(`serve, TCP: ${name}`, async () => {
    await run(tcpPlace({}, Deno.connect));
  });
  Deno.test(`serve, TLS: ${name}`, async () => {
    await run(
      tcpPlace(
        { cert: CERT, key: KEY },
        (where) => Deno.connectTls({ ...where, caCerts: [CERT] }),
      ),
    );
  });
  Deno.test(`serve, unix path: ${name}`, async () => {
    using directory = new TempDir();
    const path = directory.join("socket");
    await run({
      secure: false,
      serve: (handler, options) =>
        serve(handler, { fallback: { path }, notify: false, ...options }),
      dial: () => Deno.connect({ transport: "unix", path }),
    });
  });
}

const NAMES = ["trigger", ...CASES.keys().map((i) => `case-${i}`)];
const ACTIVATED = {
  names: NAMES,
  module: "tests/serve/http_suite_program.ts",
  allow: ["--allow-all"],
};

Deno.test("serve, adopted unix path", async (t) => {
  using directory = new TempDir();
  const addresses = NAMES.map((name) => directory.join(name));
  await runActivated(t, { ...ACTIVATED, addresses });
});

Deno.test("serve, adopted TCP", async (t) => {
  const addresses = freePorts("127.0.0.1", NAMES.length)
    .map((port) => `127.0.0.1:${port}`);
  await runActivated(t, { ...ACTIVATED, addresses });
});

function tcpPlace(
  tls: Pick<ServeOptions, "cert" | "key">,
  connect: (where: { hostname: string; port: number }) => Promise<Deno.Conn>,
): Place {
  let port = 0;
  return {
    secure: tls.cert !== undefined,
    async serve(handler, options) {
      const service = await serve(handler, {
        ...{ fallback: { port }, notify: false },
        ...tls,
        ...options,
      });
      if (service.addr.transport === "tcp") port = service.addr.port;
      return service;
    },
    dial: () => connect({ hostname: "127.0.0.1", port }),
  };
}
