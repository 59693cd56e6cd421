import type { ListenAddress } from "../runtime/stream_handle.ts";
import { hostAndPort } from "./_address.ts";
import { notActivated, whyMisdirected, whyNoSocket } from "./_no_socket.ts";
import { passedTo } from "./environment.ts";

/**
 * The host name of a fallback: a program that is run by hand is not open to the network
 * by default.
 */
const FALLBACK_HOSTNAME = "127.0.0.1";

/**
 * Opens the fallback, as no socket was passed to this process.
 *
 * @param open Listens on the address, in which the host name is set.
 * @throws {ActivationError} The socket was passed to the process that has started this
 * one: clients would not reach the fallback.
 * @throws {TypeError} The port is not a number.
 * @throws The error of `open`, of the same class, with a message that names the address.
 */
export async function openFallback<T>(
  where: { hostname?: string | undefined; port: number } | { path: string },
  open: (where: ListenAddress) => T | Promise<T>,
): Promise<T> {
  // `Deno.listen()` takes others, such as a text, for a number; undefined for 0.
  if (!("path" in where) && typeof where.port !== "number") {
    throw new TypeError(
      `Cannot listen on the fallback: its port, ${
        Deno.inspect(where.port)
      }, is not a number`,
    );
  }
  const full = "path" in where
    ? where
    : { ...where, hostname: where.hostname ?? FALLBACK_HOSTNAME };
  const address = "path" in full
    ? full.path
    : hostAndPort(full.hostname, full.port);
  if (whyMisdirected() !== undefined) {
    throw notActivated(`listen on ${address}`);
  }
  try {
    return await open(full);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const why = passedTo().execPid === Deno.pid ? `; ${whyNoSocket()}` : "";
    throw withMessage(
      error,
      `Cannot listen on ${address}, the fallback: ${error.message}${why}`,
    );
  }
}

/** Returns a copy of an error with another message. */
function withMessage(error: Error, message: string): Error {
  const Class = error.constructor as ErrorConstructor;
  return Object.assign(new Class(message, { cause: error }), { ...error });
}
