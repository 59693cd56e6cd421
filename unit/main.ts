/**
 * Makes a sandboxed, socket-activated service of a program: an executable, and units
 * whose directives follow from the permissions of the program.
 *
 * ```sh
 * deno run -A ipc/unit/main.ts web.ts --listen 8000 -- --allow-env=API_KEY
 * ```
 *
 * @module
 */

import config from "../deno.json" with { type: "json" };
import { existsSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { IDLE_TIMEOUT } from "../daemon/environment.ts";
import { build, libraries, verify } from "./build.ts";
import {
  flagsOf,
  flagsOfSet,
  parsePermissions,
  type Permissions,
} from "./permissions.ts";
import type { UnitDescription } from "./unit_description.ts";
import { unitFiles } from "./unit_files.ts";

export type { Grant, Permissions } from "./permissions.ts";
export type { UnitDescription } from "./unit_description.ts";
export { unitFiles } from "./unit_files.ts";

const USAGE =
  `Usage: deno run -A ipc/unit/main.ts PROGRAM --listen ADDRESS [OPTION...] [-- PERMISSION...]

  --listen [NAME=]ADDRESS  a port, 127.0.0.1:PORT, [::1]:PORT, /PATH or @NAME; repeatable
  --name NAME              the name of the service (default: that of PROGRAM, or of the
                           folder of a main.ts)
  --output FOLDER          the folder for the files (default: dist)
  --idle TIME              exit after TIME without work: 500ms, 30s, 10m, 1h
  --type TYPE              notify (default), notify-reload, or exec without READY=1
  --user USER              the user (default: a dynamic one)
  --instances N            template units: N processes share the ports
  --no-jit                 no JIT, no WebAssembly, no writable and executable memory
  --executable PATH        PROGRAM is compiled and installed already
  --force                  overwrite files

PERMISSION is one of "deno compile", such as --allow-net=example.com, or -P[=SET] for
a set of the deno.json of PROGRAM. Other options are passed on to "deno compile".`;

const TEXT = { type: "string" } as const;
const FLAG = { type: "boolean" } as const;
const OPTIONS = {
  listen: { ...TEXT, multiple: true, default: [] as string[] },
  ...{ name: TEXT, output: { ...TEXT, default: "dist" }, idle: TEXT },
  ...{ type: { ...TEXT, default: "notify" }, user: TEXT, instances: TEXT },
  ...{ executable: TEXT, "no-jit": FLAG, force: FLAG, help: FLAG },
} as const;

/** Without a JIT, `MemoryDenyWriteExecute=` does not end the program. */
const NO_JIT = "--v8-flags=--lite-mode,--single-threaded";
const PATH = ["/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"];
const MS: Record<string, number> = { ms: 1, s: 1e3, m: 6e4, min: 6e4, h: 36e5 };

const printLine = (word: string, text: string) =>
  console.log(`${word.padEnd(11)} ${text}`);

async function main(args: readonly string[]): Promise<void> {
  const end = [...args, "--"].indexOf("--");
  const { values, positionals: [program, ...rest] } = parseArgs({
    ...{ args: args.slice(0, end), options: OPTIONS, allowPositionals: true },
  });
  if (values.help) return console.log(USAGE);
  if (program === undefined || rest.length > 0 || values.listen.length === 0) {
    throw new Error("Give one PROGRAM and --listen; permissions go behind --");
  }
  const asked = args.slice(end + 1).flatMap((arg) => {
    const [set, name = "default"] =
      /^(?:-P|--permission-set)(?:=(.+))?$/.exec(arg) ?? [];
    return set === undefined ? arg : namedSet(dirname(resolve(program)), name);
  });
  const { permissions, others } = parsePermissions(asked);
  const path = resolve(program);
  const isCompiled = values.executable !== undefined;
  if (!isCompiled && !existsSync(path)) {
    throw new Error(`Cannot find the program "${program}"`);
  }
  // "deno compile" would refuse it.
  const unknown = others.find((arg) => /^--allow-(?!scripts)/.test(arg));
  if (isCompiled && unknown) throw new Error(`"${unknown}" is no permission`);
  const name = values.name ?? nameOf(path);
  const description: UnitDescription = {
    ...{ name, permissions, listen: values.listen, type: values.type },
    executable: resolve(values.executable ?? `/usr/local/bin/${name}`),
    ...{ libraries: [], programs: await programs(permissions) },
    user: values.user,
    idleMs: values.idle === undefined ? undefined : milliseconds(values.idle),
    ...{ jit: !values["no-jit"], template: values.instances !== undefined },
  };
  const count = Number(values.instances ?? 1);
  if (!(Number.isInteger(count) && count >= 1 && count < 100)) {
    throw new Error("Give --instances 1 to 99");
  }
  // Throws for an invalid description before anything is written.
  const names = Object.keys(unitFiles(description).files);
  const units = names.map((name) => join(values.output, name));
  const built = values.executable ?? join(values.output, name);
  const made = isCompiled ? units : [...units, built];
  const existing = values.force ? "" : made.filter(existsSync).join(", ");
  if (existing) throw new Error(`Cannot overwrite ${existing}: give --force`);
  if (values.user === undefined) refuseUser(name);
  if (!isCompiled) {
    const all = parsePermissions([...asked, ...ownPermissions(description)]);
    const flags = [...flagsOf(all.permissions), ...others];
    if (!description.jit) flags.push(NO_JIT);
    await build(program, built, ["--unstable-net", ...flags]);
    printLine("compiled", built);
  }
  const listed = await libraries(built);
  if (listed.length === 0) throw new Error(`ldd lists nothing for "${built}"`);
  const { files, limits } = unitFiles({ ...description, libraries: listed });
  const rated = await verify(files, description.executable, resolve(built));
  await Deno.mkdir(values.output, { recursive: true });
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(join(values.output, name), text);
  }
  printLine("wrote", `${units.join(" ")} (exposure ${rated ?? "not rated"})`);
  limits.forEach((limit) => printLine("limit", limit));
  if (others.some((arg) => /^--(deny|ignore)-/.test(arg))) {
    printLine("limit", "Only Deno enforces --deny-* and --ignore-*");
  }
  const sockets = names.filter((name) => name.endsWith(".socket"));
  const enabled = Array.from(
    { length: count },
    (_, index) => sockets.map((name) => name.replace("@", `@${index + 1}`)),
  );
  const install = [
    ...description.executable === resolve(built)
      ? []
      : [`install -t /usr/local/bin ${built}`],
    `install -m 644 -t /etc/systemd/system ${units.join(" ")}`,
    "systemctl daemon-reload",
    `systemctl enable --now ${enabled.flat().join(" ")}`,
  ];
  printLine(
    "install",
    install.map((command) => `sudo ${command}`).join(" && "),
  );
  printLine("change", `sudo systemctl edit ${names.at(-1)}`);
}

