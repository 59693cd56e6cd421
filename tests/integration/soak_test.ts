// Many peers of every kind at once. In `make check` for a few seconds; `make
// soak MINUTES=…` for as long as wanted.
//
// A seed determines the peers and their bytes. Each peer has random numbers of its own, so
// that SEED=… gives the same peers again, however their turns fall this time.

import { assert, assertEquals } from "@std/assert";
import type { Kind } from "../support/activate.ts";
import { eventually } from "../support/eventually.ts";
import { echoOf } from "../support/peer.ts";
import { IPC_SERVER } from "../support/program.ts";
import { Random, withRandom } from "../support/random.ts";
import { SOAK_MINUTES } from "../support/soak.ts";
import { ActivatedServer } from "./activated_server.ts";
import { drawPeerKind, PEER_KINDS } from "./random_peers.ts";

const STREAMS: Kind[] = ["unix path", "IPv4"];

/** The duration for each kind of socket, in milliseconds. */
const DURATION_MS = (SOAK_MINUTES ?? 0.1) * 60_000 / STREAMS.length;

/** The number of peers at a time. */
const PEERS = 24;

/** The most growth of the memory of the server, in MiB. */
const GROWTH_MIB = 60;

for (const kind of STREAMS) {
  Deno.test(`peers of every kind over ${kind} get every byte of their echo, and the server does not grow`, () =>
    withRandom(async (random) => {
      console.log(`SEED=${random.seed}`);
      await using server = await ActivatedServer.listen({
        command: [IPC_SERVER, "--quiet"],
        kind,
      });
      using first = await server.connect();
      assertEquals(await echoOf(first, "awake?"), "awake?");
      const memoryAtStart = server.peakMemory();
      const socketsAtStart = openSockets(server.program.pid);

      const until = performance.now() + DURATION_MS;
      const met: Record<string, number> = {};
      let failed = false;
      await Promise.all(Array.from({ length: PEERS }, async (_, peer) => {
        const own = new Random(random.next());
        // Every kind runs at least once.
        let name = Object.keys(PEER_KINDS)[peer] ?? drawPeerKind(own);
        for (let turn = 1; performance.now() < until && !failed; turn++) {
          try {
            await PEER_KINDS[name]!.run({ server, random: own });
          } catch (cause) {
            failed = true;
            throw new Error(
              `peer ${peer} in turn ${turn}, ${name}: ${cause}`,
              { cause },
            );
          }
          met[name] = (met[name] ?? 0) + 1;
          name = drawPeerKind(own);
        }
      }));

      assertEquals(Object.keys(met).sort(), Object.keys(PEER_KINDS).sort());
      assertEquals(await echoOf(first, "still there?"), "still there?");
      const growth = server.peakMemory() - memoryAtStart;
      if (SOAK_MINUTES !== undefined) {
        console.log(`the server grew by ${growth.toFixed(1)} MiB;`, met);
      }
      assert(
        growth < GROWTH_MIB,
        `the server grew by ${growth} MiB: ${Deno.inspect(met)}`,
      );
      await eventually(
        "all sockets but those of the start are closed",
        () => openSockets(server.program.pid),
        (count) => count === socketsAtStart,
      );
      server.program.kill("SIGTERM");
      await server.program.exits(0);
    }));
}

function openSockets(pid: number): number {
  const directory = `/proc/${pid}/fd`;
  return [...Deno.readDirSync(directory)].filter(({ name }) =>
    Deno.readLinkSync(`${directory}/${name}`).startsWith("socket:")
  ).length;
}
