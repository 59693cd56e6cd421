import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../cli/usage_error.ts";
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

const REFUSED = [
  "",
  "@",
  ":",
  ":80",
  "host:",
  "host:0",
  "host:65536",
  "host:99999",
  "host:100000",
  "host:-1",
  "host:+1",
  "host:8a",
  "host: 80",
  "host:http",
  "host:80:90",
  "::1:80",
  "::1",
  "[::1]",
  "[::1]:",
  "[::1]:0",
  "[::1]80",
  "[]:80",
  "[host]:80",
  "[::1:80",
  "::1]:80",
];
for (const text of REFUSED) {
  Deno.test(`address: "${text}" is refused`, () => {
    const { message } = assertThrows(
      () => parseAddress(text, false),
      UsageError,
    );
    assertEquals(message.includes(`"${text}"`), true, message);
  });
}

// The kernel's limit is 108 bytes, of which a path's last ends it.
const LENGTHS: [what: string, text: string, fits: boolean][] = [
  ["107 bytes", `/${"a".repeat(106)}`, true],
  ["108 bytes", `/${"a".repeat(107)}`, false],
  ["an abstract name of 107 bytes", `@${"a".repeat(106)}`, true],
  ["an abstract name of 109 bytes", `@${"a".repeat(108)}`, false],
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
  const names = [`@${unique}`, directory.join(unique)];
  for (const text of names.map((name) => name.padEnd(107, "x"))) {
    const address = parseAddress(text, true);
    if (address.transport !== "unix") throw new Error(`${text} is TCP`);
    using _listener = Deno.listen(address);
    using _conn = await Deno.connect(address);
  }
});
