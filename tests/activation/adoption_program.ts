/**
 * Programs that adopt the passed descriptors, for `adoption_test.ts`: the first
 * argument chooses one. They print results; the tests compare them.
 */
import {
  ActivationError,
  type AdoptedConn,
  connection,
  listen,
  listeners,
  listenersByName,
  listenFds,
} from "../../mod.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

const PROGRAMS = {
  /** Serves the connections of `for await`. */
  async "echo"() {
    const [listener] = await listeners();
    console.log(await permissions());
    for await (const conn of listener!) echo(conn);
  },

  /** Accepts one connection, closes the listener, and reads to the end. */
  async "take one"() {
    const listener = await listen(3);
    using conn = await listener.accept();
    listener.close();
    console.log("closed");
    while (await conn.readChunk() !== null);
  },

  /** Accepts one connection, and prints the received text. */
  async "print received"() {
    const listener = await listen(3);
    using conn = await listener.accept();
    console.log(`received ${await firstText(conn)}`);
  },

  /** Closes the listener on the first connection, and serves the rest. */
  async "close on the first"() {
    const listener = await listen(3);
    for await (const conn of listener) {
      listener[Symbol.dispose]();
      console.log(`received ${await firstText(conn)}`);
      conn.close();
    }
  },

  /** Adopts without accepting. */
  async "nothing is accepted"() {
    await listeners();
    console.log("nothing to do");
  },

  /** Accepts after `unref()`. */
  async "an accept follows unref()"() {
    const [listener] = await listeners();
    (await listener!.accept()).close();
    listener!.unref();
    listener!.accept();
    console.log("nothing to do");
  },

  /** Accepts before `unref()`. */
  async "unref() follows an accept"() {
    const [listener] = await listeners();
    (await listener!.accept()).close();
    listener!.accept();
    listener!.unref();
    console.log("nothing to do");
  },

  /** Writes after the end. */
  async "answer after the end"() {
    const { fd, name } = listenFds()[0] ?? { fd: 0, name: "stdin" };
    using conn = await connection(fd);
    let received = "";
    for (let chunk; (chunk = await conn.readChunk()) !== null;) {
      received += new TextDecoder().decode(chunk);
    }
    // A socket without half-open mode would be closed by then.
    await new Promise((resolve) => setTimeout(resolve));
    await conn.write(bytes(`${name} ${fd} got ${received}`));
  },

  /** Writes, half-closes, and reads. */
  async "write first"() {
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

  /** Waits for a reset by the peer. */
  async "be reset"() {
    const listener = await listen(3);
    using conn = await listener.accept();
    await conn.write(bytes("not read"));
    const error = await conn.readChunk().catch((error) => error);
    console.log(error.name, error.cause?.code);
  },

  /** Adopts a connection after listen() has refused it; tries both after the close. */
  async "listen, then connect"() {
    console.log(await failure(() => listen(3)));
    console.log(await failure(() => listen(3)));
    const conn = await connection(3);
    await echo(conn);
    console.log(await failure(() => connection(3)));
    console.log(await failure(() => listen(3)));
  },

  /** Listens after connection() has refused the socket and a second peer has connected. */
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

  /** Exits after connection() has refused the socket. */
  async "connect, and end"() {
    console.log(await failure(() => connection(3)));
  },

  async "listen on 3"() {
    console.log(await failure(() => listen(3)));
  },

  async "connect on 3"() {
    console.log(await failure(() => connection(3)));
  },

  /** Tries numbers that were not passed; the runtime must work afterwards. */
  async "adopt other numbers"() {
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

  /** Prints the listeners by name and in order. */
  async "names"() {
    const byName = await listenersByName();
    for (const [name, { length }] of byName) console.log(name, length);
    console.log(listenFds().map(({ fd, name }) => `${fd} ${name}`).join(", "));
    // Each writes its name and index.
    await Promise.all(
      [...byName].flatMap(([name, all]) =>
        all.map(async (listener, i) => {
          using conn = await listener.accept();
          await conn.write(bytes(`${name} ${i}`));
        })
      ),
    );
  },

  /** Adopts all, of which one is adopted already, and waits for input. */
  async "adopt all"() {
    await listen(4);
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

async function echo(conn: AdoptedConn): Promise<void> {
  for (let chunk; (chunk = await conn.readChunk()) !== null;) {
    await conn.write(chunk);
  }
  conn.close();
}

async function firstText(conn: AdoptedConn): Promise<string> {
  return new TextDecoder().decode(await conn.readChunk() ?? undefined);
}
