import { assertEquals } from "@std/assert";
import type { Socket } from "node:net";
import {
  isTcpAddress,
  localAddr,
  remoteAddr,
} from "../../activation/socket_address.ts";

Deno.test("the addresses of a connected socket are those of both ends", () => {
  const socket = {
    localAddress: "::1",
    localPort: 80,
    remoteAddress: "::2",
    remotePort: 4711,
  } as Socket;
  assertEquals(localAddr(socket), {
    transport: "tcp",
    hostname: "::1",
    port: 80,
  });
  assertEquals(remoteAddr(socket), {
    transport: "tcp",
    hostname: "::2",
    port: 4711,
  });
});

Deno.test("a peer that is gone already has no address", () => {
  const none = { transport: "tcp", hostname: "", port: 0 } as const;
  assertEquals(localAddr({} as Socket), none);
  assertEquals(remoteAddr({} as Socket), none);
});

Deno.test("only addresses with a port are TCP", () => {
  assertEquals(
    isTcpAddress({ address: "::1", family: "IPv6", port: 1 }),
    true,
  );
  assertEquals(isTcpAddress("/run/socket"), false);
  assertEquals(isTcpAddress(null), false);
});
