// Every response passes through the one check of headers.

import { assertMatch } from "@std/assert";
import { activate, ALLOW_ACTIVATION } from "../support/activate.ts";
import { receiveAllText, send } from "../support/peer.ts";

const IMPORTS = {
  [import.meta.resolve("../../serve/_header_guard.ts")]: import.meta
    .resolve("./marking_guard.ts"),
};

/** Fails as the path of the request says. */
const SCRIPT = `await (await serve(async (request) => {
  const { pathname } = new URL(request.url);
  if (pathname === "/upgrade") return Deno.upgradeWebSocket(request).response;
  if (pathname !== "/") throw pathname;
  return new Response(await request.text());
}, {
  maxBodyBytes: 4,
  onError(error) {
    if (error === "/onError") return new Response("mapped", { status: 503 });
    throw error;
  },
})).finished;`;

const last = (line: string, more = "") =>
  `${line} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n${more}\r\n`;
const UPGRADE = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

const PATHS: [path: string, request: string, status: number][] = [
  ["the handler", last("GET /"), 200],
  ["onError", last("GET /onError"), 503],
  ["the service, for a failure", last("GET /fail"), 500],
  [
    "the service, for Deno.upgradeWebSocket()",
    last("GET /upgrade", UPGRADE).replace("close", "close, upgrade"),
    500,
  ],
  [
    "the service, for a body announced as too long",
    last("POST /", "Content-Length: 5\r\n"),
    413,
  ],
  [
    "the service, for chunks that are too long",
    last("POST /", "Transfer-Encoding: chunked\r\n") +
    "5\r\nabcde\r\n0\r\n\r\n",
    413,
  ],
  // Deno answers it itself.
  ["the service, for other bytes than HTTP", "hello\r\n\r\n", 400],
];

for (
  const [server, kind, preload] of [
    ["native", "IPv4"],
    ["ours", "unix path"],
    ["node", "unix path", "without_internals.ts"],
  ] as const
) {
  Deno.test(`${server}: every response has passed the check`, async () => {
    await using program = await activate({
      kind,
      script: SCRIPT,
      allow: [
        ALLOW_ACTIVATION,
        `--import-map=data:application/json,${
          encodeURIComponent(JSON.stringify({ imports: IMPORTS }))
        }`,
        ...preload ? [`--preload=${import.meta.dirname}/${preload}`] : [],
      ],
    });
    for (const [path, request, status] of PATHS) {
      if (server === "native" && status === 400) continue;
      using conn = await program.dial();
      await send(conn, request);
      assertMatch(
        await receiveAllText(conn),
        new RegExp(`^HTTP/1.1 ${status} [^]*^x-checked: yes\r$`, "mi"),
        path,
      );
    }
  });
}
