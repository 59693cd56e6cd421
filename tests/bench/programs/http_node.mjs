// A bare handler of node:http or node:https, for Node and for Deno: on the passed socket,
// or on a path or a port.
import { readFileSync } from "node:fs";
import * as http from "node:http";
import process from "node:process";

const [path = "", port = "0", cert, key] = process.argv.slice(2);
const handler = (_request, response) => {
  response.writeHead(200, {
    "content-type": "text/plain;charset=UTF-8",
    "content-length": 13,
  });
  response.end("Hello, World!");
};
const server = cert === undefined
  ? http.createServer(handler)
  : (await import("node:https")).createServer(
    { cert: readFileSync(cert), key: readFileSync(key) },
    handler,
  );
if (process.env.LISTEN_FDS === "1") server.listen({ fd: 3 });
else if (path === "") server.listen(Number(port), "127.0.0.1");
else server.listen(path);
