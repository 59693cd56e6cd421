/**
 * Programs that adopt what they were given, for `adoption_test.ts`: the first
 * argument chooses one. They print what they find out, and judge nothing.
 */
import {
  ActivationError,
  connection,
  type InheritedConn,
  listen,
  listeners,
  listenersByName,
  listenFds,
} from "../../mod.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

const PROGRAMS = {
  /** Serves for ever, with what `for await` yields. */
  async "echo"() {
    const [listener] = await listeners();
    console.log(await permissions());
    for await (const conn of listener!) echo(conn);
  },

  /** Adopts fd 3 thrice. */
  async "adopt again"() {
    await listen(3);
    console.log(await failure(() => listen(3)));
    console.log(await failure(() => listen(listenFds()[0]!)));
    console.log(await failure(() => connection(3)));
  },

  /** Takes one connection, closes the listener, and stays as long as the peer. */
  async "take one"() {
    const listener = await listen(3);
    using conn = await listener.accept();
    listener.close();
    console.log("closed");
    while (await conn.readChunk() !== null);
  },

  /** Takes one connection, and says what it received. */
  async "tell what came"() {
    const listener = await listen(3);
    using conn = await listener.accept();
    console.log(`received ${await firstText(conn)}`);
  },

  /** Closes the listener on the first connection, and serves what still comes. */
  async "close on the first"() {
    const listener = await listen(3);
    for await (const conn of listener) {
      listener[Symbol.dispose]();
      console.log(`received ${await firstText(conn)}`);
      conn.close();
    }
  },

  /** Adopts, and has nothing to do. */
  async "nobody waits"() {
    await listeners();
    console.log("nothing to do");
  },

  /** Waits for a second connection, having said that this does not matter. */
  async "an unref'd one waits"() {
    const [listener] = await listeners();
    (await listener!.accept()).close();
    listener!.unref();
    listener!.accept();
    console.log("nothing to do");
  },

  /** Waits for a second connection, and says then that this does not matter. */
  async "one that waits is unref'd"() {
    const [listener] = await listeners();
    (await listener!.accept()).close();
    listener!.accept();
    listener!.unref();
    console.log("nothing to do");
  },

  /** Reads to the end, and answers then. */
  async "answer after the end"() {
    const { fd, name } = listenFds()[0] ?? { fd: 0, name: "stdin" };
    using conn = await connection(fd);
    let received = "";
    for (let chunk; (chunk = await conn.readChunk()) !== null;) {
      received += new TextDecoder().decode(chunk);
    }
    // A socket that the peer's end had closed as well would be closed by then.
    await new Promise((resolve) => setTimeout(resolve));
    await conn.write(bytes(`${name} ${fd} got ${received}`));
  },

  /** Speaks first, says that this was all, and reads on. */
  async "speak first"() {
    using conn = await connection(3);
    await conn.write(bytes("hello"));
    await conn.closeWrite();
    console.error(`received ${await firstText(conn)}`);
  },

  /** Echoes by streams. */
  async "stream"() {
    const conn = await connection(3);
    await conn.readable.pipeTo(conn.writable);
  },

  /** Writes something that the peer does not read, and waits for its reset. */
  async "be reset"() {
    const listener = await listen(3);
    using conn = await listener.accept();
    await conn.write(bytes("unread"));
    const error = await conn.readChunk().catch((error) => error);
    console.log(error.name, error.cause?.code);
  },

  /** Takes the connection that it cannot listen on, and tries both when it is closed. */
  async "listen, then connect"() {
    console.log(await failure(() => listen(3)));
    console.log(await failure(() => listen(3)));
    const conn = await connection(3);
    await echo(conn);
    console.log(await failure(() => connection(3)));
    console.log(await failure(() => listen(3)));
  },

  /** Listens on what is no connection, when a second client is there. */
  async "connect, then listen"() {
    console.log(await failure(() => connection(3)));
    await Deno.stdin.read(new Uint8Array(1));
    const listener = await listen(3);
    for (let count = 0; count < 3; count++) {
      using conn = await listener.accept();
      console.log(`received ${await firstText(conn)}`);
    }
    listener.close();
    console.log(await failure(() => listen(3)));
  },

  /** Leaves what is no connection alone, and has nothing to do. */
  async "connect, and end"() {
    console.log(await failure(() => connection(3)));
  },

  async "listen on 3"() {
    console.log(await failure(() => listen(3)));
  },

  async "connect on 3"() {
    console.log(await failure(() => connection(3)));
  },

  /** Tries numbers that were not passed, and shows that the runtime still works. */
  async "adopt what is not ours"() {
    for (const fd of Deno.args.slice(1)) {
      console.log(await failure(() => listen(Number(fd))));
      console.log(await failure(() => connection(Number(fd))));
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { hostname, port } = listener.addr;
    const [conn, peer] = await Promise.all([
      listener.accept(),
      Deno.connect({ hostname, port }),
    ]);
    await peer.write(bytes("works"));
    const buffer = new Uint8Array(16);
    const count = await conn.read(buffer);
    console.log(new TextDecoder().decode(buffer.subarray(0, count!)));
    conn.close();
    peer.close();
  },

  /** Says which listeners there are, by name and in order. */
  async "names"() {
    const byName = await listenersByName();
    for (const [name, { length }] of byName) console.log(name, length);
    console.log(listenFds().map(({ fd, name }) => `${fd} ${name}`).join(", "));
    // Each accepts on its own, and answers with its place.
    await Promise.all(
      [...byName].flatMap(([name, all]) =>
        all.map(async (listener, i) => {
          using conn = await listener.accept();
          await conn.write(bytes(`${name} ${i}`));
        })
      ),
    );
  },

  /** Adopts all, of which one cannot be, and then waits to be told to end. */
  async "adopt all"() {
    console.log(await failure(() => listeners()));
    await Deno.stdin.read(new Uint8Array(1));
  },
} satisfies Record<string, () => Promise<void>>;

/** One of the programs. */
export type ProgramName = keyof typeof PROGRAMS;

if (import.meta.main) await PROGRAMS[Deno.args[0] as ProgramName]();

async function failure(adopt: () => Promise<unknown>): Promise<string> {
  try {
    await adopt();
    return "adopted";
  } catch (error) {
    if (!(error instanceof ActivationError)) throw error;
    return `${error.fd} ${error.fdName}: ${error.message}`;
  }
}

async function permissions(): Promise<string> {
  const names = ["net", "read", "write", "run", "ffi", "sys", "env"] as const;
  const states = await Promise.all(
    names.map((name) => Deno.permissions.query({ name })),
  );
  return names.map((name, i) => `${name} ${states[i]!.state}`).join(", ");
}

async function echo(conn: InheritedConn): Promise<void> {
  for (let chunk; (chunk = await conn.readChunk()) !== null;) {
    await conn.write(chunk);
  }
  conn.close();
}

async function firstText(conn: InheritedConn): Promise<string> {
  return new TextDecoder().decode(await conn.readChunk() ?? undefined);
}
