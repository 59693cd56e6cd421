import { assertEquals } from "@std/assert";
import type { InheritedConn, InheritedListener } from "../../mod.ts";
import type { Result } from "./adopted_suite.ts";
import { CACHE } from "../support/activate.ts";
import { DENO_RUN } from "../support/deno_run.ts";
import { CASES } from "./listener_suite.ts";

// What is adopted passes for Deno's own, as far as the types go.
((listener: InheritedListener) => listener satisfies Deno.Listener<Deno.Conn>);
((conn: InheritedConn) => conn satisfies Deno.Conn);
((conn: InheritedConn) => conn satisfies Deno.TcpConn | Deno.UnixConn);

const WITHOUT_HANDLES = `--preload=${
  new URL("./without_handles.ts", import.meta.url).pathname
}`;

for (const { name, run } of CASES) {
  Deno.test(`Deno.listen, unix path: ${name}`, async () => {
    const directory = await Deno.makeTempDir();
    const addr = { transport: "unix", path: `${directory}/socket` } as const;
    using listener = Deno.listen(addr);
    await run(listener, () => Deno.connect(addr));
    await Deno.remove(directory, { recursive: true });
  });
  Deno.test(`Deno.listen, TCP: ${name}`, async () => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { hostname, port } = listener.addr;
    await run(listener, () => Deno.connect({ hostname, port }));
  });
}

Deno.test("adopted, unix path", async (t) => {
  const directory = await Deno.makeTempDir();
  await runAdopted(t, (i) => `${directory}/${i}.socket`);
  await Deno.remove(directory, { recursive: true });
});

Deno.test("adopted, unix path, with node:net", async (t) => {
  const directory = await Deno.makeTempDir();
  await runAdopted(t, (i) => `${directory}/${i}.socket`, [WITHOUT_HANDLES]);
  await Deno.remove(directory, { recursive: true });
});

Deno.test("adopted, abstract", async (t) => {
  const unique = crypto.randomUUID();
  await runAdopted(t, (i) => `@${unique}/${i}`);
});

Deno.test("adopted, TCP over IPv4", async (t) => {
  const ports = freePorts("127.0.0.1");
  await runAdopted(t, (i) => `127.0.0.1:${ports[i]}`);
});

Deno.test("adopted, TCP over IPv6", async (t) => {
  const ports = freePorts("::1");
  await runAdopted(t, (i) => `[::1]:${ports[i]}`);
});

/** Ports that were free a moment ago, one for the trigger and one a case. */
function freePorts(hostname: string): number[] {
  const listeners = Array.from(
    { length: CASES.length + 1 },
    () => Deno.listen({ hostname, port: 0 }),
  );
  const ports = listeners.map(({ addr }) => addr.port);
  for (const listener of listeners) listener.close();
  return ports;
}

async function runAdopted(
  t: Deno.TestContext,
  addressOf: (i: number) => string,
  flags: string[] = [],
): Promise<void> {
  const [trigger, ...addresses] = Array.from(
    { length: CASES.length + 1 },
    (_, i) => addressOf(i),
  );
  const suite = new URL("./adopted_suite.ts", import.meta.url).pathname;
  const child = new Deno.Command("systemd-socket-activate", {
    args: [
      ...[trigger!, ...addresses].map((address) => `--listen=${address}`),
      ...Object.entries(CACHE).map(([name, value]) =>
        `--setenv=${name}=${value}`
      ),
      ...DENO_RUN,
      ...flags,
      "--allow-net",
      "--allow-read",
      "--allow-write",
      "--allow-env",
      suite,
      ...addresses,
    ],
    env: { PATH: Deno.env.get("PATH") ?? "" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  await pullTrigger(trigger!);
  const { stdout, stderr } = await child.output();
  const results = new TextDecoder().decode(stdout).split("\n").filter(Boolean)
    .map((line) => JSON.parse(line) as Result);
  for (const { name, error } of results) {
    await t.step(name, () => assertEquals(error, undefined, error));
  }
  assertEquals(
    results.length,
    CASES.length,
    `only ${results.length} of ${CASES.length} cases ran: ${
      new TextDecoder().decode(stderr)
    }`,
  );
}

/** Connects once, which makes systemd-socket-activate start the suite. */
async function pullTrigger(address: string): Promise<void> {
  const giveUp = performance.now() + 10_000;
  for (;;) {
    try {
      const port = Number(/\]?:([0-9]+)$/.exec(address)?.[1]);
      using _conn = Number.isNaN(port) || address.startsWith("@")
        ? await Deno.connect({
          transport: "unix",
          path: address.replace("@", "\0"),
        })
        : await Deno.connect({
          hostname: address.startsWith("[") ? "::1" : "127.0.0.1",
          port,
        });
      return;
    } catch (error) {
      if (performance.now() > giveUp) {
        throw new Error(`Nothing ever listened on ${address}: ${error}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}
