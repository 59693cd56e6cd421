import { assertEquals, assertRejects } from "@std/assert";
import { createServer } from "node:net";
import { AdoptedConn } from "../../activation/adopted_conn.ts";
import { AdoptedListener } from "../../activation/adopted_listener.ts";
import { ServerAcceptor } from "../../activation/server_acceptor.ts";
import { UNIX_ADDR } from "../../activation/socket_address.ts";
import { SocketTransport } from "../../activation/socket_transport.ts";

Deno.test("an error of the server rejects the accept that waits, and no later one", async () => {
  const server = createServer();
  using listener = new AdoptedListener(
    new ServerAcceptor(
      server,
      (socket) => new AdoptedConn<Deno.UnixAddr>(new SocketTransport(socket)),
    ),
    UNIX_ADDR,
  );
  const aborted = Object.assign(new Error("accept"), { code: "ECONNABORTED" });
  // With nobody waiting there is nobody to tell.
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
