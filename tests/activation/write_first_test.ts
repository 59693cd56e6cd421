// Services that write first, to clients that half-close without sending.

import { assertEquals } from "@std/assert";
import { activate, ALLOW_ACTIVATION, dial } from "../support/activate.ts";
import { receiveAllText } from "../support/peer.ts";
import { REPOSITORY } from "../support/program.ts";

/** By node:net, each first write waits for 10 ms. */
const CLIENTS = { handles: 1_000, net: 100 };

const TRANSPORTS: [what: string, how: string, flags: string[]][] = [
  ["on the runtime's handles", "whole", []],
  ["on the runtime's handles, in parts", "parts", []],
  [
    "by node:net",
    "whole",
    [`--preload=${REPOSITORY}tests/activation/without_handles.ts`],
  ],
];

/** Half-closes at once, and returns the received text. */
async function listenOnly(address: string): Promise<string> {
  using conn = await dial(address);
  await conn.closeWrite();
  return await receiveAllText(conn);
}

for (const [what, how, flags] of TRANSPORTS) {
  for (const kind of ["IPv4", "unix path"] as const) {
    // Unix sockets never lost one.
    const clients = kind === "IPv4" && flags.length === 0
      ? CLIENTS.handles
      : CLIENTS.net;
    Deno.test(`${what}, ${kind}: each of ${clients} half-closed clients gets its banner`, async () => {
      await using program = await activate({
        kind,
        module: "tests/activation/write_first_program.ts",
        allow: [ALLOW_ACTIVATION, ...flags],
        args: ["listen", how],
      });
      const banners = new Map<string, number>();
      for (let client = 0; client < clients; client++) {
        const banner = await listenOnly(program.address);
        banners.set(banner, (banners.get(banner) ?? 0) + 1);
      }
      assertEquals([...banners], [["first second\n", clients]]);
    });
  }
}

for (const [what, how, flags] of TRANSPORTS) {
  Deno.test(`${what}: a service of one connection writes first as well`, async () => {
    await using program = await activate({
      kind: "IPv4",
      module: "tests/activation/write_first_program.ts",
      allow: [ALLOW_ACTIVATION, ...flags],
      args: ["connection", how],
      options: ["--accept"],
    });
    for (let round = 0; round < 10; round++) {
      assertEquals(await listenOnly(program.address), "first second\n");
    }
  });
}
