import type { RunningServer, ServerOptions } from "../../serve/_run_servers.ts";
import { soon } from "../support/eventually.ts";
import { TempDir } from "../support/temp_dir.ts";

/** Starts a server on a new socket, and returns how to connect to it. */
export async function onSocket<Server extends RunningServer>(
  transport: "tcp" | "unix",
  start: (options: ServerOptions) => Promise<Server>,
) {
  const directory = new TempDir();
  const path = directory.join("socket");
  const server = await start({
    fallback: transport === "unix" ? { path } : { port: 0 },
    ...{ drainTimeoutMs: 60_000, notify: false },
  });
  const { port } = server.addr as Deno.NetAddr;
  return {
    ...{ server, port },
    dial: (): Promise<Deno.Conn> =>
      transport === "unix"
        ? Deno.connect({ transport, path })
        : Deno.connect({ port }),
    stops: () => soon("the server has stopped", server.shutdown()),
    async [Symbol.asyncDispose]() {
      await server.shutdown();
      directory[Symbol.dispose]();
    },
  };
}
