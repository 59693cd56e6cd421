const [path = "", port] = Deno.args;
const where = path === "" ? { port: Number(port) } : { path };
Deno.serve(
  { hostname: "127.0.0.1", onListen() {}, ...where } as Deno.ServeTcpOptions,
  (_request) => new Response("Hello, World!"),
);
