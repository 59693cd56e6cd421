import { IDLE_TIMEOUT } from "../daemon/environment.ts";
import { flagsOf } from "./permissions.ts";
import { applyRules, unitPath } from "./rules.ts";
import type { UnitDescription } from "./unit_description.ts";

/** The kernel queues this number of connections for each socket, as `serve()` asks. */
const BACKLOG = 4096;
/** `drainTimeoutMs` of `serve()`, the exit after it, and a margin, in seconds. */
const STOP_S = 10 + 1 + 4;

const TYPES = ["notify", "notify-reload", "exec"];

/** The directives of every service. */
const EVERYWHERE = [
  ...["PrivateUsers", "PrivateTmp", "PrivateDevices", "PrivateMounts"],
  ...["PrivateIPC", "ProtectClock", "ProtectControlGroups", "ProtectHostname"],
  ...["ProtectKernelLogs", "ProtectKernelModules", "ProtectKernelTunables"],
  ...["NoNewPrivileges", "RestrictNamespaces", "RestrictRealtime"],
  ...["RestrictSUIDSGID", "LockPersonality"],
].map((directive) => `${directive}=yes`).concat([
  ...["CapabilityBoundingSet=", "AmbientCapabilities=", "KeyringMode=private"],
  ...["UMask=0077", "DevicePolicy=closed", "ProtectProc=invisible"],
  "InaccessiblePaths=-+/dev/shm -+/dev/mqueue -+/dev/hugepages",
  ...["RestrictAddressFamilies=AF_UNIX", "SystemCallArchitectures=native"],
  "SystemCallFilter=@system-service",
  "SystemCallFilter=~@privileged @resources @aio @chown @ipc @keyring @setuid",
  ...["SystemCallFilter=pipe pipe2", "SystemCallErrorNumber=EPERM"],
]);

/**
 * Returns the units of a service by their file names, and the limits: one sentence for
 * each permission that systemd cannot enforce.
 *
 * @throws {Error} systemd cannot have such a service.
 *
 * @example
 * ```ts
 * import { unitFiles } from "@ipc/ipc/unit";
 * import { assertMatch } from "@std/assert";
 *
 * const files = { read: ["/etc/web"], write: [] };
 * const permissions = { ...files, net: [], import: [], env: [], run: [], ffi: [], sys: [] };
 * const units = unitFiles({
 *   ...{ name: "web", executable: "/usr/local/bin/web", permissions },
 *   ...{ libraries: ["/lib64/libc.so.6"], programs: [], listen: ["8000"] },
 *   ...{ type: "notify", jit: true, template: false },
 * });
 * assertMatch(units.files["web.service"]!, /^PrivateNetwork=yes$/m);
 * ```
 */
