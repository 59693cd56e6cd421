/**
 * For `deno run --preload`: a runtime that keeps its stream handles to itself, as
 * another Deno may.
 */
import process from "node:process";

Reflect.set(process, "binding", undefined);
