/**
 * Operations that a confined service must not be able to do, in TypeScript and past
 * Deno by calling the C library: attempts of a service under an attacker's control.
 */

// What the attempts "run itself" and "have itself traced" start.
if (Deno.args[0] === "exit") Deno.exit(0);
if (Deno.args[0] === "wait") await Deno.stdin.read(new Uint8Array(1));

/** What the attempts aim at. */
export interface Targets {
  /** A TCP port of 127.0.0.1 on which a server listens. */
  port: number;
  /** The path of a unix socket on which a server listens. */
  socket: string;
  /** The pid of another user's process. */
  pid: number;
  /** Directories to write to. */
  places: readonly string[];
}

/** System call numbers of x86-64 and arm64, for calls without a C library function. */
const SYSCALLS = Deno.build.arch === "x86_64"
  ? { keyctl: 250, io_uring_setup: 425 }
  : { keyctl: 219, io_uring_setup: 425 };

const libc = () =>
  Deno.dlopen("libc.so.6", {
    socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
    mmap: {
      parameters: ["pointer", "usize", "i32", "i32", "i32", "i64"],
      result: "i64",
    },
    mprotect: { parameters: ["i64", "usize", "i32"], result: "i32" },
    ptrace: { parameters: ["i32", "i32", "usize", "usize"], result: "i64" },
    kill: { parameters: ["i32", "i32"], result: "i32" },
    mount: {
      parameters: ["buffer", "buffer", "buffer", "usize", "usize"],
      result: "i32",
    },
    chroot: { parameters: ["buffer"], result: "i32" },
    unshare: { parameters: ["i32"], result: "i32" },
    setuid: { parameters: ["u32"], result: "i32" },
    fork: { parameters: [], result: "i32" },
    pause: { parameters: [], result: "i32" },
    waitpid: { parameters: ["i32", "buffer", "i32"], result: "i32" },
    personality: { parameters: ["u64"], result: "i32" },
    sethostname: { parameters: ["buffer", "usize"], result: "i32" },
    clock_settime: { parameters: ["i32", "buffer"], result: "i32" },
    setpriority: { parameters: ["i32", "u32", "i32"], result: "i32" },
    sched_setscheduler: { parameters: ["i32", "i32", "buffer"], result: "i32" },
    setrlimit: { parameters: ["i32", "buffer"], result: "i32" },
    chmod: { parameters: ["buffer", "u32"], result: "i32" },
    klogctl: { parameters: ["i32", "usize", "i32"], result: "i32" },
    memfd_create: { parameters: ["buffer", "u32"], result: "i32" },
    mq_open: { parameters: ["buffer", "i32", "u32", "usize"], result: "i32" },
    syscall: {
      parameters: ["i64", "i64", "i64", "i64", "i64", "i64"],
      result: "i64",
    },
  }).symbols;

/** The only programs besides its own that every service has. */
export const LD_SO = Deno.build.arch === "x86_64"
  ? "/lib64/ld-linux-x86-64.so.2"
  : "/lib/ld-linux-aarch64.so.1";
export const LIBC = `/lib/${Deno.build.arch}-linux-gnu/libc.so.6`;

let called: ReturnType<typeof libc> | undefined;
const c = () => called ??= libc();

/** A string as C has it. */
const text = (value: string) => new TextEncoder().encode(`${value}\0`);

/** Throws for a negative result. */
function must(result: number | bigint): number {
  if (Number(result) < 0) throw new Error("the call failed");
  return Number(result);
}

const AF_INET = 2, AF_NETLINK = 16, AF_PACKET = 17, AF_VSOCK = 40;
const SOCK_STREAM = 1, SOCK_DGRAM = 2, SOCK_RAW = 3;
const PROT_READ = 1, PROT_WRITE = 2, PROT_EXEC = 4;
const MAP_PRIVATE_ANONYMOUS = 0x22;
const PTRACE_ATTACH = 16, PTRACE_DETACH = 17;
const CLONE_NEWNS = 0x20000, CLONE_NEWUTS = 0x4000000;
const RLIMIT_CORE = 4;
const WALL = 0x40000000;
const SIGKILL = 9, SIGCONT = 18;

