import { compileC, compileDeno, HERE, output } from "./build.ts";

/** An echo server, or a program that starts, does one thing, and ends. */
export interface Contender {
  key: string;
  title: string;
  command: string[];
  /** It ends by itself. */
  ends?: boolean;
  /** The one thing is to notify. */
  notifies?: boolean;
  /** It makes its own socket. */
  ownsSocket?: boolean;
  /** Its output goes to a file instead of /dev/null. */
  prints?: boolean;
}

/** What is measured, and why others are not. */
export interface Field {
  servers: Contender[];
  starters: Contender[];
  skipped: string[];
}

/** Where executables go, and how they are made. */
export interface FieldOptions {
  into: string;
  /** Where the server of that key listens. */
  socketOf: (key: string) => string;
  /** What the Makefile gives V8 in the programs that are installed. */
  v8Flags: string;
}

const SERVER = new URL("../../bin/ipc-server", import.meta.url).pathname;

/** Builds its program, and returns the command; or the reason why it cannot. */
type Make = () => Made | Promise<Made>;
type Made = string[] | { missing: string };

/**
 * Builds the contenders of the given keys, or all.
 *
 * @throws {Error} A key is unknown, or something cannot be built.
 */
export async function buildField(
  keys: readonly string[],
  { into, socketOf, v8Flags }: FieldOptions,
): Promise<Field> {
  const node = await findNode();
  // As the Makefile compiles the server.
  const asOurs = ["--no-code-cache", `--v8-flags=${v8Flags}`];
  const compiled = (name: string, ...flags: string[]): Make => async () => [
    await compileDeno(`programs/${name}.ts`, into, [...asOurs, ...flags]),
  ];
  const candidates: (Omit<Contender, "command"> & { make: Make })[] = [
    {
      key: "ours",
      title: "ipc-server --quiet",
      make: () => [SERVER, "--quiet"],
    },
    {
      key: "logging",
      title: "ipc-server",
      prints: true,
      make: () => [SERVER],
    },
    {
      key: "bare",
      title: "bare handles",
      make: compiled("bare_handles", "-P=server"),
    },
    {
      key: "node",
      title: node === undefined ? "Node" : `Node ${node.version}`,
      make: () =>
        node === undefined
          ? { missing: "no node on PATH: apt-get install nodejs" }
          : [node.path, `${HERE}programs/node_echo.mjs`],
    },
    {
      key: "deno",
      title: "Deno.listen",
      ownsSocket: true,
      make: async () => {
        const flags = ["--allow-read", "--allow-write", "--allow-net"];
        const source = "programs/deno_echo.ts";
        return [
          await compileDeno(source, into, flags, { bundle: false }),
          socketOf("deno"),
        ];
      },
    },
    {
      key: "c",
      title: "C, libsystemd",
      make: async () => {
        try {
          return [await compileC("programs/c_echo.c", into, ["-lsystemd"])];
        } catch (error) {
          if (!`${error}`.includes("sd-daemon.h")) throw error;
          return { missing: "apt-get install libsystemd-dev" };
        }
      },
    },
    { key: "empty", title: "empty", ends: true, make: compiled("empty") },
    {
      key: "notifies",
      title: "`notify()` only",
      ends: true,
      notifies: true,
      make: compiled(
        "notifies",
        ...["--unstable-net", "--allow-env", "--allow-net", "--allow-write"],
      ),
    },
    // The least that a program with adopted sockets loads: the floor of ours.
    {
      key: "loads_process",
      title: "`import` of `node:process` only",
      ends: true,
      make: compiled("loads_process"),
    },
  ];
  const known = candidates.map(({ key }) => key);
  if (keys.some((key) => !known.includes(key))) {
    throw new Error(`CONTENDERS is made of these names: ${known.join(",")}`);
  }
  const wanted = candidates.filter(({ key }) =>
    keys.length === 0 || keys.includes(key)
  );
  const skipped: string[] = [];
  const built = await Promise.all(wanted.map(async ({ make, ...candidate }) => {
    const command = await make();
    if (Array.isArray(command)) return [{ ...candidate, command }];
    skipped.push(`SKIPPED ${candidate.title}: ${command.missing}`);
    return [];
  }));
  const { servers = [], starters = [] } = Object.groupBy(
    built.flat(),
    ({ ends }) => ends ? "starters" : "servers",
  );
  return { servers, starters, skipped };
}

/** Returns what has to be installed for a command, in bytes; without shared libraries. */
export function installedBytes(command: readonly string[]): number {
  // A script and its interpreter are both installed; other arguments are no files.
  const files = command.filter((argument) =>
    /^\/.*(?<!\.socket)$/.test(argument)
  );
  return files.reduce((sum, path) => sum + Deno.statSync(path).size, 0);
}

async function findNode(): Promise<
  { path: string; version: string } | undefined
> {
  const print = "`${process.execPath} ${process.versions.node}`";
  try {
    const found = await output(["node", "--print", print]);
    const [path, version] = found.trim().split(" ");
    return { path: path!, version: version! };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
