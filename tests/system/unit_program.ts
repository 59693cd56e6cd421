/**
 * A web service under an attacker's control, whose requests are attempts, in TypeScript
 * and past Deno by calling the C library: `GET /NAME` makes one and returns its outcome,
 * `GET /` makes all and returns the outcomes as JSON. With the permissions for some
 * attempts it shows that they work; with all permissions, in the same sandbox, that the
 * others fail. `GET /pid` returns the process id. The query is the id of another process.
 */

import os from "node:os";
import { serve } from "../../serve/mod.ts";

// What the attempt "run itself" starts.
if (Deno.args[0] === "exit") Deno.exit(0);

/** Where a service may write, by the permissions of some. */
const WRITABLE = [
  ...["/var/lib/kept", "/var/cache/kept", "/var/log/kept", "/run/kept"],
  ...["/tmp", "/srv/kept"],
];
const PLACES = [
  ...["/", "/dev", "/dev/shm", "/etc", "/home", "/root", "/run", "/usr"],
  ...["/usr/lib", "/usr/libexec/ipc", "/usr/local/bin", "/run/ipc-server"],
  ...["/var", "/var/lib", "/var/tmp", "/srv/other"],
  ...WRITABLE,
];

const isX86 = Deno.build.arch === "x86_64";

/** The only programs besides its own that every service has. */
const LD_SO = isX86
  ? "/lib64/ld-linux-x86-64.so.2"
  : "/lib/ld-linux-aarch64.so.1";
const LIBC = `/lib/${Deno.build.arch}-linux-gnu/libc.so.6`;

/**
 * Calls a function of the C library, and throws for a negative result. All arguments are
 * registers: numbers, and the addresses of strings and buffers.
 */
function c(name: string, ...args: (number | string | Uint8Array)[]): number {
  const buffers = args.map((arg) =>
    typeof arg === "string" ? new TextEncoder().encode(`${arg}\0`) : arg
  );
  const registers = Array.from({ length: 6 }, (_, i) => {
    const arg = buffers[i] ?? 0;
    if (typeof arg === "number") return BigInt(arg);
    return Deno.UnsafePointer.value(Deno.UnsafePointer.of(arg as BufferSource));
  });
  const { [name]: call } = Deno.dlopen(LIBC, {
    [name]: {
      parameters: ["i64", "i64", "i64", "i64", "i64", "i64"],
      result: "i64",
    },
  }).symbols;
  const [r0, r1, r2, r3, r4, r5] = registers;
  const result = call!(r0!, r1!, r2!, r3!, r4!, r5!);
  // Only an address has more than 32 bits.
  const value = BigInt.asIntN(name === "mmap" ? 64 : 32, result);
  if (value < 0n) throw new Error("the call failed");
  return Number(value);
}

const AF_INET = 2, AF_NETLINK = 16, AF_PACKET = 17, AF_VSOCK = 40;
const SOCK_STREAM = 1, SOCK_DGRAM = 2, SOCK_RAW = 3;
const PROT_READ = 1, PROT_WRITE = 2, PROT_EXEC = 4;
const MAP_PRIVATE_ANONYMOUS = 0x22;
const PTRACE_ATTACH = 16, PTRACE_DETACH = 17;
const CLONE_NEWNS = 0x20000, CLONE_NEWUTS = 0x4000000;
const RLIMIT_CORE = 4;
const WALL = 0x40000000;
const SIGCONT = 18;

const map = (protection: number) =>
  c("mmap", 0, 4096, protection, MAP_PRIVATE_ANONYMOUS, -1, 0);

/** Runs a program to its end; fails unless it succeeds. */
function run(command: string, ...args: string[]): void {
  const { code } = new Deno.Command(command, { args, stdin: "null" })
    .outputSync();
  if (code !== 0) throw new Error(`It ended with code ${code}`);
}