export function unitFiles(
  it: UnitDescription,
): { files: Record<string, string>; limits: string[] } {
  const { name, template } = it;
  const { rules, created, bound } = applyRules(it);
  const listen = it.listen.map((text) => parseListen(text, template));
  if (!TYPES.includes(it.type)) {
    fail(`make a service of the type "${it.type}": give ${TYPES.join(", ")}`);
  }
  const twice = listen.find(({ address }, index) =>
    listen.slice(0, index).some((other) => other.address === address)
  );
  if (twice) fail(`listen on "${twice.address}" twice`);
  if (!/^[a-z_][a-z0-9_-]{0,30}$/i.test(name)) {
    fail(`name a service "${name}": give --name with letters, digits, _ and -`);
  }
  const [path] = it.user === undefined ? bound : [];
  if (path) fail(`write to "${path}" as a dynamic user: give --user`);
  // systemd removes the directories that it has created when the service stops.
  const [removed] = listen.filter(({ address }) =>
    created.some((path) => address.startsWith(`${path}/`))
  );
  if (removed) fail(`listen on "${removed.address}": --allow-write has it`);
  const sockets = Map.groupBy(
    listen,
    (each) => each.name === undefined ? name : `${name}-${each.name}`,
  );
  const at = template ? "@" : "";
  const instance = template ? "@%i" : "";
  const names = [...sockets.keys()].map((unit) => `${unit}${instance}.socket`);
  const head = (title: string) => [
    `# Generated: changes belong in drop-ins, by systemctl edit. Permissions:`,
    `# ${flagsOf(it.permissions).join(" ").replace(/\s+/g, " ") || "none"}`,
    ...["[Unit]", `Description=${title}`],
  ];
  const files: Record<string, string> = {};
  for (const [unit, listen] of sockets) {
    const fdName = listen[0]?.name ?? `${name}.socket`;
    files[`${unit}${at}.socket`] = text(
      ...head(`Socket of ${name}`),
      ...["", "[Socket]", `Service=${name}${instance}.service`],
      ...listen.map(({ address }) => `ListenStream=${address}`),
      ...[`FileDescriptorName=${fdName}`, `Backlog=${BACKLOG}`],
      ...template ? ["ReusePort=yes"] : ["RemoveOnStop=yes"],
      ...["", "[Install]", "WantedBy=sockets.target"],
    );
  }
  const applied = rules.filter(({ lines }) => lines !== undefined);
  const notifies = it.type.startsWith("notify");
  files[`${name}${at}.service`] = text(
    ...head(name),
    ...[`Requires=${names.join(" ")}`, `After=${names.join(" ")}`],
    "# At this limit the socket fails too; one exit per second stays below it.",
    ...["StartLimitIntervalSec=10s", "StartLimitBurst=12"],
    ...["", "[Service]", `Type=${it.type}`],
    ...notifies ? ["NotifyAccess=main", "WatchdogSec=30s"] : [],
    ...[`Sockets=${names.join(" ")}`, `ExecStart=${unitPath(it.executable)}`],
    // For uncaught errors, whose colours the journal would record.
    "Environment=NO_COLOR=1",
    ...it.idleMs ? [`Environment=${IDLE_TIMEOUT}=${it.idleMs}`] : [],
    ...["Restart=on-failure", "RestartSec=250ms", `TimeoutStopSec=${STOP_S}s`],
    // The backlog of each socket, and as many connections as one backlog.
    `LimitNOFILE=${BACKLOG * (it.listen.length + 1)}`,
    ...["LimitCORE=0", "TasksMax=256"],
    ...["", "# In every unit", ...EVERYWHERE],
    // DynamicUser= implies RemoveIPC=.
    ...it.user ? [`User=${it.user}`, "RemoveIPC=yes"] : ["DynamicUser=yes"],
    // Instances share their directories: the stop of one must not remove them.
    ...template && it.user === undefined && created.length > 0
      ? [`User=${name}`, "RuntimeDirectoryPreserve=yes"]
      : [],
    ...notifies ? ["BindReadOnlyPaths=/run/systemd/notify"] : [],
    ...applied.flatMap(({ permission, lines = [] }) => {
      const comment = `# ${permission.replaceAll("`", "")}`;
      return lines.length > 0 ? ["", comment, ...lines] : [];
    }),
  );
  return { files, limits: applied.flatMap(({ limits }) => limits) };
}

function text(...lines: string[]): string {
  return `${lines.join("\n")}\n`;
}

/** Parses `[NAME=]ADDRESS`. */
function parseListen(text: string, template: boolean) {
  const { name, port, path } =
    /^(?:(?<name>[\w-]+)=)?(?:(?<port>(?:[\d.]+:|\[[\da-f:.]+\]:)?\d+)|(?<path>[@/].+))$/i
      .exec(text)?.groups ?? {};
  const number = Number(/\d+$/.exec(port ?? "")?.[0]);
  if (port && number > 0 && number < 65536) return { name, address: port };
  if (path !== undefined && !template) return { name, address: unitPath(path) };
  return fail(
    `listen on "${text}": give a port, 127.0.0.1:PORT or [::1]:PORT; without --instances also /PATH or @NAME`,
  );
}

function fail(what: string): never {
  throw new Error(`Cannot ${what}`);
}
