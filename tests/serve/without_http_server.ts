/** For `deno run --preload`: a runtime that keeps its HTTP server to itself. */

const internals = Reflect.get(Deno, Reflect.get(Deno, "internal"));
// The first `Deno.serve()` of a program would set it again.
Object.defineProperty(internals, "serveHttpOnConnection", {
  get: () => undefined,
  set() {},
});
