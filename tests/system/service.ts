/**
 * A service with several behaviours, for the tests of this folder, selected by its
 * first argument.
 */

import {
  connection,
  listenFds,
  notify,
  ready,
  status,
  stopping,
  watchdog,
} from "../../mod.ts";

const faces: Record<string, () => Promise<void>> = {
  /** Says that it is ready when it gets SIGUSR1, and goodbye when it is stopped. */
  async notifying() {
    await status("waiting for SIGUSR1");
    await signalled("SIGUSR1");
    await notify({ ready: true, status: "at work" });
    await signalled("SIGTERM");
    await stopping();
  },
  /** Sends a state that systemd would discard, and then READY. */
  async careful() {
    const refused = await notify("READY=1\nX_TEST=\0").catch(({ name }) =>
      name
    );
    const text = `${refused} \x1b[31m\u202e${"é".repeat(5_000)}`;
    await notify({ ready: true, status: text });
    await signalled("SIGTERM");
  },
  /** Reloads from one SIGHUP to the next. */
  async reloading() {
    let reloads = false;
    // One listener for all: without any, SIGHUP ends the process.
    Deno.addSignalListener("SIGHUP", () => {
      reloads = !reloads;
      notify({ reloading: reloads, ready: !reloads, status: `${reloads}` });
    });
    await ready();
    await signalled("SIGTERM");
  },
  /** Pings until SIGUSR1 makes it hang. */
  async watched() {
    using _pings = watchdog();
    await ready();
    await signalled("SIGUSR1");
    while (true);
  },
  /** Serves the one connection that it was started for. */
  async connected() {
    using conn = await connection(listenFds()[0] ?? 0);
    for (let chunk; (chunk = await conn.readChunk()) !== null;) {
      await conn.write(chunk);
    }
  },
};

function signalled(signal: Deno.Signal): Promise<void> {
  return new Promise((resolve) => {
    const listener = () => {
      Deno.removeSignalListener(signal, listener);
      resolve();
    };
    Deno.addSignalListener(signal, listener);
  });
}

await faces[Deno.args[0]!]!();
