// The shipped units and the server's defaults, which have to fit each other.

import { assert, assertEquals } from "@std/assert";
import { descriptorsNeeded } from "../../server/check.ts";
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

function needed(
  { maxConnections, maxWaiting, backlog }: {
    maxConnections: number;
    maxWaiting: number;
    backlog: number;
  },
): number {
  const burst = Math.max(backlog, ACCEPTED_AT_ONCE);
  return maxConnections + maxWaiting + burst + RESERVE;
}

Deno.test("the server tells an operator the same need of descriptors", () => {
  const { maxConnections, maxWaiting } = parseServerOptions([]);
  for (const backlog of [1, ACCEPTED_AT_ONCE, 1024]) {
    assertEquals(
      descriptorsNeeded({ maxConnections, maxWaiting, backlog }),
      needed({ maxConnections, maxWaiting, backlog }),
    );
  }
});

for (const manager of ["system", "user"]) {
  const folder = manager === "user" ? "user/" : "";
  const service = `${folder}ipc-server.service`;
  const socket = `${folder}ipc-server.socket`;

  Deno.test(`the ${manager}'s unit allows more descriptors than peers can ever take`, () => {
    const needs = needed(parseServerOptions([]));
    const allowed = Number(setting(service, "LimitNOFILE"));
    assert(allowed >= needs, `LimitNOFILE=${allowed}, ${needs} are needed`);
  });

  Deno.test(`the ${manager}'s socket unit and the server agree on the backlog and the name`, () => {
    const { backlog, name } = parseServerOptions([]);
    assertEquals(setting(socket, "Backlog"), String(backlog));
    // Without FileDescriptorName= it is the unit's own.
    assertEquals(setting(socket, "FileDescriptorName"), undefined);
    assertEquals(name, "ipc-server.socket");
  });

  Deno.test(`the ${manager}'s start limit is above one start a second, and ends failing starts of 0.8 s each within 10 s`, () => {
    assertEquals(setting(service, "StartLimitIntervalSec"), "10s");
    const allowed = Number(setting(service, "StartLimitBurst"));
    assert(allowed > 11, `${allowed} starts are allowed`);
    assert((allowed + 1) * 0.8 > 10 && allowed * 0.8 < 10, `${allowed}`);
  });
}
