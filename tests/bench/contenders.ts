import { compileC, HERE, output } from "./common.ts";

/** An echo server, or a program that starts, does one thing, and ends. */
export interface Contender {
  key: string;
  title: string;
  command: string[];
  scratch: string;
  /** Where the server listens. */
  socket: string;
  /** It ends by itself. */
  ends?: boolean;
  /** The one thing is to notify. */
  notifies?: boolean;
  /** It makes its own socket. */
  ownsSocket?: boolean;
  /** Its output goes to a file instead of /dev/null. */
  prints?: boolean;
}

/** A contender whose command `make` builds. */
type Candidate = Omit<Contender, "command" | "scratch" | "socket"> & {
  make: () => string[] | Promise<string[]>;
};

const REPOSITORY = new URL("../../", import.meta.url).pathname;
const SERVER = `${REPOSITORY}bin/ipc-server`;

/**
 * Builds the contenders of the variable CONTENDERS, or all.
 *
 * @throws {Error} A key is unknown, or something cannot be built.
 */
export async function buildContenders(scratch: string): Promise<Contender[]> {
  const v8Flags = Deno.env.get("V8_FLAGS");
  if (!v8Flags) throw new Error(`Start it with "make bench"`);
  const compile = async (name: string, ...flags: string[]) => {
    const deno = (verb: string, ...args: string[]) =>
      output([Deno.execPath(), verb, "--quiet", "--frozen", ...args]);
    const [executable, source] = [`${scratch}/${name}`, `programs/${name}.ts`];
    const bundle = `${executable}.js`;
    await deno("bundle", "--minify", "-o", bundle, `${HERE}${source}`);
    await deno("compile", "--no-prompt", ...flags, "-o", executable, bundle);
    return executable;
  };
  // As the Makefile compiles the server.
  const asOurs = (name: string, ...flags: string[]) => async () => [
    await compile(
      name,
      ...["--no-code-cache", `--v8-flags=${v8Flags}`],
      ...[`--config=${REPOSITORY}deno.json`, ...flags],
    ),
  ];
  const socketOf = (key: string) => `${scratch}/${key}.socket`;
  const candidates: Candidate[] = [
    {
      key: "ours",
      title: "ipc-server --quiet",
      make: () => [SERVER, "--quiet"],
    },
    { key: "logging", title: "ipc-server", prints: true, make: () => [SERVER] },
    {
      key: "bare",
      title: "bare handles",
      make: asOurs("bare_handles", "-P=server"),
    },
    {
      key: "node",
      title: "Node",
      make: () => ["node", `${HERE}programs/node_echo.mjs`],
    },
    {
      key: "deno",
      title: "Deno.listen",
      ownsSocket: true,
      make: async () => [
        await compile(
          "deno_echo",
          ...["--allow-read", "--allow-write", "--allow-net"],
        ),
        socketOf("deno"),
      ],
    },
    {
      key: "c",
      title: "C, libsystemd",
      make: async () => [
        await compileC("programs/c_echo", scratch, "-lsystemd"),
      ],
    },
    { key: "empty", title: "empty", ends: true, make: asOurs("empty") },
    {
      key: "notifies",
      title: "`notify()` only",
      ends: true,
      notifies: true,
      make: asOurs(
        "notifies",
        ...["--unstable-net", "--allow-env", "--allow-net", "--allow-write"],
      ),
    },
    // The least that a program with adopted sockets loads: the floor of ours.
    {
      key: "loads_process",
      title: "`import` of `node:process` only",
      ends: true,
      make: asOurs("loads_process"),
    },
  ];
  const known = candidates.map(({ key }) => key);
  const keys = Deno.env.get("CONTENDERS")?.split(",").filter(Boolean) ?? [];
  if (keys.some((key) => !known.includes(key))) {
    throw new Error(`CONTENDERS is made of these names: ${known.join(",")}`);
  }
  return await Promise.all(
    candidates.filter(({ key }) => keys.length === 0 || keys.includes(key))
      .map(async ({ make, ...candidate }) => ({
        ...candidate,
        scratch,
        command: await make(),
        socket: socketOf(candidate.key),
      })),
  );
}
