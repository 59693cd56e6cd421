import { assertEquals, assertRejects } from "@std/assert";
import { createServer } from "node:net";
import { TransportConn } from "../../activation/_conn.ts";
import { AcceptorListener } from "../../activation/_listener.ts";
import {
  ServerAcceptor,
  SocketTransport,
} from "../../activation/_net_transport.ts";
import type { AdoptedConn, AdoptedListener } from "../../mod.ts";
import {
  freeAddresses,
  type Kind,
  KINDS,
  WITHOUT_HANDLES,
} from "../support/activate.ts";
import { runActivated } from "../support/activated_suite.ts";
import { TempDir } from "../support/temp_dir.ts";
import { CASES, TLS_CASES } from "./listener_suite.ts";

// The types of adopted sockets are assignable to Deno's.
((listener: AdoptedListener) => listener satisfies Deno.Listener<Deno.Conn>);
((conn: AdoptedConn) => conn satisfies Deno.Conn);
((conn: AdoptedConn) => conn satisfies Deno.TcpConn | Deno.UnixConn);

for (const { name, run } of CASES) {
  Deno.test(`Deno.listen, unix path: ${name}`, async () => {
    using directory = new TempDir();
    const addr = { transport: "unix", path: directory.join("socket") } as const;
    using listener = Deno.listen(addr);
    await run(listener, () => Deno.connect(addr));
  });
  Deno.test(`Deno.listen, TCP: ${name}`, async () => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { hostname, port } = listener.addr;
    await run(listener, () => Deno.connect({ hostname, port }));
  });
}

const adopted = (
  what: string,
  kind: Kind,
  { length } = CASES,
  options: { allow?: string[]; env?: Record<string, string> } = {},
) =>
  Deno.test(`adopted, ${what}`, async (t) => {
    using directory = new TempDir();
    await runActivated(t, {
      addresses: freeAddresses(kind, directory, length + 1),
      module: "tests/activation/listener_suite.ts",
      allow: ["--allow-all"],
      ...options,
    });
  });
for (const kind of KINDS) adopted(kind, kind);
const allow = ["--allow-all", WITHOUT_HANDLES];
adopted("by node:net", "unix path", CASES, { allow });
adopted("TLS", "IPv4", TLS_CASES, { env: { TLS: "1" } });

Deno.test("an error of the server rejects the pending accept, and no later one", async () => {
  const server = createServer();
  using listener = new AcceptorListener(
    new ServerAcceptor(
      server,
      (socket) => new TransportConn<Deno.UnixAddr>(new SocketTransport(socket)),
    ),
  );
  const aborted = Object.assign(new Error("accept"), { code: "ECONNABORTED" });
  server.emit("error", aborted);
  const waiting = assertRejects(
    () => listener.accept(),
    Deno.errors.ConnectionAborted,
  );
  server.emit("error", aborted);
  await waiting;
  listener.unref();
  const next = assertRejects(() => listener.accept(), Deno.errors.BadResource);
  listener.ref();
  listener.close();
  await next;
  assertEquals(await listener.next(), { value: undefined, done: true });
});
