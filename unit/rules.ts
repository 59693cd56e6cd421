import type { Grant, Permissions } from "./permissions.ts";
import type { UnitDescription } from "./unit_description.ts";

/** A row of the table: a permission, whose directives a rule returns. */
export interface Row {
  /** The permission: a cell of the table, and a comment in the unit. */
  permission: string;
  /** The arguments for which the table shows the lines; by default none. */
  example?: string | undefined;
  /**
   * The part that systemd cannot enforce: a cell of the table, and a line of the output.
   * PATH stands for each path of `limited`.
   */
  limit?: string | undefined;
}

interface Rule extends Row {
  /** Returns lines of the service; nothing if the rule does not apply. */
  lines(it: ReturnType<typeof factsOf>): string[] | undefined;
  /** The paths that the limit is about. */
  limited?: ("sockets" | "created" | "bound") | undefined;
}

const TEMPORARY = ["/tmp", "/var/tmp"];
const INTERFACES = "networkInterfaces";
const FROM_PROC = ["cpus", "osRelease", "systemMemoryInfo"];
const HOMES = ["/home", "/root", "/run/user"];

/** Directives that create directories of a service, and where. */
const CREATED = Object.entries({
  ...{ StateDirectory: "/var/lib/", CacheDirectory: "/var/cache/" },
  ...{ LogsDirectory: "/var/log/", RuntimeDirectory: "/run/" },
});

const RULES: readonly Rule[] = [
  {
    permission: "no `net` but `net=unix:PATH`, no `import`",
    lines: (it) => when(it.isLocal, "PrivateNetwork=yes", "IPAddressDeny=any"),
  },
  {
    permission: "`net=HOST`, `import=HOST`",
    example: "--allow-net=api.example.com:443",
    lines: (it) =>
      when(
        !it.isLocal,
        "RestrictAddressFamilies=AF_INET AF_INET6",
        "BindReadOnlyPaths=-/etc/resolv.conf -/etc/hosts -/etc/nsswitch.conf",
      ),
    limit:
      "Only Deno enforces hosts, ports and abstract sockets: IPAddressDeny= takes no names, and some containers ignore it",
  },
  {
    permission: "`net=unix:PATH`",
    example: "--allow-net=unix:/run/db/db.sock",
    lines: (it) => paths("BindReadOnlyPaths=-", it.sockets),
    limit: "If its server creates PATH anew, restart this service too",
    limited: "sockets",
  },
  {
    permission: "`read`, `write`, `run`, `ffi`: none, or a list",
    lines: (it) =>
      when(
        !it.isOpen,
        ...["RuntimeDirectory=%N-root", "RootDirectory=/run/%N-root"],
        ...["MountAPIVFS=yes", "ReadOnlyPaths=+/run"],
        "InaccessiblePaths=-+/run/%N-root -+/dev/pts -+/sys",
        ...paths("InaccessiblePaths=-+", it.journal) ?? [],
        ...paths("BindReadOnlyPaths=", [it.executable, ...it.libraries])!,
      ),
  },
  {
    permission: "`read`, `write`, `run` or `ffi` without a list",
    example: "--allow-read",
    lines: (it) =>
      when(it.isOpen && !it.writesAll, "TemporaryFileSystem=/run:ro"),
    limit: "All files of the machine but those in /run can be read",
  },
  {
    permission: "`read=PATH`",
    example: "--allow-read=/etc/web",
    lines: (it) => paths("BindReadOnlyPaths=-", it.readOnly),
  },
  {
    permission: "`write`: none, or a list",
    lines: (it) => when(!it.writesAll, "ProtectSystem=strict"),
  },
  {
    permission: "`write=PATH` in /var/lib, /var/cache, /var/log, /run",
    example: "--allow-write=/var/lib/web,/run/web",
    lines: (it) => {
      const lines = CREATED.flatMap(([directive, parent]) =>
        paths(`${directive}=`, below(it.created, parent)) ?? []
      );
      return when(lines.length > 0, ...lines);
    },
    limit: "PATH is a directory, and can also be read",
    limited: "created",
  },
  {
    permission: "`write=PATH` elsewhere, with `--user`",
    example: "--allow-write=/srv/web",
    lines: (it) => paths("BindPaths=", it.bound),
    limit: "PATH must exist and belong to the user, and can also be read",
    limited: "bound",
  },
  {
    permission: "`write` without a list",
    example: "--allow-write",
    lines: (it) => when(it.permissions.write === true),
    limit: "Without --user, only directories named like the service, and /tmp",
  },
  {
    permission: "`read`, `write`: no PATH in /tmp, /var/tmp",
    lines: (it) =>
      when(!it.uses(TEMPORARY), "InaccessiblePaths=-+/tmp -+/var/tmp"),
  },
  {
    permission: "`read`, `write`: no PATH in /home, /root, /run/user",
    lines: (it) =>
      when(it.permissions.read !== true && !it.uses(HOMES), "ProtectHome=yes"),
  },
  {
    permission: "`run=PROGRAM`, `ffi=LIBRARY`",
    example: "--allow-run=/usr/bin/git",
    lines: (it) => paths("BindReadOnlyPaths=", it.programs),
    limit: "A child has the sandbox of the service, its libraries, and no more",
  },
  {
    permission: "`run`, `ffi`: none, or a list",
    lines: (it) =>
      when(
        it.permissions.run !== true && it.permissions.ffi !== true,
        ...paths("NoExecPaths=+", it.notExecutable)!,
        ...paths("ExecPaths=+", it.allExecutable)!,
      ),
  },
  {
    permission: "no `ffi`, and `--no-jit`",
    lines: (it) =>
      when(!it.jit && !it.may("ffi"), "MemoryDenyWriteExecute=yes"),
  },
  {
    permission: "`env`",
    example: "--allow-env=API_KEY",
    lines: (it) =>
      when(it.may("env"), `EnvironmentFile=-/etc/default/${it.name}`),
  },
  {
    permission: "`sys=networkInterfaces`",
    example: "--allow-sys=networkInterfaces",
    lines: ({ may }) =>
      when(may("sys", INTERFACES), "RestrictAddressFamilies=AF_NETLINK"),
  },
  {
    permission: "`sys`: no cpus, osRelease, systemMemoryInfo",
    lines: ({ may }) => when(!may("sys", ...FROM_PROC), "ProcSubset=pid"),
  },
];

