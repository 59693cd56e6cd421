import { serve, type ServeOptions } from "../../serve/mod.ts";
import { freeAddresses } from "../support/activate.ts";
import { runActivated } from "../support/activated_suite.ts";
import { CERT, KEY } from "../support/certificate.ts";
import { TempDir } from "../support/temp_dir.ts";
import { casesOf, kindOf, type ServerName } from "./http_suite.ts";

const HERE: [server: ServerName, socket: string, options?: ServeOptions][] = [
  ["Deno.serve", "TCP"],
  ["ours", "unix path"],
  ["ours", "TCP", { webSocket: true }],
  ["ours", "TLS", { cert: CERT, key: KEY }],
];

for (const [server, socket, own] of HERE) {
  const kind = kindOf(server, socket);
  for (const { name, run } of casesOf(kind)) {
    Deno.test(`${server}, ${socket}: ${name}`, async () => {
      using directory = new TempDir();
      const path = directory.join("socket");
      const fallback = kind.isTcp ? { port: 0 } : { path };
      let where = { hostname: "127.0.0.1", port: 0 };
      await run({
        ...kind,
        async serve(handler, options = {}) {
          const { onError, signal } = options;
          const service = server === "Deno.serve"
            ? Deno.serve({ ...where, onError, signal, onListen() {} }, handler)
            : await serve(handler, {
              ...{ fallback, notify: false, ...own },
              ...options,
            });
          where = service.addr as Deno.NetAddr;
          return service;
        },
        dial: (cert = CERT) =>
          !kind.isTcp
            ? Deno.connect({ transport: "unix", path })
            : kind.secure
            ? Deno.connectTls({ ...where, caCerts: [cert] })
            : Deno.connect(where),
      });
    });
  }
}

for (
  const [server, socket, preload] of [
    ["native", "TCP"],
    ["ours", "unix path"],
    // A runtime without one or all of the internals.
    ["ours", "TCP", "without_http_server.ts"],
    ["node", "unix path", "without_internals.ts"],
    ["node", "TCP", "without_internals.ts"],
    ["node", "TLS", "without_internals.ts"],
  ] as const
) {
  Deno.test(`adopted ${socket}: the server ${server}`, async (t) => {
    using directory = new TempDir();
    const cases = casesOf(kindOf(server, socket));
    const names = ["trigger", ...cases.keys().map((i) => `case-${i}`)];
    const kind = socket === "unix path" ? socket : "IPv4";
    await runActivated(t, {
      names: names.join(":"),
      addresses: freeAddresses(kind, directory, names.length),
      module: "tests/serve/http_suite_program.ts",
      allow: [
        "--allow-all",
        ...preload ? [`--preload=${import.meta.dirname}/${preload}`] : [],
      ],
      env: socket === "TLS" ? { TLS: "yes" } : {},
    });
  });
}
