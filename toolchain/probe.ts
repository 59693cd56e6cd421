/**
 * Prints its version. `find` compiles and runs it to check that a runtime base works,
 * and is of the version of the Deno that compiled it.
 *
 * @module
 */

console.log(Deno.version.deno);
