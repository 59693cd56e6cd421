// The shipped units and the server's defaults, which have to fit each other.

import { assert, assertEquals } from "@std/assert";
import { parseServerOptions } from "../../server/options.ts";

/** Deno accepts so many connections before the program learns of the first. */
const ACCEPTED_AT_ONCE = 128;

/** For all that is not a connection: standard streams, the runtime's own. */
const RESERVE = 64;

function setting(unit: string, name: string): string | undefined {
  const file = new URL(`../../units/${unit}`, import.meta.url);
  const text = Deno.readTextFileSync(file);
  return new RegExp(`^${name}=(.*)$`, "m").exec(text)?.[1];
}

Deno.test("the unit allows more descriptors than peers can ever take", () => {
  const { maxConnections, maxWaiting, backlog } = parseServerOptions([]);
  const allowed = Number(setting("ipc-server.service", "LimitNOFILE"));
  const burst = Math.max(backlog, ACCEPTED_AT_ONCE);
  const needed = maxConnections + maxWaiting + burst + RESERVE;
  assert(allowed >= needed, `LimitNOFILE=${allowed}, ${needed} are needed`);
});

Deno.test("the socket unit and the server agree on the backlog and the name", () => {
  const { backlog, name } = parseServerOptions([]);
  assertEquals(setting("ipc-server.socket", "Backlog"), String(backlog));
  // Without FileDescriptorName= it is the unit's own.
  assertEquals(setting("ipc-server.socket", "FileDescriptorName"), undefined);
  assertEquals(name, "ipc-server.socket");
});

Deno.test("crashes are too slow to reach the limit at which the socket is given up", () => {
  const seconds = (name: string) => {
    const [, number, unit] = /^(\d+)(ms|s)$/.exec(
      setting("ipc-server.service", name) ?? "",
    )!;
    return Number(number) / (unit === "ms" ? 1000 : 1);
  };
  const restarts = seconds("StartLimitIntervalSec") / seconds("RestartSec");
  const allowed = Number(setting("ipc-server.service", "StartLimitBurst"));
  assert(restarts < allowed, `${restarts} restarts, ${allowed} are allowed`);
});