/**
 * Returns all rules, in the order of the table and of the unit, with the lines of those
 * that apply; and the paths that systemd creates or binds for writing.
 */
export function applyRules(it: UnitDescription): {
  rules: (Row & { lines: string[] | undefined; limits: string[] })[];
  created: string[];
  bound: string[];
} {
  const facts = factsOf(it);
  const { created, bound } = facts;
  const rules = RULES.map((rule) => {
    const { limit = [], limited } = rule;
    const limits = limited === undefined
      ? [limit].flat()
      : facts[limited].flatMap((path) => `${limit}`.replace("PATH", path));
    return { ...rule, lines: rule.lines(facts), limits };
  });
  return { rules, created, bound };
}

function factsOf(it: UnitDescription) {
  const { read, write, net, run, ffi, import: imports } = it.permissions;
  const list = (grant: Grant) => grant === true ? [] : grant;
  const sockets = below(list(net), "unix:");
  // A dynamic user cannot write to the files of others.
  const writesAll = write === true && it.user !== undefined;
  // Connecting takes the permission to write, but no writable file system.
  const writable = write === true && !writesAll
    ? ["/tmp", ...CREATED.map(([, parent]) => `${parent}${it.name}`)]
    : list(write).filter((path) => !sockets.some((it) => isIn(it, [path])));
  const others = writable.filter((path) => !isIn(path, TEMPORARY));
  const created = others.filter((path) =>
    CREATED.some(([, parent]) => path.startsWith(parent))
  );
  const listed = [...new Set([...list(read), ...list(write)])];
  // systemd mounts credentials itself.
  const mounted = [...writable, ...TEMPORARY, "/run/credentials"];
  const readOnly = listed.filter((path) => !isIn(path, mounted));
  const journal = ["/run/systemd/journal"]
    .filter((path) => !sockets.some((socket) => isIn(socket, [path])));
  return {
    ...it,
    ...{ sockets, writesAll, created, readOnly, journal },
    isLocal: net !== true && net.length === sockets.length &&
      imports !== true && imports.length === 0,
    isOpen: writesAll || [read, run, ffi].includes(true),
    bound: others.filter((path) => !created.includes(path)),
    uses: (directories: string[]) =>
      writesAll || [...listed, ...writable].some((it) => isIn(it, directories)),
    notExecutable: ["/", "/dev/shm", ...TEMPORARY, ...readOnly, ...writable],
    allExecutable: [it.executable, ...it.libraries, ...it.programs],
    /** Whether a permission is given; with names, for one of them. */
    may(kind: keyof Permissions, ...names: string[]): boolean {
      const grant = it.permissions[kind];
      return grant === true ||
        grant.some((each) => names.length === 0 || names.includes(each));
    },
  };
}

function when(condition: boolean, ...lines: string[]): string[] | undefined {
  return condition ? lines : undefined;
}

/** Returns a directive with values, each behind the text after the equals sign. */
function paths(directive: string, paths: readonly string[]) {
  const [name, prefix] = directive.split("=");
  const values = paths.map((path) => `${prefix}${unitPath(path)}`);
  return when(values.length > 0, `${name}=${values.join(" ")}`);
}

/** Returns the paths that begin with `start`, without it. */
function below(paths: readonly string[], start: string): string[] {
  return paths.filter((path) => path.startsWith(start))
    .map((path) => path.slice(start.length));
}

function isIn(path: string, directories: readonly string[]): boolean {
  return directories.some((it) => path === it || path.startsWith(`${it}/`));
}

/**
 * Returns a path or an address as units take it.
 *
 * @throws {Error} It has characters with a meaning in units.
 */
export function unitPath(path: string): string {
  if (!/^[\w/@%+,.~=#^-]+$/.test(path)) {
    throw new Error(`Cannot put "${path}" in a unit: avoid special characters`);
  }
  return path.replaceAll("%", "%%");
}
