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
  assertEquals(of("RuntimeDirectoryPreserve"), ["yes"]);
  const alone = describe("", { template: true });
  assertEquals(values(alone, "User"), []);
});

/** A service has these directives, each with one value, and lacks those that begin so. */
interface Row {
  args: string;
  options?: Partial<UnitDescription>;
  has?: string[];
  lacks?: string[];
}
const [notify, journal] = ["notify", "journal"]
  .map((name) => `/run/systemd/${name}`);
const SERVICES: Record<string, Row> = {
  "Type=notify has the notify socket and a watchdog": {
    args: "",
    has: [`BindReadOnlyPaths=${notify}`, "WatchdogSec=30s"]
      .concat("Environment=NO_COLOR=1", "TimeoutStopSec=15s"),
  },
  "Type=exec has neither": {
    ...{ args: "", options: { type: "exec" } },
    lacks: [`BindReadOnlyPaths=${notify}`, "WatchdogSec="],
  },
  "a unix socket to connect to is bound, and no directory is made for it": {
    args:
      "--allow-net=unix:/run/db/a.sock --allow-read=/run/db --allow-write=/run/db",
    has: ["-/run/db/a.sock", "-/run/db"].map((it) => `BindReadOnlyPaths=${it}`)
      .concat("PrivateNetwork=yes"),
    lacks: ["RuntimeDirectory=db"],
  },
  "the journal is hidden": {
    args: "",
    has: [`InaccessiblePaths=-+${journal}`],
  },
  "the journal is there for a program that may send to it": {
    args: `--allow-net=unix:${journal}/socket`,
    lacks: [`InaccessiblePaths=-+${journal}`],
  },
  "credentials are not bound": {
    args: "--allow-read=/run/credentials/web.service",
    lacks: ["BindReadOnlyPaths=-/run/credentials"],
  },
  "a name with a line break adds no directive": {
    args: "--allow-env=A\nUser=root",
    lacks: ["User="],
  },
  "a percent sign of a path is no specifier": {
    args: "--allow-read=/srv/100%n",
    has: ["BindReadOnlyPaths=-/srv/100%%n"],
  },
};
for (
  const [name, { args, options, has = [], lacks = [] }] of Object.entries(
    SERVICES,
  )
) {
  Deno.test(name, () => {
    const text = unitFiles(describe(args, options)).files["web.service"]!;
    const directives = text.split("\n").flatMap((line) => {
      const [, name, values] = /^(\w+=)(.*)$/.exec(line) ?? [];
      return values?.split(" ").map((value) => name + value) ?? [];
    });
    assertEquals(has.filter((it) => !directives.includes(it)), []);
    const begins = (it: string) => directives.some((has) => has.startsWith(it));
    assertEquals(lacks.filter(begins), []);
  });
}

Deno.test("limits are those of the rules that apply, one line each", () => {
  assertEquals(unitFiles(describe("")).limits, []);
  const { limits } = unitFiles(describe("--allow-all"));
  const created = /^\/var\/lib\/web is a directory/;
  for (
    const about of [/hosts, ports/, /files of the machine/, /--user/, created]
  ) {
    assertEquals(limits.filter((limit) => about.test(limit)).length, 1);
  }
  assert(limits.every((limit) => !limit.includes("\n")));
});

const REFUSED: [RegExp, args: string, Partial<UnitDescription>?][] = [
  [/"\/srv\/web" as a dynamic user: give --user/, "--allow-write=/srv/web"],
  [/name a service "a\/b"/, "", { name: "a/b" }],
  ...["host:80", "0", "[::1]:65536"].map((listen): typeof REFUSED[number] => [
    /: give a port/,
    ...["", { listen: [listen] }] as const,
  ]),
  [/listen on "80" twice/, "", { listen: ["80", "a=80"] }],
  [/type "foo": give notify/, "", { type: "foo" }],
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
