// The message of a call that gets no socket names the cause that the variables show.

import { assertEquals } from "@std/assert";
import { activate, ALLOW_ACTIVATION } from "../support/activate.ts";
import { eventually } from "../support/eventually.ts";
import { run } from "../support/program.ts";
import {
  DENO_RUN,
  denoEnv,
  runScript,
  scriptCommand,
} from "../support/script.ts";
import { TempDir } from "../support/temp_dir.ts";

const SERVE = "serve(() => new Response())";

/** Runs a call below `sh -c`: `"$@"` is the command line. Returns what it prints. */
async function printed(
  shell: string,
  call: string,
  env = "--allow-env",
): Promise<string> {
  const script = `await ${call}.then(
    (listening) => {
      console.log(listening.addr.hostname);
      return (listening.close ?? listening.shutdown).call(listening);
    },
    (error) => console.log(\`\${error.name} \${error.code}: \${error.message}\`),
  );`;
  const command = scriptCommand(script, [env, "--allow-net=127.0.0.1"]);
  const args = ["-c", shell, "sh", ...command];
  const { stdout, stderr } = await run("sh", args, { env: denoEnv() });
  assertEquals(stderr, "");
  return stdout.trimEnd();
}

const VARIABLES = "export LISTEN_PID=$$ LISTEN_FDS=1";
const PARENT = "the parent of this process";
const MISDIRECTED: [who: string, shell: string, which: string][] = [
  ["a shell", `${VARIABLES}; "$@"; true`, PARENT],
  [
    "deno task",
    `${VARIABLES}; task="'$1'"; shift; for word; do task="$task '$word'"; done
    cd / && exec ${DENO_RUN[0]} task --quiet --eval "$task"`,
    PARENT,
  ],
  [
    "a shell of a shell",
    `${VARIABLES} SYSTEMD_EXEC_PID=$$; sh -c '"$@"; true' sh "$@"; true`,
    "the process that systemd has started",
  ],
];
for (const [who, shell, which] of MISDIRECTED) {
  Deno.test(`with a socket for ${who}, no fallback is used`, async () => {
    const message = await printed(shell, "listenOr({ port: 0 })");
    assertEquals(
      message.replaceAll(/(PID=|this is )\d+/g, "$1N"),
      `ActivationError not-activated: Cannot listen on 127.0.0.1:0: LISTEN_PID=N is ${which}, and this is N: a shell or "deno task" is in between; start the program by "exec", or directly in ExecStart=`,
    );
  });
}

const WITHOUT_SOCKET =
  'systemd has started this process without a socket; start the service by its socket unit, which needs Sockets= in the service if its name differs; or "deno run --watch" has restarted the program, and closed the socket: run it by hand with a fallback';
const BY_HAND = "start it from a socket unit, or with systemd-socket-activate";
const NONE = `no socket was passed to this process; ${BY_HAND}`;
const OTHER =
  `no socket was passed to this process (LISTEN_PID=1 is another one); ${BY_HAND}`;

const RUN = 'exec "$@"';
const AS_SERVICE = `SYSTEMD_EXEC_PID=$$ ${RUN}`;
const AS_OTHER = `LISTEN_PID=1 LISTEN_FDS=1 ${RUN}`;

Deno.test("an error names the cause that the variables show, and the next step", async () => {
  for (
    const [shell, call, message] of [
      [RUN, 'claim({ web: "tcp", log: "udp" })', `claim "web", "log": ${NONE}`],
      [RUN, 'listenDatagram("log")', `take the socket "log": ${NONE}`],
      [RUN, SERVE, `serve: ${NONE}`],
      [AS_SERVICE, SERVE, `serve: ${WITHOUT_SOCKET}`],
      [AS_OTHER, SERVE, `serve: ${OTHER}`],
    ] as const
  ) {
    assertEquals(
      await printed(shell, call),
      `ActivationError not-activated: Cannot ${message}`,
    );
  }
});

Deno.test("a socket for any other process is ignored, also without more permissions", async () => {
  const fallback = "listenOr({ port: 0 })";
  const hostname = await printed(AS_OTHER, fallback, ALLOW_ACTIVATION);
  assertEquals(hostname, "127.0.0.1");
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
    assertEquals(await printed(RUN, call), message);
    assertEquals(
      await printed(AS_SERVICE, call),
      `${message}; ${WITHOUT_SOCKET}`,
    );
  }
});

Deno.test("by hand, serve() logs where it listens, unless the program does", async () => {
  const { stdout, stderr } = await runScript(
    `for (const options of [{ onListen() {} }, {}]) {
      const fallback = { port: 0 };
      const server = await serve(() => new Response(), { fallback, ...options });
      console.log(server.addr.port);
      await server.shutdown();
    }`,
    { flags: [ALLOW_ACTIVATION, "--allow-net"] },
  );
  const [, port] = stdout.split("\n");
  assertEquals(stderr, `info: Listening on 127.0.0.1:${port}\n`);
});

Deno.test("a program that deno run --watch has restarted names the restart", async () => {
  using directory = new TempDir();
  const file = directory.join("file");
  await Deno.writeTextFile(file, "");
  await using program = await activate({
    script: `await serve(() => new Response()).then(
      () => console.log("adopted"),
      (error) => console.log(\`\${error}\`),
    );`,
    allow: [
      "--allow-env=LISTEN_PID,LISTEN_FDS,LISTEN_FDNAMES,SYSTEMD_EXEC_PID",
      `--watch=${file}`,
    ],
    wrapper: ["sh", "-c", 'SYSTEMD_EXEC_PID=$$ exec "$@"', "sh"],
  });
  using _conn = await program.dial();
  await program.stdout.line("adopted");
  // Deno may begin to watch after the program has started; each change restarts it.
  let next = 0, pause = 500;
  const changing = () => {
    if (performance.now() > next) {
      Deno.writeTextFileSync(file, "");
      next = performance.now() + (pause *= 2);
    }
    return program.stdout.seen[1];
  };
  const within = 60_000;
  const line = await eventually("it restarts", changing, Boolean, { within });
  assertEquals(line, `ActivationError: Cannot serve: ${WITHOUT_SOCKET}`);
});
