import { createServer } from "node:net";

const server = createServer((socket) => {
  socket.on("error", () => {});
  socket.pipe(socket);
});

server.listen({ fd: 3, backlog: 4096 });
