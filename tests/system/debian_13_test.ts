// What takes Debian 13: Type=notify-reload, and the reverse proxies of
// docs/web-service.md; and restarts while kept-alive clients post all the time.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { examples } from "../docs/pages.ts";
import { eventually, soon } from "../support/eventually.ts";
import { Lines, REPOSITORY } from "../support/program.ts";
import { SOAK_MINUTES } from "../support/soak.ts";
import { Machine } from "./machine.ts";
import { compileExample, installService, service } from "./programs.ts";

const RESTARTS = SOAK_MINUTES === undefined ? 3 : 100;

const machine = new Machine({
  ...{ release: "trixie", prepare: () => Promise.resolve() },
});
Deno.test.beforeAll(() => installService(machine));

for (
  const [type, ...lines] of [
    ["notify-reload"],
    ["notify", 'ExecReload=sh -c "kill -HUP $MAINPID"'],
  ] as const
) {
  Deno.test(`systemctl reload of a Type=${type} service waits for onReload()`, async () => {
    const unit = `${type}.service`;
    const text = service("configured", `Type=${type}`, ...lines);
    await machine.units({ [unit]: text });
    await machine.systemctl("start", unit);
    const pid = await machine.mainPid(unit);
    for (const reload of [1, 2]) {
      await machine.systemctl("reload", "--no-block", unit);
      await machine.shows(unit, {
        ...{ ActiveState: "reloading", StatusText: `reload ${reload}` },
      });
      await machine.systemctl("kill", "--signal=SIGUSR1", unit);
      await machine.reaches(unit, "active (running)");
    }
    assertEquals(await machine.mainPid(unit), pid);
  });
}

const PAGE = "docs/web-service.md";
const PROXIES = [
  {
    ...{ proxy: "nginx", group: "www-data", port: 8080, root: "" },
    file: "/etc/nginx/conf.d/web.conf",
    settings: `server { listen 8080;\n${examples(PAGE, "nginx")[0]}}\n`,
  },
  {
    ...{ proxy: "caddy", group: "caddy", port: 8081, root: "" },
    file: "/etc/caddy/Caddyfile",
    settings: examples(PAGE, "caddyfile")[0]!.replace("example.org", ":8081"),
  },
  {
    ...{ proxy: "haproxy", group: "haproxy", port: 8082 },
    root: "/var/lib/haproxy",
    file: "/etc/haproxy/web.cfg",
    settings: `frontend web\n  bind :8082\n  default_backend web\n${
      examples(PAGE, "haproxy")[0]
    }`,
  },
];
Deno.test.beforeAll(() =>
  machine.write("/etc/default/haproxy", "EXTRAOPTS=-f /etc/haproxy/web.cfg\n")
);
for (const { proxy, group, port, root, file, settings } of PROXIES) {
  Deno.test(`${proxy} with the settings of the page starts the service, and passes requests on`, async () => {
    const path = `/run/${proxy}-web.socket`;
    await machine.write(file, settings.replace("/run/web.socket", path));
    await machine.units({
      [`${proxy}-web.socket`]:
        `[Socket]\nListenStream=${root}${path}\nSocketGroup=${group}\nSocketMode=0660\n`,
      [`${proxy}-web.service`]: service("web", "Type=notify"),
    });
    await machine.systemctl("start", `${proxy}-web.socket`);
    await machine.systemctl("restart", proxy);
    const host = `web.example:${port}`;
    const request = `GET /a?b HTTP/1.1\\r\\nHost: ${host}\\r\\n`;
    const ask = `exec 3<>/dev/tcp/127.0.0.1/${port}
      printf '${request}Connection: close\\r\\n\\r\\n' >&3
      cat <&3`;
    const { stdout } = await eventually(
      `${proxy} answers`,
      () => machine.attempt("bash", "-c", ask),
      ({ stdout }) => stdout.startsWith("HTTP/1.1 200 "),
      { within: 60_000 },
    );
    assertStringIncludes(stdout, `GET http://${host}/a?b ${host}`);
    await machine.reaches(`${proxy}-web.service`, "active (running)");
  });
}

const CERTIFICATES = "/etc/posting";
const CLIENT = "/srv/kept_alive_client.py";
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

/** Where each service listens, the arguments of the client, and the service. */
const CASES: [
  name: string,
  listen: string,
  client: string,
  service?: string,
][] = [
  ["tcp", "127.0.0.1:9001", "tcp 9001"],
  ["unix", "/run/posting.socket", "unix /run/posting.socket"],
  [
    ...["tls", "127.0.0.1:9003", `tls 9003 ${CERTIFICATES}/cert.pem`] as const,
    service(
      "posting",
      `LoadCredential=cert.pem:${CERTIFICATES}/cert.pem`,
      `LoadCredential=key.pem:${CERTIFICATES}/key.pem`,
    ),
  ],
  [
    ...["web-socket", "127.0.0.1:9004", "tcp 9004"] as const,
    service(`posting '{"webSocket":true}'`),
  ],
  [
    ...["express", "127.0.0.1:9005", "tcp 9005"] as const,
    "[Service]\nExecStart=/usr/local/bin/node-server-express\n",
  ],
  ["behind-nginx", "/run/behind.socket", "proxy 9006"],
];

Deno.test.beforeAll(async () => {
  for (const name of ["cert", "key"]) {
    const file = `${REPOSITORY}tests/support/test_only_${name}.pem`;
    await machine.copy(file, `${CERTIFICATES}/${name}.pem`);
  }
  await machine.write("/etc/nginx/conf.d/behind.conf", NGINX);
  await machine.copy(`${import.meta.dirname}/kept_alive_client.py`, CLIENT);
  await compileExample(machine, "node-servers", "express");
});

for (const [name, listen, client, text = service("posting")] of CASES) {
  Deno.test(`${name}: ${RESTARTS} restarts lose no request of kept-alive clients`, async () => {
    const [socket, unit] = [`${name}.socket`, `${name}.service`];
    await machine.units({
      [socket]: `[Socket]\nListenStream=${listen}\n`,
      [unit]:
        `${text}Type=notify\nTimeoutStopSec=15s\n[Unit]\nStartLimitIntervalSec=0\n`,
    });
    await machine.systemctl("start", socket, unit);
    if (name === "behind-nginx") await machine.systemctl("restart", "nginx");
    const program = machine.spawn(`exec python3 ${CLIENT} ${client}`);
    const lines = new Lines("the client", program.stdout);
    try {
      for (let restart = 1; restart <= RESTARTS; restart++) {
        // More responses than one.
        await lines.atLeast(lines.seen.length + 2);
        await machine.systemctl("restart", unit);
      }
      await lines.atLeast(lines.seen.length + 1);
      await program.stdin.close();
      await soon("the client has ended", program.status);
      await lines.ended;
    } finally {
      await lines.close().catch(() => {});
    }
    assertEquals(lines.seen.filter((line) => line.startsWith("lost")), []);
    await machine.shows(unit, { Result: "success" });
    await machine.systemctl("stop", socket, unit);
  });
}
