// The end of the server; tests/serve and tests/daemon have the cases of a stop, and
// tests/system those of the connections that come meanwhile.

import { assert, assertEquals } from "@std/assert";
import { activate } from "../support/activate.ts";
import { echoOf, receiveAllText, send } from "../support/peer.ts";
import { ActivatedServer, SOCKET_NAME } from "./activated_server.ts";

for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
  Deno.test(`${signal} ends idle connections and the server, with 0`, async () => {
    await using server = await ActivatedServer.with("--drain-timeout", "60s");
    using conn = await server.dial();
    assertEquals(await echoOf(conn, "hello\n"), "hello\n");
    server.kill(signal);
    assertEquals(await receiveAllText(conn), "");
    await server.exits(0);
    assertEquals(server.complaints(), []);
  });
}

Deno.test("--drain-timeout limits how long a peer that does not read delays the stop", async () => {
  await using server = await ActivatedServer.with("--drain-timeout", "400ms");
  using conn = await server.dial();
  // More than both kernel buffers hold: this ends only when it is cut off.
  send(conn, new Uint8Array(8 * 1024 * 1024)).catch(() => {});
  await server.stdout.line(/^server recv: /);
  const start = performance.now();
  server.kill("SIGTERM");
  await server.exits(0);
  const took = performance.now() - start;
  assert(took >= 350, `it was gone after ${took} ms`);
});

Deno.test("a stop while the rest of the server loads is one of a started server", async () => {
  // It begins to load after a timer of 2 ms.
  const slow = `data:text/javascript,const { setTimeout } = globalThis;
    globalThis.setTimeout = (callback, ms) =>
      setTimeout(callback, ms === 2 ? 2_000 : ms);`;
  const allow = ["--allow-all", `--preload=${slow}`];
  const module = "server/main.ts";
  await using server = await activate({ module, allow, names: SOCKET_NAME });
  using conn = await server.dial();
  assertEquals(await echoOf(conn, "1\n"), "1\n");
  server.kill("SIGTERM");
  assertEquals(await server.end(), ["server start", "server recv: 1"]);
});
