/**
 * Is compiled and run when `ipc-server` is built, so that Deno writes a code cache of
 * what it loads: the modules behind `process.binding`, which are half of a start.
 *
 * @module
 */

await import("node:process");
