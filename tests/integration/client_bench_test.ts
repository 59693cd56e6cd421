// ipc-client --bench as a process; tests/client has the cases.

import { assert, assertEquals } from "@std/assert";
import { eventually } from "../support/eventually.ts";
import { IPC_CLIENT, run } from "../support/program.ts";
import { ActivatedServer } from "./activated_server.ts";
import { Screen } from "./screen.ts";

Deno.test("it measures several connections with several messages each", async () => {
  await using server = await ActivatedServer.with("--quiet");
  let durationMs = 400;
  const measure = async () => {
    const { code, stdout, stderr } = await run(IPC_CLIENT, [
      ...["--bench", `--duration=${durationMs *= 2}ms`, "--json"],
      ...["--size=100000", "--connections=40", "--pipeline=4", server.address],
    ]);
    assertEquals({ code, stderr }, { code: 0, stderr: "" });
    return JSON.parse(stdout);
  };
  // A slow machine needs longer for the first reply.
  const result = await eventually(
    "a reply is measured",
    measure,
    ({ messages }) => messages > 0,
  );
  const { address, size_bytes, connections, pipeline, interrupted } = result;
  assertEquals(
    [address, size_bytes, connections, pipeline, interrupted],
    [server.address, 100_000, 40, 4, false],
  );
  const { duration_s, latency_p50_us, bytes, messages } = result;
  assert(duration_s >= 0.799 && latency_p50_us > 0, Deno.inspect(result));
  assert(bytes >= messages * 100_000, Deno.inspect(result));
  assertEquals(server.complaints(), []);
});

Deno.test("at a terminal it shows progress; Ctrl-C ends it early with status 130, and keeps only the table so far", async () => {
  await using server = await ActivatedServer.with("--quiet");
  await using screen = await Screen.open(
    `${IPC_CLIENT} --bench --duration=1h ${server.address}; echo "status $?"`,
  );
  await screen.shows(/^[\d.]+ of 3600 s: [\d,]+ messages\/s$/);
  await screen.press("C-c");
  const result = /^[\d.]+ s, interrupted, /;
  await screen.shows(result, /^messages\/s/, /[\d,]+ /, "status 130");
});
