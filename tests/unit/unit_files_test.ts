// From a description to the texts of units.

import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { parsePermissions } from "../../unit/permissions.ts";
import type { UnitDescription } from "../../unit/unit_description.ts";
import { unitFiles } from "../../unit/unit_files.ts";

function describe(
  args: string,
  options: Partial<UnitDescription> = {},
): UnitDescription {
  return {
    ...{ name: "web", executable: "/usr/local/bin/web", programs: [] },
    ...{ libraries: ["/lib/libc.so.6"], listen: ["8000"], type: "notify" },
    permissions: parsePermissions(args.split(/ (?=-)/)).permissions,
    ...{ jit: true, template: false },
    ...options,
  };
}

const BOUND = "BindReadOnlyPaths";

/** Returns the values of a directive, in the file that ends so. */
function values(
  description: UnitDescription,
  directive: string,
  suffix = ".service",
): string[] {
  const { files } = unitFiles(description);
  const [, text = ""] =
    Object.entries(files).find(([name]) => name.endsWith(suffix)) ?? [];
  return text.split("\n").filter((line) => line.startsWith(`${directive}=`))
    .flatMap((line) => line.slice(directive.length + 1).split(" "));
}

Deno.test("a socket unit for each name has the addresses of that name", () => {
  const description = describe("", {
    listen: ["8000", "admin=/run/web/admin.socket", "[::1]:8001", "admin=@web"],
  });
  const { files } = unitFiles(description);
  assertEquals(Object.keys(files), [
    ...["web.socket", "web-admin.socket", "web.service"],
  ]);
  const of = (directive: string, unit: string) =>
    values(description, directive, unit);
  assertEquals(of("ListenStream", "web.socket"), ["8000", "[::1]:8001"]);
  assertEquals(of("FileDescriptorName", "web.socket"), ["web.socket"]);
  assertEquals(of("ListenStream", "admin.socket"), [
    ...["/run/web/admin.socket", "@web"],
  ]);
  assertEquals(of("FileDescriptorName", "admin.socket"), ["admin"]);
  for (const directive of ["Requires", "After", "Sockets"]) {
    assertEquals(of(directive, ".service"), ["web.socket", "web-admin.socket"]);
  }
  assertEquals(of("Service", "admin.socket"), ["web.service"]);
});

Deno.test("there are descriptors for every backlog and as many connections", () => {
  for (const listen of [["1"], ["1", "2", "a=3"]]) {
    const description = describe("", { listen });
    const [backlog] = values(description, "Backlog", "web.socket");
    const [descriptors] = values(description, "LimitNOFILE");
    assertEquals(Number(descriptors), Number(backlog) * (listen.length + 1));
  }
});

Deno.test("instances share the port, the name of the socket, and directories", () => {
  const args = "--allow-write=/var/lib/web";
  const description = describe(args, { template: true });
  const { files } = unitFiles(description);
  assertEquals(Object.keys(files), ["web@.socket", "web@.service"]);
  const of = (directive: string, unit?: string) =>
    values(description, directive, unit);
  assertEquals(of("ReusePort", ".socket"), ["yes"]);
  assertEquals(of("Service", ".socket"), ["web@%i.service"]);
  assertEquals(of("FileDescriptorName", ".socket"), ["web.socket"]);
  assertEquals(of("Sockets"), ["web@%i.socket"]);
  // The user of all instances owns the directory.
  assertEquals([...of("DynamicUser"), ...of("User")], ["yes", "web"]);
  const alone = describe("", { template: true });
  assertEquals(values(alone, "User"), []);
});

Deno.test("Type=exec has neither the notify socket nor a watchdog", () => {
  const [notify, exec] = ["notify", "exec"].map((type) => {
    const description = describe("", { type });
    const paths = values(description, BOUND);
    const socket = paths.includes("/run/systemd/notify");
    return [socket, values(description, "WatchdogSec").length];
  });
  assertEquals([notify, exec], [[true, 1], [false, 0]]);
});

