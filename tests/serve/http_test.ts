import { serve, type ServeOptions } from "../../serve/mod.ts";
import { freeAddresses } from "../support/activate.ts";
import { runActivated } from "../support/activated_suite.ts";
import { CERT, KEY } from "../support/certificate.ts";
import { TempDir } from "../support/temp_dir.ts";
import { casesOf, type Kind } from "./http_suite.ts";

const HERE: [what: string, kind: Kind, options: ServeOptions][] = [
  ["Deno.serve", { server: "Deno.serve", isTcp: true, secure: false }, {}],
  ["serve, unix path", { server: "ours", isTcp: false, secure: false }, {}],
  [
    "serve, WebSockets, TCP",
    { server: "ours", isTcp: true, secure: false },
    { webSocket: true },
  ],
  [
    "serve, TLS",
    { server: "ours", isTcp: true, secure: true },
    { cert: CERT, key: KEY },
  ],
];

for (const [what, kind, own] of HERE) {
  for (const { name, run } of casesOf(kind)) {
    Deno.test(`${what}: ${name}`, async () => {
      using directory = new TempDir();
      const path = directory.join("socket");
      const fallback = kind.isTcp ? { port: 0 } : { path };
      let where = { hostname: "127.0.0.1", port: 0 };
      await run({
        ...kind,
        async serve(handler, options = {}) {
          const { onError, signal } = options;
          const server = kind.server === "Deno.serve"
            ? Deno.serve({ ...where, onError, signal, onListen() {} }, handler)
            : await serve(handler, {
              ...{ fallback, notify: false, ...own },
              ...options,
            });
          where = server.addr as Deno.NetAddr;
          return server;
        },
        dial: () =>
          !kind.isTcp
            ? Deno.connect({ transport: "unix", path })
            : kind.secure
            ? Deno.connectTls({ ...where, caCerts: [CERT] })
            : Deno.connect(where),
      });
    });
  }
}

for (
  const [server, isTcp, secure, preload] of [
    ["native", true, false],
    ["ours", false, false],
    // A runtime without one or all of the internals.
    ["ours", true, false, "without_http_server.ts"],
    ["node", false, false, "without_internals.ts"],
    ["node", true, false, "without_internals.ts"],
    ["node", true, true, "without_internals.ts"],
  ] as const
) {
  const socket = secure ? "TLS" : isTcp ? "TCP" : "unix path";
  Deno.test(`serve, adopted ${socket}: the server ${server}`, async (t) => {
    using directory = new TempDir();
    const cases = casesOf({ server, isTcp, secure });
    const names = ["trigger", ...cases.keys().map((i) => `case-${i}`)];
    const kind = isTcp ? "IPv4" : "unix path";
    await runActivated(t, {
      names,
      addresses: freeAddresses(kind, directory, names.length),
      module: "tests/serve/http_suite_program.ts",
      allow: [
        "--allow-all",
        ...preload ? [`--preload=${import.meta.dirname}/${preload}`] : [],
      ],
      env: secure ? { TLS: "yes" } : {},
    });
  });
}
