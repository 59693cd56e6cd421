/**
 * For `deno run --preload`: a runtime without stream handles for the library, as
 * another Deno may be.
 */
import process from "node:process";

Reflect.set(process, "binding", undefined);
