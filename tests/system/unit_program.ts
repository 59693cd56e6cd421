/**
 * A web service whose requests are attempts: `GET /NAME` makes one and returns its
 * outcome, `GET /` makes all and returns the outcomes as JSON. With the permissions for
 * some attempts it shows that they work; with all permissions, in the same sandbox, that
 * the others fail. `GET /pid` returns the process id.
 */

import { attempts, LD_SO, LIBC, outcomeOf, run } from "./attempts.ts";
import os from "node:os";
import { serve } from "../../serve/mod.ts";

/** Where a service may write, by the permissions of some. */
export const WRITABLE = [
  ...["/var/lib/kept", "/var/cache/kept", "/var/log/kept", "/run/kept"],
  ...["/tmp", "/srv/kept"],
];
const PLACES = [
  ...["/", "/dev", "/dev/shm", "/etc", "/home", "/root", "/run", "/usr"],
  ...["/usr/local/bin", "/var", "/var/lib", "/var/tmp", "/srv/other"],
  ...WRITABLE,
];

function read(path: string): void {
  if (Deno.readTextFileSync(path) === "") throw new Error("it is empty");
}

/** Writes a program into a directory, and returns its path. */
function written(directory: string): string {
  const path = `${directory}/program`;
  Deno.copyFileSync(LIBC, path);
  Deno.chmodSync(path, 0o755);
  return path;
}

async function connect(hostname: string, port: number): Promise<void> {
  (await Deno.connect({ hostname, port })).close();
}

/** Each throws when it fails. */
const own = (port: number): Record<string, () => unknown> => ({
  "count": () => {},
  "run /etc/kept/program": () => run("/etc/kept/program", "x"),
  "run /etc/kept/program by ld.so": () => run(LD_SO, "/etc/kept/program", "x"),
  "read /etc/kept/file": () => read("/etc/kept/file"),
  "list /etc/kept": () => [...Deno.readDirSync("/etc/kept")],
  "read /etc/other/file": () => read("/etc/other/file"),
  "list /etc/other": () => [...Deno.readDirSync("/etc/other")],
  "list /usr/bin": () => {
    const names = [...Deno.readDirSync("/usr/bin")].map(({ name }) => name);
    if (!names.includes("env")) throw new Error(names.join());
  },
  "connect to a host by its name": () => connect("target.example", port),
  "list network interfaces": () => Deno.networkInterfaces(),
  "list processors": () => {
    if (!(os.cpus()[0]!.model.length > 7)) throw new Error("there are none");
  },
  "run /usr/bin/printf": () => run("/usr/bin/printf", "x"),
  "run /usr/bin/printf by ld.so": () => run(LD_SO, "/usr/bin/printf", "x"),
  "load a library": () => {
    Deno.dlopen(`/lib/${Deno.build.arch}-linux-gnu/libz.so.1`, {
      zlibVersion: { parameters: [], result: "pointer" },
    }).symbols.zlibVersion();
  },
  ...Object.fromEntries(WRITABLE.flatMap((place) => [
    [`run what it wrote to ${place}`, () => run(written(place))],
    [
      `run what it wrote to ${place} by ld.so`,
      () => run(LD_SO, written(place)),
    ],
  ])),
});

await serve(async ({ url }) => {
  const { pathname, searchParams } = new URL(url);
  const target = (name: string) => searchParams.get(name) ?? "";
  const port = Number(target("port"));
  const all = {
    ...own(port),
    ...attempts({
      ...{ port, socket: target("socket"), pid: Number(target("pid")) },
      places: PLACES,
    }),
  };
  const name = decodeURIComponent(pathname.slice(1));
  if (name === "pid") return new Response(`${Deno.pid}\n`);
  if (name !== "") return new Response(await outcomeOf(all[name]!));
  const outcomes: Record<string, string> = {};
  for (const [name, attempt] of Object.entries(all)) {
    outcomes[name] = await outcomeOf(attempt);
  }
  return Response.json(outcomes);
});
