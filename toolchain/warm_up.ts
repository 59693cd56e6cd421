/**
 * Is compiled and run when `ipc-server` is built, so that Deno writes a code cache of
 * what it loads: the modules behind `process.binding`, which are half of a start,
 * and those behind the first timer.
 *
 * @module
 */

await import("node:process");
await import("node:timers");