function map(protection: number): number {
  const at = c().mmap(null, 4096n, protection, MAP_PRIVATE_ANONYMOUS, -1, 0n);
  return must(at);
}

/** Forks COUNT times, and ends the children; one that crashes counts until then. */
function forks(count: number): void {
  const children: number[] = [];
  try {
    while (children.length < count) {
      const child = c().fork();
      if (child === 0) { while (true) c().pause(); }
      children.push(must(child));
    }
  } finally {
    for (const child of children) {
      c().kill(child, SIGKILL);
      c().waitpid(child, null, 0);
    }
  }
}

/** Runs a program to its end; fails unless it succeeds. */
export function run(command: string, ...args: string[]): void {
  const { code } = new Deno.Command(command, { args, stdin: "null" })
    .outputSync();
  if (code !== 0) throw new Error(`It ended with code ${code}`);
}

function write(path: string): void {
  Deno.writeTextFileSync(path, "");
  Deno.removeSync(path);
}

async function connectUnix(path: string): Promise<void> {
  (await Deno.connect({ transport: "unix", path })).close();
}

const importText = (path: string) =>
  import(`file://${path}`, { with: { type: "text" } });

/** Returns the attempts by name; each throws when it fails. The last one changes the user. */
export const attempts = (
  { port, socket, pid, places }: Targets,
): Record<string, () => unknown> => ({
  ...Object.fromEntries(
    ["/etc/passwd", "/etc/shadow", "/etc/machine-id", "/root/.profile"]
      .flatMap((path) => [
        [`read ${path}`, () => Deno.readTextFileSync(path)],
        [`import ${path} as text`, () => importText(path)],
      ]),
  ),
  "read /proc/1/environ": () => Deno.readFileSync("/proc/1/environ"),
  "read /proc/1/cmdline": () => Deno.readFileSync("/proc/1/cmdline"),
  "see other processes": () => {
    const others = [...Deno.readDirSync("/proc")].filter(({ name }) =>
      Number(name) > 0 && Number(name) !== Deno.pid
    );
    if (others.length === 0) throw new Error("there are none");
  },
  "read kernel settings": () =>
    Deno.readTextFileSync("/proc/sys/kernel/ostype"),
  "list /home": () => [...Deno.readDirSync("/home")],
  "list /sys": () => {
    if ([...Deno.readDirSync("/sys")].length === 0) throw new Error("empty");
  },
  ...Object.fromEntries(
    places.map((place) => [
      `write to ${place}`,
      () => write(`${place}/written-by-probe`),
    ]),
  ),
  "change its own executable": () => Deno.chmodSync(Deno.execPath(), 0o755),
  "make a file setuid": () => {
    Deno.writeTextFileSync("/tmp/setuid", "");
    must(c().chmod(text("/tmp/setuid"), 0o4755));
  },
  "make a message queue": () =>
    must(c().mq_open(text("/probe"), 0o102, 0o600, 0n)),

  "connect over TCP": async () =>
    (await Deno.connect({ hostname: "127.0.0.1", port: port })).close(),
  "listen on TCP": () => Deno.listen({ port: 0 }).close(),
  "listen on UDP": () =>
    Deno.listenDatagram({ transport: "udp", port: 0 }).close(),
  "open a TCP socket": () => must(c().socket(AF_INET, SOCK_STREAM, 0)),
  "open a UDP socket": () => must(c().socket(AF_INET, SOCK_DGRAM, 0)),
  "open a raw socket": () => must(c().socket(AF_INET, SOCK_RAW, 1)),
  "open a netlink socket": () => must(c().socket(AF_NETLINK, SOCK_RAW, 0)),
  "open a packet socket": () => must(c().socket(AF_PACKET, SOCK_RAW, 0)),
  "open a vsock": () => must(c().socket(AF_VSOCK, SOCK_STREAM, 0)),
  "connect to a unix socket": () => connectUnix(socket),
  "connect to an abstract socket": () => connectUnix("\0probe-abstract"),
  "connect to D-Bus": () => connectUnix("/run/dbus/system_bus_socket"),
  "connect to systemd": () => connectUnix("/run/systemd/private"),
  "connect to the journal": () => connectUnix("/run/systemd/journal/stdout"),

  "run /bin/sh": () => run("/bin/sh", "-c", "true"),
  "run /usr/bin/env": () => run("/usr/bin/env"),
  "run itself": () => run(Deno.execPath(), "exit"),
  "run a program from memory": () => {
    const path = `/proc/self/fd/${must(c().memfd_create(text("probe"), 0))}`;
    Deno.writeFileSync(path, Deno.readFileSync(LIBC));
    run(path);
  },
  "have 64 processes": () => forks(64),
  "kill another process": () => must(c().kill(pid, SIGCONT)),
  "kill it through Deno": () => Deno.kill(pid, "SIGCONT"),
  "trace another process": () => {
    must(c().ptrace(PTRACE_ATTACH, pid, 0n, 0n));
    c().waitpid(pid, null, WALL);
    c().ptrace(PTRACE_DETACH, pid, 0n, 0n);
  },
  "have itself traced": async () => {
    // No fork(): a child that continues in V8 may crash before it is traced.
    const child = new Deno.Command(Deno.execPath(), {
      args: ["wait"],
      stdin: "piped",
    }).spawn();
    try {
      must(c().ptrace(PTRACE_ATTACH, child.pid, 0n, 0n));
    } finally {
      child.kill("SIGKILL");
      await child.status;
    }
  },

  "mount something": () =>
    must(c().mount(text("none"), text("/mnt"), text("tmpfs"), 0n, 0n)),
  "change its root": () => must(c().chroot(text("/"))),
  "make a namespace for names": () => must(c().unshare(CLONE_NEWUTS)),
  "make a mount namespace": () => must(c().unshare(CLONE_NEWNS)),
  "map memory to write and execute": () =>
    map(PROT_READ | PROT_WRITE | PROT_EXEC),
  "make written memory executable": () =>
    must(
      c().mprotect(
        BigInt(map(PROT_READ | PROT_WRITE)),
        4096n,
        PROT_READ | PROT_EXEC,
      ),
    ),
  "change its personality": () => must(c().personality(8n)),
  "name the host": () => must(c().sethostname(text("probe"), 7n)),
  "set the clock": () => {
    const now = Date.now();
    const time = new BigInt64Array([BigInt(Math.floor(now / 1000)), 0n]);
    must(c().clock_settime(0, new Uint8Array(time.buffer)));
  },
  "become more important": () => must(c().setpriority(0, 0, -5)),
  "become a real-time process": () => {
    const priority = new Uint8Array(new Int32Array([1]).buffer);
    must(c().sched_setscheduler(0, 2, priority));
  },
  "raise a limit": () =>
    must(c().setrlimit(RLIMIT_CORE, new Uint8Array(16).fill(0xff))),
  "read the kernel's log": () => must(c().klogctl(10, 0n, 0)),
  "use keyrings": () =>
    must(c().syscall(BigInt(SYSCALLS.keyctl), 0n, -3n, 1n, 0n, 0n)),
  "use io_uring": () => {
    const params = new Uint8Array(120);
    const pointer = Deno.UnsafePointer.value(Deno.UnsafePointer.of(params));
    const number = BigInt(SYSCALLS.io_uring_setup);
    must(c().syscall(number, 1n, BigInt(pointer), 0n, 0n, 0n));
  },
  "become another user": () => must(c().setuid(65534)),
});

/** Makes an attempt, and returns "done" or the reason of its failure. */
export async function outcomeOf(attempt: () => unknown): Promise<string> {
  try {
    await attempt();
    return "done";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