Deno.test("paths that are written are not bound for reading too", () => {
  const path = "/var/lib/web";
  const description = describe(
    `--allow-read=${path}/a,/etc/web --allow-write=${path}`,
  );
  const bound = values(description, BOUND);
  assert(bound.includes("-/etc/web"));
  assertEquals(bound.filter((value) => value.includes(path)), []);
  assertEquals(values(description, "StateDirectory"), ["web"]);
});

Deno.test("a unix socket to connect to is bound, and no directory is made for it", () => {
  const socket = "/run/db/db.sock";
  const description = describe(
    `--allow-net=unix:${socket} --allow-read=/run/db --allow-write=/run/db`,
  );
  const bound = values(description, BOUND);
  assert(bound.includes(`-${socket}`) && bound.includes("-/run/db"));
  assertEquals(values(description, "RuntimeDirectory"), ["%N-root"]);
  assertEquals(values(description, "PrivateNetwork"), ["yes"]);
});

Deno.test("the journal and credentials are there for a program that may use them", () => {
  const hidden = (args: string) =>
    values(describe(args), "InaccessiblePaths")
      .some((path) => path.includes("/run/systemd/journal"));
  assert(hidden(""));
  assert(!hidden("--allow-net=unix:/run/systemd/journal/socket"));
  const credentials = "/run/credentials/web.service";
  const bound = values(describe(`--allow-read=${credentials}`), BOUND);
  assert(!bound.includes(`-${credentials}`));
});

Deno.test("nothing that is read or written can be executed", () => {
  const description = describe(
    "--allow-read=/etc/web --allow-write=/var/lib/web,/srv/web",
    { user: "web" },
  );
  const paths = values(description, "NoExecPaths");
  for (const path of ["/etc/web", "/var/lib/web", "/srv/web", "/tmp", "/"]) {
    assert(paths.includes(`+${path}`), path);
  }
});

Deno.test("limits are those of the rules that apply, one line each", () => {
  assertEquals(unitFiles(describe("")).limits, []);
  const { limits } = unitFiles(describe("--allow-all"));
  for (const about of [/hosts, ports/, /files of the machine/, /--user/]) {
    assertEquals(limits.filter((limit) => about.test(limit)).length, 1);
  }
  assert(limits.every((limit) => !limit.includes("\n")));
});

Deno.test("permissions for everything leave what needs no decision", () => {
  const description = describe("--allow-all", { user: "web" });
  assertEquals(values(description, "ProtectSystem"), []);
  assertEquals(values(description, "RootDirectory"), []);
  for (const directive of ["NoNewPrivileges", "RestrictNamespaces"]) {
    assertEquals(values(description, directive), ["yes"]);
  }
});

Deno.test("a name with a line break adds no directive", () => {
  const { files } = unitFiles(describe("--allow-env=A\nUser=root"));
  assert(!/^User=/m.test(files["web.service"]!), files["web.service"]);
});

Deno.test("a percent sign of a path is no specifier", () => {
  const bound = values(describe("--allow-read=/srv/100%n"), BOUND);
  assert(bound.includes("-/srv/100%%n"));
});

const REFUSED: [RegExp, args: string, Partial<UnitDescription>?][] = [
  [/"\/srv\/web" as a dynamic user: give --user/, "--allow-write=/srv/web"],
  [/name a service "a\/b"/, "", { name: "a/b" }],
  [/"host:80": give a port/, "", { listen: ["host:80"] }],
  [/without --instances/, "", { listen: ["/run/x"], template: true }],
  [/--allow-write has it/, "--allow-write=/run/a", { listen: ["/run/a/b"] }],
  [/special characters/, "--allow-read=/a b"],
  [/Cannot/, "", { listen: ["/run/a\nUser=root"] }],
];
for (const [message, args, options] of REFUSED) {
  Deno.test(`refused: ${args} ${JSON.stringify(options ?? {})}`, () => {
    const error = assertThrows(() => unitFiles(describe(args, options)), Error);
    assertMatch(error.message, message);
  });
}
