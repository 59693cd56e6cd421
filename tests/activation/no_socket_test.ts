// The message of a call that gets no socket names the cause that the variables show.

import { assertEquals, assertMatch } from "@std/assert";
import { activate, ALLOW_ACTIVATION } from "../support/activate.ts";
import { DENO_RUN } from "../support/deno_run.ts";
import { run } from "../support/program.ts";
import { denoEnv, scriptCommand } from "../support/script.ts";
import { TempDir } from "../support/temp_dir.ts";

const PRINT = `.then(
  (listening) => {
    console.log(JSON.stringify(listening.addr));
    return (listening.close ?? listening.shutdown).call(listening);
  },
  (error) => console.log(\`\${error.name} \${error.code}: \${error.message}\`),
);`;
const FALLBACK = `await listenOr({ port: 0 })${PRINT}`;
const SERVE = `await serve(() => new Response())${PRINT}`;

/** Runs a script below `sh -c`: `"$@"` is its command line. Returns what it prints. */
async function printed(
  shell: string,
  script: string,
  env = "--allow-env",
): Promise<string> {
  const command = scriptCommand(script, [env, "--allow-net=127.0.0.1"]);
  const { stdout, stderr } = await run(
    "sh",
    ["-c", shell, "sh", ...command],
    { env: denoEnv() },
  );
  assertEquals(stderr, "");
  return stdout.trimEnd();
}

const BELOW =
  `a shell or "deno task" is in between; start the program by "exec", or directly in ExecStart=`;

const MISDIRECTED: [who: string, shell: string, which: RegExp][] = [
  [
    "a shell",
    `LISTEN_PID=$$ LISTEN_FDS=1 "$@"; true`,
    /the parent of this process/,
  ],
  [
    "deno task",
    `export LISTEN_PID=$$ LISTEN_FDS=1
    task="'$1'"; shift; for word; do task="$task '$word'"; done
    cd / && exec ${DENO_RUN[0]} task --quiet --eval "$task"`,
    /the parent of this process/,
  ],
  [
    "a shell of a shell",
    `export LISTEN_PID=$$ LISTEN_FDS=1 SYSTEMD_EXEC_PID=$$
    sh -c '"$@"; true' sh "$@"; true`,
    /the process that systemd has started/,
  ],
];
for (const [who, shell, which] of MISDIRECTED) {
  Deno.test(`with a socket for ${who}, no fallback is used`, async () => {
    for (const script of [FALLBACK, SERVE]) {
      const message = await printed(shell, script);
      assertMatch(
        message,
        /^ActivationError not-activated: Cannot (listen on 127.0.0.1:0|serve): LISTEN_PID=\d+ is /,
      );
      assertMatch(message, which);
      assertEquals(message.endsWith(BELOW), true, message);
    }
  });
}

Deno.test("a socket for any other process is ignored", async () => {
  const shell = `LISTEN_PID=1 LISTEN_FDS=1 exec "$@"`;
  const addr = JSON.parse(await printed(shell, FALLBACK, ALLOW_ACTIVATION));
  assertEquals(addr.hostname, "127.0.0.1");
  assertEquals(
    await printed(shell, SERVE, ALLOW_ACTIVATION),
    "ActivationError not-activated: Cannot serve: no socket was passed to this process (LISTEN_PID=1 is another one); start it from a socket unit, or with systemd-socket-activate",
  );
});

Deno.test("the error of a program run by hand names two ways to get a socket", async () => {
  for (
    const [call, action] of [
      [`claim({ web: "tcp", log: "udp" })`, 'claim "web", "log"'],
      [`listenDatagram("log")`, 'take the socket "log"'],
      ["serve(() => new Response())", "serve"],
    ]
  ) {
    assertEquals(
      await printed('exec "$@"', `await ${call}${PRINT}`),
      `ActivationError not-activated: Cannot ${action}: no socket was passed to this process; start it from a socket unit, or with systemd-socket-activate`,
    );
  }
});

const WITHOUT_SOCKET =
  'systemd has started this process without a socket; start the service by its socket unit, which needs Sockets= in the service if its name differs; or "deno run --watch" has restarted the program, and closed the socket: run it by hand with a fallback';

Deno.test("the error of a service started without its socket names the cause", async () => {
  assertEquals(
    await printed(`SYSTEMD_EXEC_PID=$$ exec "$@"`, SERVE),
    `ActivationError not-activated: Cannot serve: ${WITHOUT_SOCKET}`,
  );
});

Deno.test("a fallback that fails names its address, and the socket that is missing in a service", async () => {
  using blocker = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = blocker.addr;
  const message =
    `AddrInUse EADDRINUSE: Cannot listen on 127.0.0.1:${port}, the fallback: Address already in use (os error 98)`;
  for (
    const call of [
      `listenOr({ port: ${port} })`,
      `serve(() => new Response(), { fallback: { port: ${port} } })`,
    ]
  ) {
    const script = `await ${call}${PRINT}`;
    assertEquals(await printed('exec "$@"', script), message);
    assertEquals(
      await printed(`SYSTEMD_EXEC_PID=$$ exec "$@"`, script),
      `${message}; ${WITHOUT_SOCKET}`,
    );
  }
});

Deno.test("by hand, serve() logs where it listens, unless the program does", async () => {
  for (const onListen of [false, true]) {
    const [command, ...args] = scriptCommand(
      `const server = await serve(() => new Response(), {
        fallback: { port: 0 },
        ${onListen ? 'onListen: ({ port }) => console.error("at", port),' : ""}
      });
      console.log(server.addr.port);
      await server.shutdown();`,
      [ALLOW_ACTIVATION, "--allow-net"],
    );
    const { stdout, stderr } = await run(command!, args, { env: denoEnv() });
    const port = stdout.trimEnd();
    assertEquals(
      stderr,
      onListen ? `at ${port}\n` : `info: Listening on 127.0.0.1:${port}\n`,
    );
  }
});

Deno.test("a program that deno run --watch has restarted names the restart", async () => {
  using directory = new TempDir();
  const file = directory.join("file");
  await Deno.writeTextFile(file, "");
  await using program = await activate({
    module: "tests/activation/watched_program.ts",
    allow: [
      "--allow-env=LISTEN_PID,LISTEN_FDS,LISTEN_FDNAMES,SYSTEMD_EXEC_PID",
      `--watch=${file}`,
    ],
    wrapper: ["sh", "-c", 'SYSTEMD_EXEC_PID=$$ exec "$@"', "sh"],
  });
  using _conn = await program.dial();
  await program.stdout.line("adopted");
  await Deno.writeTextFile(file, "changed");
  assertEquals(
    await program.stdout.line(/Error/),
    `ActivationError: Cannot serve: ${WITHOUT_SOCKET}`,
  );
});