/** Returns the name of a program, by the rule of `deno compile`. */
function nameOf(path: string): string {
  const name = basename(path).replace(/\.\w+$/, "");
  return /^(main|mod|index|cli)$/.test(name) ? basename(dirname(path)) : name;
}

/** A dynamic user with the name of another one would be that one. */
function refuseUser(name: string): void {
  const users = Deno.readTextFileSync("/etc/passwd").split("\n");
  if (!users.some((line) => line.startsWith(`${name}:`))) return;
  throw new Error(
    `Cannot name a service "${name}", like a user: give --name, or --user ${name}`,
  );
}

function milliseconds(time: string): number {
  const [, digits, unit = "s"] = /^([\d.]+)(ms|s|m|min|h)?$/.exec(time) ?? [];
  const result = Math.round(Number(digits) * MS[unit]!);
  if (result > 0 && result < 2 ** 31) return result;
  throw new Error(`Cannot parse --idle "${time}": give a time such as 30s`);
}

/** Returns the permissions that this library needs: those of `ipc-server`. */
function ownPermissions({ type, idleMs }: UnitDescription): string[] {
  const { net, write, ...all } = config.permissions.server;
  const notifies = type.startsWith("notify");
  const env = all.env.filter((name) =>
    notifies || !/^(NOTIFY|WATCH)/.test(name)
  )
    .concat(idleMs === undefined ? [] : IDLE_TIMEOUT);
  return flagsOfSet(notifies ? { env, net, write } : { env }, "/");
}

/** Returns a permission set of the deno.json in a folder, or of the next one above. */
function namedSet(folder: string, name: string): string[] {
  const path = ["deno.json", "deno.jsonc"].map((file) => join(folder, file))
    .find(existsSync);
  if (path === undefined && folder !== "/") {
    return namedSet(dirname(folder), name);
  }
  // Without comments, and without commas at the end of lists.
  const json = path && Deno.readTextFileSync(path)
    .replace(/("(?:\\.|[^"\\])*")|\/\/.*|\/\*[^]*?\*\//g, "$1")
    .replace(/("(?:\\.|[^"\\])*")|,(?=\s*[\]}])/g, "$1");
  const set = JSON.parse(json ?? "{}").permissions?.[name];
  if (set !== undefined) return flagsOfSet(set, folder);
  throw new Error(`Cannot find the permission set "${name}" in a deno.json`);
}

/** Returns the programs of `run` and `ffi`, and the files that ldd(1) lists for them. */
async function programs({ run, ffi }: Permissions): Promise<string[]> {
  const commands = (run === true ? [] : run).map((program) => {
    const paths = PATH.map((folder) => resolve(folder, program));
    const path = paths.find(existsSync);
    if (path !== undefined) return path;
    throw new Error(
      `Cannot find "${program}" of --allow-run in ${PATH.join()}`,
    );
  });
  const all = [...commands, ...ffi === true ? [] : ffi];
  const missing = all.find((path) => !existsSync(path));
  if (missing) throw new Error(`Cannot find "${missing}" of --allow-ffi`);
  const needed = await Promise.all(all.map(libraries));
  return [...new Set([...all, ...needed.flat()])];
}

if (import.meta.main) {
  try {
    await main(Deno.args);
  } catch (error) {
    const message = error instanceof Error ? error.message : `${error}`;
    // Node's advice for an unknown option does not help here.
    const own = message.replace(
      /\. To specify .*/,
      "; permissions go behind --",
    );
    console.error(`unit: ${own}`);
    Deno.exit(1);
  }
}
