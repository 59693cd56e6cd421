/**
 * Tries operations that a server does not need, and prints the outcome
 * of each attempt as JSON. It is compiled with the permissions of a program.
 *
 * Arguments: a file that exists, and a TCP port and a socket path on which a server
 * listens.
 */

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";

const [file = "", port = "", socket = ""] = Deno.args;

/** Each throws when it fails. Names that begin with "may" are operations that the programs need. */
const ATTEMPTS: Record<string, () => unknown> = {
  "read a file": () => Deno.readTextFileSync(file),
  "read a file through node:fs": () => readFileSync(file),
  "look at a file": () => Deno.statSync(file),
  "list a directory": () => [...Deno.readDirSync("/")],
  "read /proc": () => Deno.readTextFileSync("/proc/self/status"),
  "import a file": () => import(`file://${file}`),
  "import a file as text": () =>
    import(`file://${file}`, { with: { type: "text" } }),
  "write a file": () => Deno.writeTextFileSync(`${file}.new`, "new"),
  "remove a file": () => Deno.removeSync(`${file}.new`),
  "connect over TCP": async () =>
    (await Deno.connect({ hostname: "127.0.0.1", port: Number(port) })).close(),
  "connect to a unix socket": async () =>
    (await Deno.connect({ transport: "unix", path: socket })).close(),
  "fetch a page": async () => {
    await fetch(`http://127.0.0.1:${port}/`, {
      signal: AbortSignal.timeout(200),
    }).catch((error) => {
      // No server answers there: only the permission counts.
      if (error.name !== "TimeoutError") throw error;
    });
  },
  "resolve a name": () =>
    Deno.resolveDns("localhost", "A", {
      nameServer: { ipAddr: "127.0.0.1", port: 9 },
      signal: AbortSignal.timeout(200),
    }).catch((error) => {
      if (error.name === "NotCapable") throw error;
    }),
  "listen on TCP": () => Deno.listen({ port: 0 }).close(),
  "listen on a unix socket": () =>
    Deno.listen({ transport: "unix", path: `${socket}.new` }).close(),
  "listen through node:net": () =>
    new Promise<void>((resolve, reject) => {
      const server = createServer();
      server.once("error", reject);
      server.listen({ port: 0 }, () => server.close(() => resolve()));
    }),
  "send a datagram": () =>
    Deno.listenDatagram({ transport: "udp", port: 0 }).close(),
  "run a program": () => new Deno.Command("/bin/true").outputSync(),
  "run a program through node:child_process": () => {
    const { error } = spawnSync("/bin/true");
    if (error) throw error;
  },
  "signal another process": () => Deno.kill(Deno.ppid, "SIGCONT"),
  "load a library": () =>
    Deno.dlopen("libc.so.6", { getpid: { parameters: [], result: "i32" } })
      .close(),
  "read HOME": () => Deno.env.get("HOME"),
  "read the whole environment": () => Deno.env.toObject(),
  "set PATH": () => Deno.env.set("PATH", "/nowhere"),
  "read the host name": () => Deno.hostname(),
  "read the user id": () => Deno.uid(),
  "request more permissions": async () => {
    const { state } = await Deno.permissions.request({ name: "read" });
    if (state !== "granted") throw new Deno.errors.NotCapable(state);
  },
  "may read LISTEN_PID": () => Deno.env.get("LISTEN_PID"),
  "may read LISTEN_FDS": () => Deno.env.get("LISTEN_FDS"),
  "may read LISTEN_FDNAMES": () => Deno.env.get("LISTEN_FDNAMES"),
  "may read JOURNAL_STREAM": () => Deno.env.get("JOURNAL_STREAM"),
  "may remove LISTEN_FDS": () => Deno.env.delete("LISTEN_FDS"),
};

const outcomes: Record<string, string> = {};
for (const [name, attempt] of Object.entries(ATTEMPTS)) {
  try {
    await attempt();
    outcomes[name] = "done";
  } catch (error) {
    outcomes[name] = error instanceof Deno.errors.NotCapable
      ? "not capable"
      : String(error);
  }
}
console.log(JSON.stringify(outcomes));
Deno.exit();
