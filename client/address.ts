import { UNIX_PATH_BYTES } from "../activation/_address.ts";
import { UsageError } from "../cli/exit_status.ts";

/** The address of the server, as an option of `Deno.connect()`. */
export type Address =
  | { transport: "unix"; path: string }
  | { transport: "tcp"; hostname: string; port: number };

const URL_LIKE = /^(?<scheme>unix:|[a-z][a-z0-9+.-]*:\/\/)(?<rest>.*)$/is;
const TCP_ADDRESS =
  /^(?:\[(?<v6>[0-9a-f:.]+)(?<zone>%[^\]]+)?\]|(?<name>[^:[\]\s\p{Cc}]+)):(?<port>[^:]+)$/iu;
const LINK_LOCAL = /^fe[89ab]/i;

/**
 * Parses an address: a socket path, `@abstract`, `host:port` or `[v6]:port`; or a
 * URL: `unix:/path`, `unix:///path`, `unix:@abstract`, `tcp://host:port`.
 *
 * @param unix Whether to take any text as a socket path or an abstract name.
 * @throws {UsageError} The text is none of these.
 */
export function parseAddress(text: string, unix: boolean): Address {
  if (unix) return unixAddress(text);
  const { scheme, rest } = URL_LIKE.exec(text)?.groups ?? {};
  switch (scheme?.toLowerCase()) {
    case undefined:
      return isTcp(text) ? tcpAddress(text) : unixAddress(text);
    case "unix:":
      if (/^\/\/(?!\/)/.test(rest!)) {
        throw new UsageError(
          `Cannot parse address: "${text}" names a host, but a unix socket has none; use unix:///PATH`,
        );
      }
      return unixAddress(rest!.replace(/^\/\/(?=\/)/, ""), text);
    case "tcp://":
      return tcpAddress(rest!.replace(/\/$/, ""), text);
    default:
      throw new UsageError(
        `Cannot parse address: "${text}" is a URL of an unknown kind; use unix:/PATH or tcp://HOST:PORT`,
      );
  }
}

function isTcp(text: string): boolean {
  return text.includes(":") && !text.startsWith("@") && !text.includes("/");
}

/** @param text The whole argument, for messages. */
function unixAddress(name: string, text = name): Address {
  const isAbstract = name.startsWith("@");
  const path = isAbstract ? `\0${name.slice(1)}` : name;
  if (path === "" || path === "\0") {
    throw new UsageError(`Cannot parse address: "${text}" has no path or name`);
  }
  const bytes = new TextEncoder().encode(path).length;
  // The first byte of an abstract name, and the last of a path, is NUL.
  const most = isAbstract ? UNIX_PATH_BYTES : UNIX_PATH_BYTES - 1;
  if (bytes > most) {
    throw new UsageError(
      isAbstract
        ? `Cannot use address: "${text}" has ${
          bytes - 1
        } bytes after the @, and an abstract name at most ${most - 1}`
        : `Cannot use address: "${text}" has ${bytes} bytes, and a socket path at most ${most}`,
    );
  }
  return { transport: "unix", path };
}

/** @param text The whole argument, for messages. */
function tcpAddress(hostAndPort: string, text = hostAndPort): Address {
  const { v6, zone = "", name, port } = TCP_ADDRESS.exec(hostAndPort)?.groups ??
    {};
  const wrong = (cause: string) =>
    new UsageError(`Cannot parse address: "${text}": ${cause}`);
  if (port === undefined) {
    throw wrong(
      /^[0-9a-f]*:[0-9a-f:.]*:/i.test(hostAndPort)
        ? "put an IPv6 address in brackets, as in [::1]:80"
        : "it is neither host:port nor [v6]:port; for a socket path with a colon use -unix",
    );
  }
  if (v6 !== undefined && !URL.canParse(`tcp://[${v6}]`)) {
    throw wrong(`"${v6}" is not an IPv6 address`);
  }
  if (v6 !== undefined && LINK_LOCAL.test(v6) && zone === "") {
    throw wrong(
      `${v6} is link-local; add the interface, as in [${v6}%eth0]:${port}`,
    );
  }
  const number = /^[0-9]+$/.test(port) ? Number(port) : 0;
  if (number < 1 || number > 65535) {
    throw wrong(`"${port}" is not a port, a number from 1 to 65535`);
  }
  return { transport: "tcp", hostname: `${name ?? v6}${zone}`, port: number };
}
