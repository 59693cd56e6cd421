import { UsageError } from "../cli/usage_error.ts";

/** Where the server is, in the form that `Deno.connect()` takes. */
export type Address =
  | { transport: "unix"; path: string }
  | { transport: "tcp"; hostname: string; port: number };

/** The kernel has room for so many bytes, the one that ends a path included. */
const UNIX_PATH_BYTES = 108;

const TCP_ADDRESS =
  /^(?:\[(?<v6>[0-9a-fA-F:.]+(?:%[^\]]+)?)\]|(?<name>[^:[\]\s\p{Cc}]+)):(?<digits>[0-9]{1,5})$/u;

/**
 * Parses an address: a socket path, `@abstract`, `host:port` or `[v6]:port`.
 *
 * @param unix Take it for a unix socket, even when it looks like TCP.
 * @throws {UsageError} It is none of these.
 */
export function parseAddress(text: string, unix: boolean): Address {
  if (unix || text.startsWith("@") || text.includes("/")) {
    return unixAddress(text);
  }
  if (!text.includes(":")) return unixAddress(text);
  return tcpAddress(text);
}

function unixAddress(text: string): Address {
  const path = text.startsWith("@") ? `\0${text.slice(1)}` : text;
  if (path === "" || path === "\0") {
    throw new UsageError(`Cannot parse address: "${text}" names no socket`);
  }
  const bytes = new TextEncoder().encode(path).length;
  if (bytes >= UNIX_PATH_BYTES) {
    throw new UsageError(
      `Cannot use address: "${text}" has ${bytes} bytes, and a socket path at most ${
        UNIX_PATH_BYTES - 1
      }`,
    );
  }
  return { transport: "unix", path };
}

function tcpAddress(text: string): Address {
  const { v6, name, digits } = TCP_ADDRESS.exec(text)?.groups ?? {};
  const host = v6 ?? name;
  const port = Number(digits);
  if (
    host === undefined || (v6 !== undefined && !isIpv6(v6)) ||
    !(port >= 1 && port <= 65535)
  ) {
    throw new UsageError(
      `Cannot parse address: "${text}" is neither host:port nor [v6]:port; for a socket path with a colon give -unix`,
    );
  }
  return { transport: "tcp", hostname: host, port };
}

function isIpv6(text: string): boolean {
  const [address = text] = text.split("%", 1);
  return URL.canParse(`tcp://[${address}]`);
}
