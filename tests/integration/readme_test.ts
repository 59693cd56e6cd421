import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { type Option, writtenOption } from "../../cli/option.ts";
import { CLIENT_USAGE } from "../../client/usage.ts";
import { SERVER_USAGE } from "../../server/usage.ts";
import { DENO_RUN } from "../support/deno_run.ts";
import { echoOf, receiveAllText, send } from "../support/peer.ts";
import { REPOSITORY } from "../support/program.ts";
import { denoEnv } from "../support/script.ts";
import { TempDir } from "../support/temp_dir.ts";
import { ActivatedServer } from "./activated_server.ts";

/** The TypeScript programs of README, in order. */
async function programs(): Promise<string[]> {
  const readme = await Deno.readTextFile(`${REPOSITORY}README.md`);
  return [...readme.matchAll(/^```ts\n(.*?)^```/gms)].map(([, code]) => code!);
}

/** Activates a program with the permissions that README's unit gives it. */
async function activate(
  directory: TempDir,
  program: string,
): Promise<ActivatedServer> {
  const path = directory.join("program.ts");
  await Deno.writeTextFile(path, program);
  const readme = await Deno.readTextFile(`${REPOSITORY}README.md`);
  const [, permissions = ""] = /^ExecStart=deno run (.*) \S+$/m.exec(readme) ??
    [];
  assert(permissions.startsWith("--allow-env="), "README's unit has changed");
  const check = DENO_RUN.map((word) =>
    word === "--no-check" ? "--check" : word
  );
  return await ActivatedServer.listen({
    command: [
      ...check,
      `--config=${REPOSITORY}deno.json`,
      ...permissions.split(" "),
      path,
    ],
    options: Object.entries(denoEnv()).map(([name, value]) =>
      `--setenv=${name}=${value}`
    ),
  });
}

Deno.test("README's web service answers on the socket that it is given", async () => {
  using directory = new TempDir();
  await using service = await activate(directory, (await programs())[0]!);
  for (const call of [1, 2]) {
    using conn = await service.connect();
    await send(
      conn,
      "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    );
    const response = await receiveAllText(conn);
    assert(response.startsWith("HTTP/1.1 200 OK\r\n"), response);
    assert(response.includes(`Call number ${call}\n`), response);
  }
});

Deno.test("README's echo service works on the socket that it is given", async () => {
  using directory = new TempDir();
  await using service = await activate(directory, (await programs())[1]!);
  using conn = await service.connect();
  assertEquals(await echoOf(conn, "as README says\n"), "as README says\n");
});

Deno.test("README tells of every export", async () => {
  const readme = await Deno.readTextFile(`${REPOSITORY}README.md`);
  const exports = Object.keys(await import("../../mod.ts"));
  const missing = exports.filter((name) =>
    // The parts that only types and errors are made of have no row of their own.
    name !== "escapeControl" && !new RegExp(`\`${name}\\b`).test(readme)
  );
  assertEquals(missing, []);
});

Deno.test("docs/programs.md tells of every option, default and exit status", async () => {
  const page = await Deno.readTextFile(`${REPOSITORY}docs/programs.md`);
  for (const { name, options, exits } of [SERVER_USAGE, CLIENT_USAGE]) {
    const [, section] = page.split(`\n## ${name}\n`);
    const rows = section!.split("\n## ")[0]!.split("\n")
      .filter((line) => line.startsWith("| "));
    const words = rows.map((row) => row.replaceAll("`", ""));
    for (const [option, about] of Object.entries<Option>(options)) {
      const written = writtenOption(option, about);
      const row = rows.find((row) => row.includes(`\`${written}`));
      assert(
        row !== undefined,
        `docs/programs.md has no row on ${written} of ${name}`,
      );
      if (!("value" in about)) continue;
      assertStringIncludes(row, `\`${written} ${about.value}\``);
      assertStringIncludes(row, about.defaultMeans ?? about.default);
    }
    for (const [status, meaning] of Object.entries(exits)) {
      const row = words.find((row) => row.startsWith(`| ${status} `));
      assertStringIncludes(row ?? "", `| ${meaning} `);
    }
  }
});
