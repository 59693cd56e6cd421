/**
 * A service with several behaviours, for the tests of this folder, selected by its
 * first argument.
 */

import {
  credential,
  journalSend,
  logger,
  notify,
  onReload,
  ready,
  serve,
  status,
  stopping,
} from "../../mod.ts";

const behaviours: Record<string, () => Promise<void>> = {
  /** Sends states that systemd would discard, READY on SIGUSR1, and STOPPING. */
  async notifying() {
    const [release, stop] = [signalled("SIGUSR1"), signalled("SIGTERM")];
    await status("waiting for SIGUSR1");
    await release;
    const refused = await notify("READY=1\nX_TEST=\0")
      .catch(({ name }) => name);
    const text = `${refused} \x1b[31m\u202e${"é".repeat(5_000)}`;
    await notify({ ready: true, status: text });
    await stop;
    await stopping();
  },
  /** Reloads for as long as SIGUSR1 has not arrived. */
  async configured() {
    let reloads = 0;
    onReload(async () => {
      const release = signalled("SIGUSR1");
      await status(`reload ${++reloads}`);
      await release;
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
    });
    await ready();
    await signalled("SIGTERM");
  },
  /** Responds with the method, URL and host that a proxy has sent. */
  async web() {
    await serve(({ method, url, headers }) =>
      new Response(`${method} ${url} ${headers.get("host")}\n`)
    );
  },
  /** Echoes bodies. Its argument has the options; with credentials, it serves TLS. */
  async posting() {
    console.log("start");
    const tls = await credential("cert.pem").then(
      async (cert) => ({ cert, key: await credential("key.pem") }),
      () => ({}),
    );
    await serve(
      async (request) => new Response(await request.text()),
      { ...JSON.parse(Deno.args[1] ?? "{}"), ...tls },
    );
  },
};

const signalled = (signal: Deno.Signal) =>
  new Promise<void>((resolve) => Deno.addSignalListener(signal, resolve));

await behaviours[Deno.args[0]!]!();
