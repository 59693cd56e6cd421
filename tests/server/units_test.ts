// The shipped units match the server's defaults.

import { assert, assertEquals } from "@std/assert";
import { descriptorsNeeded } from "../../server/descriptors.ts";
import { SERVER_DEFAULTS } from "../../server/options.ts";

function setting(unit: string, name: string): string | undefined {
  const file = new URL(`../../units/${unit}`, import.meta.url);
  const text = Deno.readTextFileSync(file);
  return new RegExp(`^${name}=(.*)$`, "m").exec(text)?.[1];
}

Deno.test("the descriptors that are needed follow the options", () => {
  const options = { maxConnections: 10, maxWaiting: 5 };
  for (const [backlog, pending] of [[7, 128], [200, 200]] as const) {
    assertEquals(
      descriptorsNeeded({ ...options, backlog }),
      10 + 5 + pending + 64,
    );
  }
});

for (const manager of ["system", "user"]) {
  const folder = manager === "user" ? "user/" : "";
  const service = `${folder}ipc-server.service`;
  const socket = `${folder}ipc-server.socket`;

  Deno.test(`the ${manager}'s units have the descriptors, backlog and name of the server`, () => {
    const needs = descriptorsNeeded(SERVER_DEFAULTS);
    const allowed = Number(setting(service, "LimitNOFILE"));
    assert(allowed >= needs, `LimitNOFILE=${allowed}, ${needs} are needed`);
    const { backlog, name } = SERVER_DEFAULTS;
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
