/**
 * Makes attempts, and prints as JSON those that Deno does not refuse. It is compiled with
 * the permissions of a program. An attempt may fail otherwise: permissions come first.
 */

const ATTEMPTS: Record<string, () => unknown> = {
  "read a file": () => Deno.statSync("/nonexistent/file"),
  "list a directory": () => [...Deno.readDirSync("/")],
  "write a file": () => Deno.writeTextFileSync("/nonexistent/file", ""),
  "connect over TCP": () => Deno.connect({ port: 1 }),
  "connect to a unix socket": () =>
    Deno.connect({ transport: "unix", path: "/nonexistent/socket" }),
  "listen on TCP": () => Deno.listen({ port: 0 }).close(),
  "listen on a unix socket": () =>
    Deno.listen({ transport: "unix", path: "/nonexistent/socket" }),
  // Deno 2.9 allows it to every compiled program; "deno run" refuses it.
  "import a file": () => import("file:///nonexistent/module.js"),
  "read HOME": () => Deno.env.get("HOME"),
  "read the environment": () => Deno.env.toObject(),
  "set PATH": () => Deno.env.set("PATH", "/nowhere"),
  "read LISTEN_PID": () => Deno.env.get("LISTEN_PID"),
  "read LISTEN_FDNAMES": () => Deno.env.get("LISTEN_FDNAMES"),
  "read JOURNAL_STREAM": () => Deno.env.get("JOURNAL_STREAM"),
  "remove LISTEN_FDS": () => Deno.env.delete("LISTEN_FDS"),
  "read the host name": () => Deno.hostname(),
  "run a program": () => new Deno.Command("/bin/true").outputSync(),
  "signal another process": () => Deno.kill(Deno.ppid, "SIGCONT"),
  "load a library": () => Deno.dlopen("libc.so.6", {}).close(),
  "request more permissions": async () => {
    const { state } = await Deno.permissions.request({ name: "run" });
    if (state !== "granted") throw new Deno.errors.NotCapable(state);
  },
};

const allowed: string[] = [];
for (const [name, attempt] of Object.entries(ATTEMPTS)) {
  try {
    await attempt();
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) continue;
  }
  allowed.push(name);
}
console.log(JSON.stringify(allowed));
Deno.exit();
