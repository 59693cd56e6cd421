/** For `deno run --preload`: a runtime that keeps its HTTP server to itself. */

const internals = Reflect.get(Deno, Reflect.get(Deno, "internal"));
Reflect.set(internals, "serveHttpOnConnection", undefined);