function write(path: string): void {
  Deno.writeTextFileSync(path, "");
  Deno.removeSync(path);
}

function read(path: string): void {
  if (Deno.readTextFileSync(path) === "") throw new Error("it is empty");
}

/** Joins the attempts that are made for each item. */
const each = (
  items: string[],
  attempts: (item: string) => Record<string, () => unknown>,
): Record<string, () => unknown> => Object.assign({}, ...items.map(attempts));

/** Writes a program into a directory, and returns its path. */
function written(directory: string): string {
  const path = `${directory}/program`;
  Deno.copyFileSync(LIBC, path);
  Deno.chmodSync(path, 0o755);
  return path;
}

async function connect(to: string, port?: number): Promise<void> {
  const conn = port === undefined
    ? await Deno.connect({ transport: "unix", path: to })
    : await Deno.connect({ hostname: to, port });
  conn.close();
}

/**
 * Returns the attempts by name; each throws when it fails. The target is another user's
 * process. The last one changes the user.
 */
const attempts = (pid: number): Record<string, () => unknown> => ({
  "count": () => {},
  ...each(["/etc/kept", "/etc/other"], (folder) => ({
    [`read ${folder}/file`]: () => read(`${folder}/file`),
    [`list ${folder}`]: () => [...Deno.readDirSync(folder)],
  })),
  "see /usr/bin/env": () => Deno.statSync("/usr/bin/env"),
  "connect to a host by its name": () => connect("target.example", 7777),
  "list network interfaces": () => Deno.networkInterfaces(),
  "list processors": () => {
    if (!(os.cpus()[0]!.model.length > 7)) throw new Error("there are none");
  },
  "load a library": () => {
    Deno.dlopen(`/lib/${Deno.build.arch}-linux-gnu/libz.so.1`, {
      zlibVersion: { parameters: [], result: "pointer" },
    }).symbols.zlibVersion();
  },
  ...each(["/usr/bin/printf", "/etc/kept/program"], (path) => ({
    [`run ${path}`]: () => run(path, "x"),
    [`run ${path} by ld.so`]: () => run(LD_SO, path, "x"),
  })),
  ...each(WRITABLE, (place) => ({
    [`run what it wrote to ${place}`]: () => run(written(place)),
    [`run what it wrote to ${place} by ld.so`]: () =>
      run(LD_SO, written(place)),
  })),
  ...each(["/etc/passwd", "/etc/shadow", "/etc/machine-id", "/root/.profile"], (
    path,
  ) => ({
    [`read ${path}`]: () => Deno.readTextFileSync(path),
    [`import ${path} as text`]: () =>
      import(`file://${path}`, { with: { type: "text" } }),
  })),
  "read /proc/1/environ": () => Deno.readFileSync("/proc/1/environ"),
  "read /proc/1/cmdline": () => Deno.readFileSync("/proc/1/cmdline"),
  "see another process": () => Deno.statSync(`/proc/${pid}`),
  "read kernel settings": () =>
    Deno.readTextFileSync("/proc/sys/kernel/ostype"),
  "list /home": () => [...Deno.readDirSync("/home")],
  "list /sys": () => {
    if ([...Deno.readDirSync("/sys")].length === 0) throw new Error("empty");
  },
  ...each(PLACES, (place) => ({
    [`write to ${place}`]: () => write(`${place}/written-by-probe`),
  })),
  "change its own executable": () => Deno.chmodSync(Deno.execPath(), 0o755),
  "make a file setuid": () => {
    Deno.writeTextFileSync("/tmp/setuid", "");
    c("chmod", "/tmp/setuid", 0o4755);
  },
  "make a message queue": () => c("mq_open", "/probe", 0o102, 0o600, 0),

  "connect over TCP": () => connect("127.0.0.1", 7777),
  "listen on TCP": () => Deno.listen({ port: 0 }).close(),
  "listen on UDP": () =>
    Deno.listenDatagram({ transport: "udp", port: 0 }).close(),
  "open a TCP socket": () => c("socket", AF_INET, SOCK_STREAM, 0),
  "open a UDP socket": () => c("socket", AF_INET, SOCK_DGRAM, 0),
  "open a raw socket": () => c("socket", AF_INET, SOCK_RAW, 1),
  "open a netlink socket": () => c("socket", AF_NETLINK, SOCK_RAW, 0),
  "open a packet socket": () => c("socket", AF_PACKET, SOCK_RAW, 0),
  "open a vsock": () => c("socket", AF_VSOCK, SOCK_STREAM, 0),
  "connect to a unix socket": () => connect("/run/target/target.socket"),
  "connect to an abstract socket": () => connect("\0probe-abstract"),
  "connect to D-Bus": () => connect("/run/dbus/system_bus_socket"),
  "connect to systemd": () => connect("/run/systemd/private"),
  "connect to the journal": () => connect("/run/systemd/journal/stdout"),

  "run /bin/sh": () => run("/bin/sh", "-c", "true"),
  "run /usr/bin/env": () => run("/usr/bin/env"),
  "run itself": () => run(Deno.execPath(), "exit"),
  "run a program from memory": () => {
    const path = `/proc/self/fd/${c("memfd_create", "probe", 0)}`;
    Deno.writeFileSync(path, Deno.readFileSync(LIBC));
    run(path);
  },
  "kill another process": () => c("kill", pid, SIGCONT),
  "trace another process": () => {
    c("ptrace", PTRACE_ATTACH, pid, 0, 0);
    c("waitpid", pid, 0, WALL);
    c("ptrace", PTRACE_DETACH, pid, 0, 0);
  },

  "mount something": () => c("mount", "none", "/mnt", "tmpfs", 0, 0),
  "change its root": () => c("chroot", "/"),
  "make a namespace for names": () => c("unshare", CLONE_NEWUTS),
  "make a mount namespace": () => c("unshare", CLONE_NEWNS),
  "map memory to write and execute": () =>
    map(PROT_READ | PROT_WRITE | PROT_EXEC),
  "make written memory executable": () =>
    c("mprotect", map(PROT_READ | PROT_WRITE), 4096, PROT_READ | PROT_EXEC),
  "change its personality": () => c("personality", 8),
  "name the host": () => c("sethostname", "probe", 7),
  "set the clock": () => {
    const now = BigInt(Math.floor(Date.now() / 1000));
    c("clock_settime", 0, new Uint8Array(new BigInt64Array([now, 0n]).buffer));
  },
  "become more important": () => c("setpriority", 0, 0, -5),
  "become a real-time process": () =>
    c("sched_setscheduler", 0, 2, Uint8Array.of(1, 0, 0, 0)),
  "raise a limit": () =>
    c("setrlimit", RLIMIT_CORE, new Uint8Array(16).fill(0xff)),
  "read the kernel's log": () => c("klogctl", 10, 0, 0),
  "use keyrings": () => c("syscall", isX86 ? 250 : 219, 0, -3, 1),
  "use io_uring": () => c("syscall", 425, 1, new Uint8Array(120)),
  "become another user": () => c("setuid", 65534),
});

/** Makes an attempt, and returns "done" or the reason of its failure. */
async function outcomeOf(attempt: () => unknown): Promise<string> {
  try {
    await attempt();
    return "done";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

await serve(async ({ url }) => {
  const { pathname, search } = new URL(url);
  const all = attempts(Number(search.slice(1)));
  const name = decodeURIComponent(pathname.slice(1));
  if (name === "pid") return new Response(`${Deno.pid}\n`);
  if (name !== "") return new Response(await outcomeOf(all[name]!));
  const outcomes: Record<string, string> = {};
  for (const [name, attempt] of Object.entries(all)) {
    outcomes[name] = await outcomeOf(attempt);
  }
  return Response.json(outcomes);
});
