// The least that echoes on a passed unix socket: the runtime's own handles.
import process from "node:process";

// deno-lint-ignore no-explicit-any -- Deno documents none of these names
const { Pipe, constants, setupListenWrap } = (process as any).binding(
  "pipe_wrap",
);
const server = new Pipe(constants.SERVER);
server.open(3);
// deno-lint-ignore no-explicit-any -- as above
server.onconnection = (_status: number, peer: any) => {
  peer.onread = (bytes?: ArrayBuffer) =>
    bytes ? peer.writeBuffer({}, new Uint8Array(bytes)) : peer.close();
  peer.readStart();
};
setupListenWrap(server);
server.listen(4096);
