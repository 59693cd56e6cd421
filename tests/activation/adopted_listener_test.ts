import { assertEquals, assertRejects } from "@std/assert";
import { createServer } from "node:net";
import { unixConn } from "../../activation/adopted_conn.ts";
import { AdoptedListener } from "../../activation/adopted_listener.ts";
import { UNIX_ADDR } from "../../activation/socket_address.ts";

Deno.test("an error of the server rejects the accept that waits, and no later one", async () => {
  const server = createServer();
  using listener = new AdoptedListener(server, UNIX_ADDR, unixConn);
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
