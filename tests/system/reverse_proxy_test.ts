// The settings for nginx and Caddy in docs/web-service.md, on Debian 13.

import { assertStringIncludes } from "@std/assert";
import { page } from "../docs/pages.ts";
import { eventually } from "../support/eventually.ts";
import { debian } from "./debian.ts";
import { Machine, type Tree } from "./machine.ts";
import { installServices, service, socket } from "./service_units.ts";

const PAGE = page("docs/web-service.md");

/** Returns the only part of the page in this language. */
function snippet(language: string): string {
  const [, text] = PAGE.split(`\`\`\`${language}\n`);
  return text!.slice(0, text!.indexOf("```"));
}

const PROXIES = [
  {
    ...{ proxy: "nginx", group: "www-data", port: 8080 },
    file: "/etc/nginx/conf.d/web.conf",
    settings: `server { listen 8080;\n${snippet("nginx")}}\n`,
  },
  {
    ...{ proxy: "caddy", group: "caddy", port: 8081 },
    file: "/etc/caddy/Caddyfile",
    settings: snippet("caddyfile").replace("example.org", ":8081"),
  },
];

/** A socket and a service for each proxy, with its group. */
const UNITS = Object.fromEntries(PROXIES.flatMap(({ proxy, group }) => [
  [
    `${proxy}-web.socket`,
    socket(`${proxy}-web`, `SocketGroup=${group}`, "SocketMode=0660"),
  ],
  [`${proxy}-web.service`, service("web", "Type=notify")],
]));

async function installAll(tree: Tree): Promise<void> {
  await installServices(tree, UNITS);
  for (const { proxy, file, settings } of PROXIES) {
    const text = settings.replace(
      "/run/web.socket",
      `/run/${proxy}-web.socket`,
    );
    await tree.run(
      ...["sh", "-c", 'printf %s "$1" >"$2"', "sh", text] as const,
      `${tree.root}${file}`,
    );
  }
}

let machine: Machine;
Deno.test.beforeAll(async () => {
  machine = await Machine.boot({
    root: await debian("trixie"),
    prepare: installAll,
  });
});
Deno.test.afterAll(() => machine?.[Symbol.asyncDispose]());

for (const { proxy, port } of PROXIES) {
  Deno.test(`${proxy} with the settings of the page starts the service, and passes requests on`, async () => {
    await machine.systemctl("start", `${proxy}-web.socket`, proxy);
    const host = `web.example:${port}`;
    const request = `GET /a?b HTTP/1.1\\r\\nHost: ${host}\\r\\n`;
    const ask = `exec 3<>/dev/tcp/127.0.0.1/${port}
      printf '${request}Connection: close\\r\\n\\r\\n' >&3
      cat <&3`;
    const { stdout } = await eventually(
      `${proxy} answers`,
      () => machine.attempt("bash", "-c", ask),
      ({ stdout }) => stdout.startsWith("HTTP/1.1 200 "),
    );
    assertStringIncludes(stdout, `GET http://${host}/a?b ${host}`);
    await machine.reaches(`${proxy}-web.service`, "active (running)");
    await machine.systemctl(
      "stop",
      `${proxy}-web.service`,
      `${proxy}-web.socket`,
    );
  });
}
