// examples/node-servers, compiled and installed as its README says.

import { assertEquals } from "@std/assert";
import { TempDir } from "../support/temp_dir.ts";
import { compileNodeServer } from "./compile_example.ts";
import { Machine, REPOSITORY, type Tree } from "./machine.ts";

const NAMES = ["express", "fastify", "hono", "ws"];
const UNITS = ["node-server@.socket", "node-server@.service"];

async function installServers(tree: Tree): Promise<void> {
  using directory = new TempDir();
  for (const name of NAMES) {
    const executable = directory.join(`node-server-${name}`);
    await compileNodeServer(name, executable);
    await tree.run(
      ...["install", "-D", "-t", `${tree.root}/usr/local/bin`] as const,
      executable,
    );
  }
  await tree.run(
    ...["install", "-m", "644", "-t"] as const,
    `${tree.root}/etc/systemd/system`,
    ...UNITS.map((unit) => `${REPOSITORY}/examples/node-servers/${unit}`),
  );
}

let machine: Machine;
Deno.test.beforeAll(async () => {
  machine = await Machine.boot({ prepare: installServers });
});
Deno.test.afterAll(() => machine?.[Symbol.asyncDispose]());

for (const name of NAMES) {
  Deno.test(`node-server@${name} passes verify, starts on the first request, and stops`, async () => {
    const [socket, service] = UNITS.map((unit) =>
      unit.replace("@", `@${name}`)
    );
    assertEquals(
      await machine.attempt("systemd-analyze", "verify", socket!, service!),
      { code: 0, stdout: "", stderr: "" },
    );
    await machine.systemctl("enable", "--now", socket!);
    const path = `/run/node-server/${name}.socket`;
    assertEquals(
      await machine.run(
        ...["curl", "--silent", "--fail", "--unix-socket", path] as const,
        "http://localhost/",
      ),
      `hello from ${name}\n`,
    );
    await machine.reaches(service!, "active (running)");
    await machine.systemctl("stop", service!, socket!);
    assertEquals((await machine.show(service!, "Result")).Result, "success");
  });
}
