import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../cli/exit_status.ts";
import { type Address, parseAddress } from "../../client/address.ts";
import { TempDir } from "../support/temp_dir.ts";

const unix = (path: string): Address => ({ transport: "unix", path });
const tcp = (hostname: string, port: number): Address => ({
  transport: "tcp",
  hostname,
  port,
});

const UNDERSTOOD: [text: string, address: Address][] = [
  ["/run/ipc-server/job.socket", unix("/run/ipc-server/job.socket")],
  ["./job.socket", unix("./job.socket")],
  ["job.socket", unix("job.socket")],
  ["dir/a:80", unix("dir/a:80")],
  ["/tmp/[::1]:80", unix("/tmp/[::1]:80")],
  ["@job", unix("\0job")],
  ["@job:80", unix("\0job:80")],
  ["@a/b", unix("\0a/b")],
  ["@@", unix("\0@")],
  ["a@b", unix("a@b")],
  ["localhost:7000", tcp("localhost", 7000)],
  ["127.0.0.1:1", tcp("127.0.0.1", 1)],
  ["a-b.example:65535", tcp("a-b.example", 65535)],
  ["[::1]:7000", tcp("::1", 7000)],
  ["[fe80::1%eth0]:7000", tcp("fe80::1%eth0", 7000)],
  ["[::ffff:127.0.0.1]:7000", tcp("::ffff:127.0.0.1", 7000)],
  ["unix:/run/job.socket", unix("/run/job.socket")],
  ["unix:///run/job.socket", unix("/run/job.socket")],
  ["UNIX:///run/job.socket", unix("/run/job.socket")],
  ["unix:job.socket", unix("job.socket")],
  ["unix:@job", unix("\0job")],
  ["unix:/a:80", unix("/a:80")],
  ["tcp://localhost:7000", tcp("localhost", 7000)],
  ["tcp://localhost:7000/", tcp("localhost", 7000)],
  ["tcp://[::1]:7000", tcp("::1", 7000)],
  ["tcp:7000", tcp("tcp", 7000)],
  ["a:07000", tcp("a", 7000)],
];
for (const [text, address] of UNDERSTOOD) {
  Deno.test(`address: "${text}" is ${address.transport}`, () => {
    assertEquals(parseAddress(text, false), address);
  });
}

for (const text of ["localhost:7000", "[::1]:7000", "a:b:c", "7000", ":"]) {
  Deno.test(`address: with -unix "${text}" is a path`, () => {
    assertEquals(parseAddress(text, true), unix(text));
  });
}

Deno.test("address: with -unix an @ still means abstract", () => {
  assertEquals(parseAddress("@a:80", true), unix("\0a:80"));
});

const NEITHER =
  "it is neither host:port nor [v6]:port; for a socket path with a colon use -unix";
const BRACKETS = "put an IPv6 address in brackets, as in [::1]:80";
const noPort = (port: string) =>
  `"${port}" is not a port, a number from 1 to 65535`;

const REFUSED: [text: string, cause: string][] = [
  [":", NEITHER],
  [":80", NEITHER],
  ["host:", NEITHER],
  ["host:0", noPort("0")],
  ["host:65536", noPort("65536")],
  ["host:100000", noPort("100000")],
  ["host:-1", noPort("-1")],
  ["host:+1", noPort("+1")],
  ["host:8a", noPort("8a")],
  ["host: 80", noPort(" 80")],
  ["host:http", noPort("http")],
  ["tcp://host:http", noPort("http")],
  ["host:80:90", NEITHER],
  ["tcp://host:80/path", noPort("80/path")],
  ["tcp://host", NEITHER],
  ["::1:80", BRACKETS],
  ["::1", BRACKETS],
  ["fe80::1:80", BRACKETS],
  ["[::1]", NEITHER],
  ["[::1]:", NEITHER],
  ["[::1]:0", noPort("0")],
  ["[::1]80", NEITHER],
  ["[]:80", NEITHER],
  ["[host]:80", NEITHER],
  ["[1.2]:80", '"1.2" is not an IPv6 address'],
  ["[::1:80", NEITHER],
  ["::1]:80", BRACKETS],
  [
    "[fe80::1]:80",
    "fe80::1 is link-local; add the interface, as in [fe80::1%eth0]:80",
  ],
];
for (const [text, cause] of REFUSED) {
  Deno.test(`address: "${text}" is refused`, () => {
    const { message } = assertThrows(
      () => parseAddress(text, false),
      UsageError,
    );
    assertEquals(message, `Cannot parse address: "${text}": ${cause}`);
  });
}

const NO_SOCKETS: [text: string, cause: string][] = [
  ["", "has no path or name"],
  ["@", "has no path or name"],
  ["unix:", "has no path or name"],
  ["unix:@", "has no path or name"],
  [
    "unix://host/path",
    "names a host, but a unix socket has none; use unix:///PATH",
  ],
  [
    "http://host:80",
    "is a URL of an unknown kind; use unix:/PATH or tcp://HOST:PORT",
  ],
];
for (const [text, cause] of NO_SOCKETS) {
  Deno.test(`address: "${text}" is refused`, () => {
    assertThrows(
      () => parseAddress(text, false),
      UsageError,
      `Cannot parse address: "${text}" ${cause}`,
    );
  });
}

// The kernel's limit is 108 bytes: a NUL ends a path, and begins an abstract name.
const LENGTHS: [what: string, text: string, fits: boolean][] = [
  ["107 bytes", `/${"a".repeat(106)}`, true],
  ["108 bytes", `/${"a".repeat(107)}`, false],
  ["an abstract name of 107 bytes", `@${"a".repeat(107)}`, true],
  ["an abstract name of 108 bytes", `@${"a".repeat(108)}`, false],
  ["53 characters of 2 bytes", `/${"é".repeat(53)}`, true],
  ["54 characters of 2 bytes", `/${"é".repeat(54)}`, false],
];
for (const [what, text, fits] of LENGTHS) {
  Deno.test(`address: ${what} ${fits ? "fit" : "do not fit"}`, () => {
    if (fits) {
      assertEquals(parseAddress(text, true), unix(text.replace(/^@/, "\0")));
    } else {
      assertThrows(() => parseAddress(text, true), UsageError, `"${text}" has`);
    }
  });
}

Deno.test("address: the longest names that are accepted can be dialled", async () => {
  const unique = crypto.randomUUID();
  using directory = new TempDir();
  const names = [
    `@${unique.padEnd(107, "x")}`,
    directory.join(unique).padEnd(107, "x"),
  ];
  for (const text of names) {
    const address = parseAddress(text, true);
    if (address.transport !== "unix") throw new Error(`${text} is TCP`);
    using _listener = Deno.listen(address);
    using _conn = await Deno.connect(address);
  }
});
