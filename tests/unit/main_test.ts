// The program: from a module to an executable and units that systemd accepts.

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { type Finished, REPOSITORY, run } from "../support/program.ts";
import { denoEnv } from "../support/script.ts";
import { TempDir } from "../support/temp_dir.ts";

const MAIN = `${REPOSITORY}unit/main.ts`;

/** A project whose program imports another module by an absolute path. */
function project(): TempDir {
  const directory = new TempDir();
  const write = (name: string, text: string) =>
    Deno.writeTextFileSync(directory.join(name), text);
  write(
    "deno.jsonc",
    `{
      // A comment, and a "string, with both": ,]
      "imports": {
        "@ipc/ipc/unit": "${MAIN}",
        "text": "${directory.join("text.ts")}",
      },
      "permissions": {
        "default": { "read": ["data"], },
        "named": { "env": ["API_KEY"], "net": { "allow": ["a.example"] } },
      },
    }`,
  );
  write("no.ts", 'import "./no-such.ts";');
  Deno.mkdirSync(directory.join("a.b"));
  write("a.b/main.ts", "");
  write("text.ts", `export const text: string = "embedded";\n`);
  write(
    "web.ts",
    `import { text } from "text";
    const { state } = await Deno.permissions.query({ name: "env", variable: "API_KEY" });
    console.log(text, state);\n`,
  );
  return directory;
}

/** Runs the program by its module, or by an import of the project. */
const generate = ({ path }: TempDir, ...args: string[]): Promise<Finished> =>
  run(Deno.execPath(), ["run", "-A", ...args], { cwd: path, env: denoEnv() });

function names(directory: TempDir, folder = "."): string[] {
  return [...Deno.readDirSync(directory.join(folder))]
    .map(({ name }) => name).sort();
}

Deno.test("a mapped import makes an executable with all imports, and units", async () => {
  using directory = project();
  const before = names(directory);
  const args = ["web.ts", "--listen", "8000", "--", "-P=named"];
  const made = await generate(directory, "@ipc/ipc/unit", ...args);
  assertEquals(made.stderr.replaceAll(/.*Warning.*\n/g, ""), "");
  assertEquals(names(directory), [...before, "dist"].sort());
  assertEquals(names(directory, "dist"), ["web", "web.service", "web.socket"]);

  Deno.removeSync(directory.join("text.ts"));
  assertEquals(await run(directory.join("dist/web"), [], { cwd: "/" }), {
    ...{ code: 0, stdout: "embedded granted\n", stderr: "" },
  });
});

Deno.test("files are overwritten only with --force", async () => {
  using directory = project();
  const executable = directory.join("true");
  Deno.copyFileSync("/usr/bin/true", executable);
  const args = [MAIN, "web.ts", "--listen", "8000", "--executable", executable];
  const first = await generate(directory, ...args);
  assertEquals(first.code, 0, first.stderr);
  assertEquals(names(directory, "dist"), ["web.service", "web.socket"]);
  const socket = directory.join("dist/web.socket");
  Deno.writeTextFileSync(socket, "by hand");
  const second = await generate(directory, ...args);
  assertEquals(second.code, 1);
  assertMatch(
    second.stderr,
    /^unit: Cannot overwrite dist\/web\.socket, dist\/web\.service: give --force/,
  );
  assertEquals(Deno.readTextFileSync(socket), "by hand");
  args.push("--type", "exec", "--idle", "5m", "--force");
  args.push("--", "-P", "--deny-net=a");
  const forced = await generate(directory, ...args);
  assertEquals(forced.code, 0, forced.stderr);
  assertMatch(forced.stdout, /^limit +Only Deno enforces --deny-\*/m);
  const service = Deno.readTextFileSync(directory.join("dist/web.service"));
  const data = directory.join("data");
  for (
    const line of [
      ...[`# --allow-read=${data}`, `ExecStart=${executable}`, "Type=exec"],
      "Environment=IPC_IDLE_TIMEOUT_MS=300000",
    ]
  ) assertStringIncludes(service, `\n${line}\n`);
  const both = await generate(directory, ...args.slice(0, 6), "--instances=2");
  assertMatch(both.stdout, / --now web@1\.socket web@2\.socket$/m);
});

const REFUSED: [args: string, message: RegExp][] = [
  ["", /Give one PROGRAM and --listen/],
  ["web.ts", /Give one PROGRAM and --listen/],
  ["web.ts --listen 8000 --wrong", /'--wrong'; permissions go behind --$/m],
  ["none.ts --listen 8000", /Cannot find the program "none\.ts"/],
  [
    "web.ts --listen 1 --executable /bin/true -- --allow-nett",
    /"--allow-nett"/,
  ],
  ["a.b/main.ts --listen 8000", /name a service "a\.b"/],
  [
    "web.ts --listen 1 --executable /bin/true --user nobody",
    /verify: .*nobody/,
  ],
  ["web.ts --listen 8000 --name root", /"root", like a user: .* --user root/],
  ["web.ts --listen 8000 --idle soon", /--idle "soon"/],
  ["web.ts --listen 8000 --instances 1.5", /--instances 1 to 99/],
  ["web.ts --listen 8000 -- -P=none", /permission set "none"/],
  ["web.ts --listen 8000 -- --allow-run=no-such", /"no-such"/],
  ["web.ts --listen 8000 -- --allow-ffi=/no.so", /"\/no\.so" of --allow-ffi/],
  ["no.ts --listen 8000", /deno bundle: .*no-such/],
];
Deno.test("wrong arguments are refused without a trace", async () => {
  using directory = project();
  const before = names(directory);
  for (const [line, message] of REFUSED) {
    const args = line.split(" ").filter((arg) => arg !== "");
    const { code, stdout, stderr } = await generate(directory, MAIN, ...args);
    assertEquals([code, stdout], [1, ""], line);
    assertMatch(stderr, message, line);
    // A message of Deno may have three lines.
    assertMatch(stderr, /^unit: .*\n(?:.+\n){0,2}$/, line);
  }
  assertEquals(names(directory), before);
});
