/**
 * Compiled by `find`, and run: whether a runtime base works, and is of the
 * version that compiled it, shows best in what it says.
 *
 * @module
 */

console.log(Deno.version.deno);
