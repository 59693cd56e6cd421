/**
 * Returns the line for an accepted connection. Clients of a unix socket have no
 * address.
 *
 * @param label Precedes the address.
 */
export function acceptLine(addr: Deno.Addr, label: string): string {
  if (addr.transport !== "tcp") return `server accept: ${label}unix`;
  const { hostname, port } = addr;
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  return `server accept: ${label}${host}:${port}`;
}
