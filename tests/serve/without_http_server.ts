/** For `deno run --preload`: a runtime without internals of its HTTP server. */

const internals = Reflect.get(Deno, Reflect.get(Deno, "internal"));
// The first `Deno.serve()` of a program would set it again.
Object.defineProperty(internals, "serveHttpOnConnection", {
  get: () => undefined,
  set() {},
});
