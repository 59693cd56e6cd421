import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../cli/exit_status.ts";
import { type Address, parseAddress } from "../../client/address.ts";
import { TempDir } from "../support/temp_dir.ts";

const unix = (path: string) => ({ transport: "unix", path }) as const;
const tcp = (hostname: string, port: number) =>
  ({ transport: "tcp", hostname, port }) as const;

const UNDERSTOOD: [text: string, address: Address][] = [
  ["/run/ipc-server/job.socket", unix("/run/ipc-server/job.socket")],
  ["job.socket", unix("job.socket")],
  ["dir/a:80", unix("dir/a:80")],
  ["@job:80", unix("\0job:80")],
  ["@a/b", unix("\0a/b")],
  ["@@", unix("\0@")],
  ["a@b", unix("a@b")],
  ["localhost:1", tcp("localhost", 1)],
  ["a-b.example:65535", tcp("a-b.example", 65535)],
  ["[fe80::1%eth0]:7000", tcp("fe80::1%eth0", 7000)],
  ["[::ffff:127.0.0.1]:7000", tcp("::ffff:127.0.0.1", 7000)],
  ["unix:/a:80", unix("/a:80")],
  ["UNIX:///run/job.socket", unix("/run/job.socket")],
  ["unix:job.socket", unix("job.socket")],
  ["unix:@job", unix("\0job")],
  ["tcp://localhost:7000/", tcp("localhost", 7000)],
  ["tcp://[::1]:7000", tcp("::1", 7000)],
  ["tcp:07000", tcp("tcp", 7000)],
];
Deno.test("address: paths, names, hosts and URLs are understood", () => {
  for (const [text, address] of UNDERSTOOD) {
    assertEquals(parseAddress(text, false), address, text);
  }
  for (const text of ["localhost:7000", "[::1]:7000", "7000", ":", "@a:80"]) {
    assertEquals(parseAddress(text, true), unix(text.replace("@", "\0")));
  }
});

const NEITHER =
  ": it is neither host:port nor [v6]:port; for a socket path with a colon use -unix";
const BRACKETS = ": put an IPv6 address in brackets, as in [::1]:80";
const noPort = (port: string) =>
  `: "${port}" is not a port, a number from 1 to 65535`;
const EMPTY = " has no path or name";

const REFUSED: [text: string, cause: string][] = [
  [":", NEITHER],
  ["host:", NEITHER],
  ["host:0", noPort("0")],
  ["host:65536", noPort("65536")],
  ["host:8a", noPort("8a")],
  ["host: 80", noPort(" 80")],
  ["host:80:90", NEITHER],
  ["tcp://host:80/path", noPort("80/path")],
  ["tcp://host", NEITHER],
  ["::1:80", BRACKETS],
  ["fe80::1", BRACKETS],
  ["::1]:80", BRACKETS],
  ["[::1]", NEITHER],
  ["[::1]80", NEITHER],
  ["[]:80", NEITHER],
  ["[host]:80", NEITHER],
  ["[::1:80", NEITHER],
  ["[1.2]:80", ': "1.2" is not an IPv6 address'],
  [
    "[fe80::1]:80",
    ": fe80::1 is link-local; add the interface, as in [fe80::1%eth0]:80",
  ],
  ["", EMPTY],
  ["@", EMPTY],
  ["unix:@", EMPTY],
  [
    "unix://host/path",
    " names a host, but a unix socket has none; use unix:///PATH",
  ],
  [
    "http://host:80",
    " is a URL of an unknown kind; use unix:/PATH or tcp://HOST:PORT",
  ],
];
Deno.test("address: others are refused with the cause", () => {
  for (const [text, cause] of REFUSED) {
    const parse = () => parseAddress(text, false);
    const { message } = assertThrows(parse, UsageError);
    assertEquals(message, `Cannot parse address: "${text}"${cause}`);
  }
});

// The kernel's limit is 108 bytes: a NUL ends a path, and begins an abstract name.
Deno.test("address: names of up to 107 bytes are accepted, and can be dialled", async () => {
  using directory = new TempDir();
  for (const start of [`@${crypto.randomUUID()}`, directory.join("é")]) {
    const { length } = new TextEncoder().encode(start.replace("@", ""));
    const text = start + "x".repeat(107 - length);
    const address = parseAddress(text, true) as Deno.UnixConnectOptions;
    using _listener = Deno.listen(address);
    using _conn = await Deno.connect(address);
    const longer = () => parseAddress(`${text}x`, true);
    assertThrows(longer, UsageError, " has 108 bytes");
  }
});
