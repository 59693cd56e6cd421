// Restarts while kept-alive clients post all the time: no request is lost, on Debian 13.

import { assert, assertEquals } from "@std/assert";
import { compile } from "../support/compile.ts";
import { soon } from "../support/eventually.ts";
import { Lines } from "../support/program.ts";
import { SOAK_MINUTES } from "../support/soak.ts";
import { TempDir } from "../support/temp_dir.ts";
import { compileNodeServer } from "./compile_example.ts";
import { debian } from "./debian.ts";
import { Machine, REPOSITORY, type Tree } from "./machine.ts";
import { installServices, service } from "./service_units.ts";

const RESTARTS = SOAK_MINUTES === undefined ? 3 : 100;
const CERTIFICATES = "/etc/posting";

/** A service, and the arguments of the client. */
const CASES: Record<string, {
  listen: string;
  client: string[];
  service?: string;
}> = {
  tcp: { listen: "127.0.0.1:9001", client: ["tcp", "9001"] },
  unix: {
    listen: "/run/posting.socket",
    client: ["unix", "/run/posting.socket"],
  },
  tls: {
    listen: "127.0.0.1:9003",
    client: ["tls", "9003", `${CERTIFICATES}/cert.pem`],
    service: service(
      "posting",
      `LoadCredential=cert.pem:${CERTIFICATES}/cert.pem`,
      `LoadCredential=key.pem:${CERTIFICATES}/key.pem`,
    ),
  },
  "web-socket": {
    listen: "127.0.0.1:9004",
    client: ["tcp", "9004"],
    service: service(`posting '{"webSocket":true}'`),
  },
  express: {
    listen: "127.0.0.1:9005",
    client: ["tcp", "9005"],
    service: "[Service]\nExecStart=/usr/local/bin/node-server-express\n",
  },
  "behind-nginx": {
    listen: "/run/behind.socket",
    client: ["tcp", "9006"],
  },
};

const NGINX = `upstream behind {
  server unix:/run/behind.socket;
  keepalive 8;
}
server {
  listen 127.0.0.1:9006;
  keepalive_requests 1000000;
  location / {
    proxy_pass http://behind;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
  }
}
`;

async function installAll(tree: Tree): Promise<void> {
  const units = Object.entries(CASES).flatMap(([name, each]) => [
    [`${name}.socket`, `[Socket]\nListenStream=${each.listen}\n`],
    [
      `${name}.service`,
      (each.service ?? service("posting")) +
      "Type=notify\nTimeoutStopSec=15s\n[Unit]\nStartLimitIntervalSec=0\n",
    ],
  ]);
  await installServices(tree, Object.fromEntries(units));
  using directory = new TempDir();
  const client = directory.join("kept-alive-client");
  await compile(
    `${import.meta.dirname}/kept_alive_client.ts`,
    client,
    ["--allow-net", "--allow-read", "--allow-write=/run"],
  );
  const express = directory.join("node-server-express");
  await compileNodeServer("express", express);
  const nginx = directory.join("behind.conf");
  Deno.writeTextFileSync(nginx, NGINX);
  for (const name of ["cert", "key"]) {
    await tree.run(
      ...["install", "-D", "--mode=644"] as const,
      `${REPOSITORY}/tests/support/test_only_${name}.pem`,
      `${tree.root}${CERTIFICATES}/${name}.pem`,
    );
  }
  await tree.run("install", client, express, `${tree.root}/usr/local/bin`);
  await tree.run("install", nginx, `${tree.root}/etc/nginx/conf.d`);
}

let machine: Machine;
Deno.test.beforeAll(async () => {
  machine = await Machine.boot({
    root: await debian("trixie"),
    prepare: installAll,
  });
});
Deno.test.afterAll(() => machine?.[Symbol.asyncDispose]());

for (const [name, { client }] of Object.entries(CASES)) {
  Deno.test(`${name}: ${RESTARTS} restarts lose no request of kept-alive clients`, async () => {
    const units = [`${name}.socket`, `${name}.service`];
    await machine.systemctl("start", ...units);
    if (name === "behind-nginx") await machine.systemctl("restart", "nginx");
    const program = machine.spawn("kept-alive-client", ...client);
    const lines = new Lines("the stdout of the client", program.stdout);
    try {
      for (let restart = 1; restart <= RESTARTS; restart++) {
        // More responses than one.
        await lines.atLeast(lines.seen.length + 2);
        await machine.systemctl("restart", units[1]!);
      }
      await lines.atLeast(lines.seen.length + 1);
      await program.stdin.close();
      await soon("the client has ended", program.status);
      await lines.ended;
    } finally {
      await lines.close().catch(() => {});
    }
    assertEquals(lines.seen.filter((line) => line.startsWith("lost")), []);
    const [, total] = /^total: (\d+)$/.exec(lines.seen.at(-1)!)!;
    assert(Number(total) > RESTARTS * 25, `only ${total} responses`);
    const { Result } = await machine.show(units[1]!, "Result");
    assertEquals(Result, "success");
    await machine.systemctl("stop", ...units);
  });
}
