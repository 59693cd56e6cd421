/**
 * A service with several behaviours, for the tests of this folder, selected by its
 * first argument.
 */

import {
  claim,
  connection,
  credential,
  journalSend,
  listenFds,
  logger,
  notify,
  onReload,
  ready,
  serve,
  service as daemonService,
  status,
  stopping,
  upgradeWebSocket,
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
  /** Reloads for as long as SIGUSR1 has not arrived. */
  async configured() {
    let reloads = 0;
    onReload(async () => {
      await status(`reload ${++reloads}`);
      await signalled("SIGUSR1");
    });
    await notify({ ready: true, status: "configured" });
    await signalled("SIGTERM");
  },
  /** Sends records to the journal, and its credentials in one. */
  async recording() {
    const fields = {
      SYSLOG_IDENTIFIER: "ipc-test",
      PRIORITY: 5,
      TEST_CASE: "fields",
      TEST_NUMBER: [1, 2],
      TEST_LINES: "one\ntwo",
      TEST_BYTES: Uint8Array.of(0, 10, 255),
    };
    await journalSend({ ...fields, MESSAGE: "several\nlines" });
    logger({ name: "ipc-test" }).warning("logged", { TEST_CASE: "logger" });
    await journalSend({
      TEST_CASE: "credentials",
      MESSAGE: await credential("token"),
      TEST_MISSING: await credential("other").catch(({ message }) => message),
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
  /** Answers over HTTP with what a proxy has sent. */
  async web() {
    await serve(({ method, url, headers }) =>
      new Response(`${method} ${url} ${headers.get("host")}\n`)
    );
  },
  /** Is ready, and works without end. */
  ready() {
    const member = daemonService().join();
    const work = setInterval(() => {}, 1_000);
    member.stopping.addEventListener("abort", () => clearInterval(work));
    return Promise.resolve();
  },
  /** Two servers with different times, of which the quick one has a timer beside it. */
  async draining() {
    const answer = async (request: Request) =>
      new Response(await request.text());
    setInterval(() => {}, 1_000);
    await Promise.all([
      serve(answer, { name: "quick.socket", drainTimeoutMs: 500 }),
      serve(answer, { name: "slow.socket", drainTimeoutMs: 20_000 }),
    ]);
  },
  /** Returns what it gets; its argument are options, with TLS if it has credentials. */
  async posting() {
    const tls = await credential("cert.pem").then(
      async (cert) => ({ cert, key: await credential("key.pem") }),
      () => ({}),
    );
    await serve(
      async (request) => new Response(await request.text()),
      { ...JSON.parse(Deno.args[1] ?? "{}"), ...tls },
    );
  },
  /** Exits when idle, although it has a timer. */
  async ticking() {
    setInterval(() => {}, 1_000);
    await serve(() => new Response("here\n"), { idleTimeoutMs: 300 });
  },
  /** Upgrades every request. */
  async upgrading() {
    await serve((request) => upgradeWebSocket(request).response, {
      webSocket: true,
      drainTimeoutMs: 1_000,
    });
  },
  /** Sends the datagrams of one socket to the first connection of another. */
  async claiming() {
    using sockets = await claim({ web: "unix", log: "udp" });
    using conn = await sockets.web.accept();
    for await (const [bytes] of sockets.log) await conn.write(bytes);
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
