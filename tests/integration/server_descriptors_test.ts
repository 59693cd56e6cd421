// A server without enough descriptors, which its unit prevents.

import { assertEquals } from "@std/assert";
import { eventually } from "../support/eventually.ts";
import { echoOf, isServed } from "../support/peer.ts";
import { IPC_SERVER } from "../support/program.ts";
import { ActivatedServer, type Kind } from "./activated_server.ts";

const DESCRIPTORS = 64, CONNECTIONS = 4, WAITING = 2, PEERS = 200;

const command = [
  ...["prlimit", `--nofile=${DESCRIPTORS}`, IPC_SERVER, "--quiet"],
  ...[`--max-connections=${CONNECTIONS}`, `--max-waiting=${WAITING}`],
];

for (const kind of ["unix path", "IPv4"] satisfies Kind[]) {
  Deno.test(`a server that ran out of descriptors over ${kind} accepts again when it has some`, async () => {
    await using server = await ActivatedServer.listen({ kind, command });
    const served = await Promise.all(
      Array.from({ length: CONNECTIONS }, () => server.connect()),
    );
    for (const conn of served) assertEquals(await echoOf(conn, "a"), "a");

    // They wait in the kernel, until there are more of them than descriptors.
    await server.freeze();
    const peers = await Promise.all(
      Array.from({ length: PEERS }, () => server.connect()),
    );
    server.thaw();
    await eventually(
      "all that is too much was closed",
      () => server.complaints().join("\n"),
      (complaints) => {
        const closed = complaints.matchAll(/Closed (\d+) connections?/g);
        return PEERS - WAITING ===
          Array.from(closed, ([, count]) => Number(count))
            .reduce((sum, count) => sum + count, 0);
      },
    );
    for (const conn of served) assertEquals(await echoOf(conn, "b"), "b");

    for (const conn of [...peers, ...served]) conn.close();
    await eventually(
      "who comes afterwards is served",
      () => isServed(() => server.connect()),
      (served) => served,
    );
  });
}
