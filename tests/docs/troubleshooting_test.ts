// docs/troubleshooting.md has the messages that programs really print.

import { assertEquals } from "@std/assert";
import { REPOSITORY, run } from "../support/program.ts";
import { denoEnv, scriptCommand } from "../support/script.ts";
import { TempDir } from "../support/temp_dir.ts";
import * as page from "../support/troubleshooting.ts";

const ALL = ["--allow-all"];

/** Runs a script below a shell: `"$@"` is its command line. */
async function failing(script: string, shell = 'exec "$@"', flags = ALL) {
  using directory = new TempDir();
  const args = ["-c", shell, "sh", ...scriptCommand(script, flags)];
  const options = { env: denoEnv(), cwd: directory.path };
  const { code, stderr } = await run("sh", args, options);
  assertEquals(code, 1, stderr);
  return stderr;
}

const SERVE = "await serve(() => new Response());";
const PASS_FDS = `python3 ${REPOSITORY}tests/support/pass_fds.py`;

/** Produces each message. */
const MESSAGES: Record<string, () => Promise<string>> = {
  "no socket was passed to this process; start it from a socket unit": () =>
    failing(SERVE),
  "LISTEN_PID=… is the parent of this process, and this is …": () =>
    failing(SERVE, 'export LISTEN_PID=$$ LISTEN_FDS=1; "$@"; exit $?'),
  "systemd has started this process without a socket": () =>
    failing(SERVE, 'SYSTEMD_EXEC_PID=$$ exec "$@"'),
  "it was not passed (passed: …); set FileDescriptorName=… in the socket unit":
    () =>
      failing(
        'await serve(() => new Response(), { name: "web.socket" });',
        `exec ${PASS_FDS} unix=renamed.socket "$@"`,
      ),
  ", the fallback: Address already in use (os error 98)": async () => {
    using blocker = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    return await failing(`await listenOr({ port: ${blocker.addr.port} });`);
  },
  "(an error of Deno …); the oldest supported release is …": () =>
    // As Deno 2.8.1, which has another handle for unix sockets.
    failing(
      `import process from "node:process";
      process.binding("pipe_wrap").Pipe.prototype.listen = () => -17;
      await listeners();`,
      `exec ${PASS_FDS} unix=web "$@"`,
    ),
  'Requires env access to "NOTIFY_SOCKET"': () =>
    failing("await ready();", 'exec "$@"', []),
  'Cannot notify "…": Requires write access to "…"': () =>
    failing("await ready();", 'NOTIFY_SOCKET=/run/other/notify exec "$@"', [
      "--allow-env=NOTIFY_SOCKET",
      "--allow-net",
    ]),
};

for (const [message, produce] of Object.entries(MESSAGES)) {
  Deno.test(`a program prints "${message}"`, async () => {
    page.assertHas(await produce(), message);
  });
}

Deno.test("the page has these messages, and those that take systemd", async () => {
  assertEquals(
    (await page.pageMessages()).sort(),
    [...Object.keys(MESSAGES), ...Object.values(page.BY_SYSTEMD)].sort(),
  );
});
