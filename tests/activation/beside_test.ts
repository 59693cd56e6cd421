// A service may inherit other descriptors beside its socket.

import { assertEquals, assertMatch } from "@std/assert";
import { ALLOW_ACTIVATION } from "../support/activate.ts";
import { REPOSITORY, run } from "../support/program.ts";
import { denoEnv, scriptCommand } from "../support/script.ts";
import { TempDir } from "../support/temp_dir.ts";

const PASS_FDS = `${REPOSITORY}tests/support/pass_fds.py`;
const WITHOUT_HANDLES =
  `--preload=${REPOSITORY}tests/activation/without_handles.ts`;

/** Passes descriptors, each `KIND=NAME`, to a script. Returns what it prints. */
async function printed(
  passed: string,
  script: string,
  ...flags: string[]
): Promise<string[]> {
  using directory = new TempDir();
  const command = scriptCommand(
    `const failure = (promise) => promise.then(
      (adopted) => "adopted",
      (error) => \`\${error.code}: \${error.message}\`,
    );
    ${script}`,
    [ALLOW_ACTIVATION, ...flags],
  );
  const { stdout, stderr } = await run(
    "python3",
    [PASS_FDS, passed, ...command],
    { env: denoEnv(), cwd: directory.path },
  );
  assertEquals(stderr, "");
  return stdout.trimEnd().split("\n");
}

const OTHERS =
  "file=a,directory=a,terminal=a,udp=a,unix-datagram=a,connection=b,fifo=b";

const LISTENING = `console.log(
  (await listeners()).map(({ addr }) => addr.transport).join(),
);`;

for (
  const [with_, ...flags] of [
    [""],
    [", without handles", WITHOUT_HANDLES],
  ]
) {
  const passed = `${OTHERS},unix=web,tcp=web`;

  Deno.test(`listeners() adopts the listening sockets${with_}`, async () => {
    assertEquals(await printed(passed, LISTENING, ...flags), ["unix,tcp"]);
    assertEquals(
      await printed(
        passed,
        `for (const [name, all] of await listenersByName()) {
          console.log(name, all.length);
        }`,
        ...flags,
      ),
      ["web 2"],
    );
  });

  Deno.test(`serve() serves the listening sockets${with_}`, async () => {
    const serving = (options: string) =>
      `const service = await serve(() => new Response(), ${options});
      console.log(service.addrs.map(({ transport }) => transport).join());
      await service.shutdown();`;
    assertEquals(await printed(passed, serving("{}"), ...flags), ["unix,tcp"]);
    const same = passed.replaceAll(/=\w+/g, "=web");
    const named = serving('{ name: "web" }');
    assertEquals(await printed(same, named, ...flags), ["unix,tcp"]);
  });
}

Deno.test("other descriptors stay available", async () => {
  assertEquals(
    await printed(
      "connection=stored,udp=log,file=conf,unix=web",
      `${LISTENING}
      using conn = await connection(3);
      console.log(await conn.read(new Uint8Array(9)));
      using log = await listenDatagram("log");
      console.log((await log.receive())[0].length);
      console.log(await failure(listen(5)));
      console.log(await failure(listen(5)));`,
    ),
    [
      ...["unix", "1", "1"],
      ...Array(2).fill(
        'wrong-kind: Cannot listen on fd 5 "conf": it is a file or a device; use ListenStream= with a path, an @abstract name or a TCP port, and Accept=no',
      ),
    ],
  );
});

Deno.test("the kind of a socket chooses between ListenStream= and ListenDatagram= of one unit", async () => {
  assertEquals(
    await printed(
      "udp=web,unix=web,file=web",
      `using listener = await listenOr({ name: "web", port: 0 });
      console.log(listener.addr.transport);
      using datagrams = await listenDatagram("web");
      console.log(datagrams.addr.transport);`,
    ),
    ["unix", "udp"],
  );
  for (const [kind, transport] of [["stream", "unix"], ["udp", "udp"]]) {
    assertEquals(
      await printed(
        "udp=web,unix=web,file=web",
        `using claimed = await claim({ web: "${kind}" });
        console.log(claimed.web.addr.transport);`,
      ),
      [transport!],
    );
  }
});

Deno.test("a second listener, or a connection, makes a name necessary", async () => {
  for (const other of ["tcp", "connection"]) {
    const [unnamed, named] = await printed(
      `file=conf,${other}=other,unix=web`,
      `console.log(await failure(listenOr({ port: 0 })));
      console.log(await failure(listenOr({ port: 0, name: "web" })));`,
    );
    assertEquals(
      unnamed,
      'wrong-name: Cannot choose among several sockets (passed: 4 "other", 5 "web"); name the one to take',
    );
    assertEquals(named, "adopted");
  }
});

Deno.test("a service without any listener is refused, with each reason", async () => {
  const [first, second] = [
    'Cannot listen on fd 3 "conf": it is a file or a device; use ListenStream= with a path, an @abstract name or a TCP port, and Accept=no',
    'Cannot listen on fd 4 "stored": it is a unix connection; use ListenStream= with a path, an @abstract name or a TCP port, and Accept=no',
  ];
  for (const call of ["listeners()", "serve(() => new Response())"]) {
    assertEquals(
      await printed("file=conf", `console.log(await failure(${call}));`),
      [`wrong-kind: ${first}`],
    );
    assertEquals(
      await printed(
        "file=conf,connection=stored",
        `console.log(await failure(${call}));`,
      ),
      [`wrong-kind: ${first}; ${second}`],
    );
  }
});

Deno.test("connection() adopts a connection that the peer has reset", async () => {
  assertEquals(
    await printed(
      "reset=connection",
      `using conn = await connection(3);
      console.log(conn.localAddr.transport);
      await conn.read(new Uint8Array(1)).catch(({ name }) => console.log(name));`,
    ),
    ["tcp", "ConnectionReset"],
  );
});

Deno.test("listen() refuses a connection that the peer has reset, which stays available", async () => {
  const [message, result] = await printed(
    "reset=connection",
    `console.log(await failure(listen(3)));
    console.log(await failure(connection(3)));`,
  );
  assertMatch(message!, /^wrong-kind: .* it is a TCP connection; /);
  assertEquals(result, "adopted");
});
