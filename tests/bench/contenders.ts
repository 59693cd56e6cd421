import { compileC, compileDeno, HERE, missingForC } from "./build.ts";

/** An echo server that takes part. */
export interface Contender {
  key: string;
  title: string;
  command: string[];
  /** Whether its socket is passed to it, or it makes its own. */
  socket: "held" | "own";
  /** Its output goes to a file instead of /dev/null. */
  prints?: boolean;
  /** What has to be installed for it, in bytes; without shared libraries. */
  installed: number;
}

/** A program that starts, does one thing, and ends. */
export interface Starter {
  key: string;
  title: string;
  command: string[];
  /** Whether the one thing is to notify. */
  notifies?: boolean;
}

/** A contender that cannot run, and the reason. */
export interface Missing {
  title: string;
  missing: string;
}

const SERVER = new URL("../../bin/ipc-server", import.meta.url).pathname;

const NO_NODE = "no node on PATH: apt-get install nodejs";

/** The contenders, and those that cannot run. */
export interface Field {
  contenders: Contender[];
  starters: Starter[];
  missing: Missing[];
}

/** Where executables go, and how they are made. */
export interface FieldOptions {
  into: string;
  /** Where the server of that key listens. */
  socketOf: (key: string) => string;
  /** What the Makefile gives V8 in the programs that are installed. */
  v8Flags: string;
}

/**
 * Builds the contenders of the given keys, or all.
 *
 * @throws {Error} A key is unknown, or something cannot be built.
 */
export async function buildField(
  keys: readonly string[],
  options: FieldOptions,
): Promise<Field> {
  const servers = contenders(options);
  const programs = starters(options);
  const known = [...Object.keys(servers), ...Object.keys(programs)];
  if (keys.some((key) => !known.includes(key))) {
    throw new Error(`CONTENDERS is made of these names: ${known.join(",")}`);
  }
  const missing: Missing[] = [];
  const build = async <Built extends object>(
    candidates: Record<string, () => Promise<Built | Missing>>,
  ) => {
    const wanted = Object.keys(candidates).filter((key) =>
      keys.length === 0 || keys.includes(key)
    );
    const built = await Promise.all(wanted.map((key) => candidates[key]!()));
    return built.filter((one) => {
      if (!("missing" in one)) return true;
      missing.push(one);
      return false;
    }) as Built[];
  };
  return {
    contenders: await build<Contender>(servers),
    starters: await build<Starter>(programs),
    missing,
  };
}

/** The servers, each by its key. */
function contenders(
  { into, socketOf, v8Flags }: FieldOptions,
): Record<string, () => Promise<Contender | Missing>> {
  return {
    ours: () => held("ours", "ipc-server --quiet", [SERVER, "--quiet"]),
    logging: async () => ({
      ...await held("logging", "ipc-server", [SERVER]),
      prints: true,
    }),
    bare: async () =>
      await held("bare", "bare handles", [
        await compileDeno("programs/bare_handles.ts", into, {
          // As the Makefile compiles the server.
          flags: ["--no-code-cache", "-P=server", `--v8-flags=${v8Flags}`],
          bundle: true,
        }),
      ]),
    node: async () => {
      const node = await findNode();
      return node === undefined
        ? { title: "Node", missing: NO_NODE }
        : await held(
          "node",
          `Node ${node.version}`,
          [node.path, `${HERE}programs/node_echo.mjs`],
        );
    },
    deno: async () => ({
      ...await held("deno", "Deno.listen", [
        await compileDeno("programs/deno_echo.ts", into, {
          flags: ["--allow-read", "--allow-write", "--allow-net"],
        }),
        socketOf("deno"),
      ]),
      socket: "own",
    }),
    c: async () => {
      const missing = await missingForC();
      return missing === undefined
        ? await held("c", "C, libsystemd", [
          await compileC("programs/c_echo.c", into, ["-lsystemd"]),
        ])
        : { title: "C, libsystemd", missing };
    },
  };
}

/** The programs for the start-up times, each by its key. */
function starters(
  { into, v8Flags }: FieldOptions,
): Record<string, () => Promise<Starter | Missing>> {
  const asOurs = ["--no-code-cache", `--v8-flags=${v8Flags}`];
  const notifying = [
    ...asOurs,
    ...["--unstable-net", "--allow-env", "--allow-net", "--allow-write"],
  ];
  const compiled = async (
    key: string,
    title: string,
    flags: string[],
    { source = key, bundle = true } = {},
  ): Promise<Starter> => ({
    key,
    title,
    command: [
      await compileDeno(`programs/${source}.ts`, into, {
        flags,
        bundle,
        name: key,
      }),
    ],
  });
  return {
    empty: () => compiled("empty", "empty", asOurs),
    lists_fds: () =>
      compiled("lists_fds", "`listenFds()` only", [...asOurs, "--allow-env"]),
    notifies: async () => ({
      ...await compiled("notifies", "`notify()` only", notifying),
      notifies: true,
    }),
    notifies_unbundled: async () => ({
      ...await compiled(
        "notifies_unbundled",
        "`notify()` only, not bundled",
        notifying,
        { source: "notifies", bundle: false },
      ),
      notifies: true,
    }),
    // The least that a program with adopted sockets loads: the floor of ours.
    loads_process: () =>
      compiled(
        "loads_process",
        "`import` of `node:process` only",
        asOurs,
      ),
    loads_net: () =>
      compiled("loads_net", "`import` of `node:net` only", asOurs),
    empty_node: async () => {
      const node = await findNode();
      const title = "empty, Node";
      return node === undefined
        ? { title, missing: NO_NODE }
        : { key: "empty_node", title, command: [node.path, "--eval", ""] };
    },
  };
}

async function held(
  key: string,
  title: string,
  command: string[],
): Promise<Contender> {
  // A script and its interpreter are both installed; an address is no file.
  const files = await Promise.all(command.map((path) => sizeOf(path)));
  const installed = files.reduce((sum, size) => sum + size, 0);
  return { key, title, command, socket: "held", installed };
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await Deno.stat(path)).size;
  } catch {
    return 0;
  }
}

async function findNode(): Promise<
  { path: string; version: string } | undefined
> {
  try {
    const { stdout } = await new Deno.Command("node", {
      args: ["--print", "`${process.execPath}\n${process.version}`"],
    }).output();
    const [path, version] = new TextDecoder().decode(stdout).split("\n");
    return { path: path!, version: version!.replace(/^v/, "") };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
