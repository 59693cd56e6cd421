import { adoptListening } from "./_choose_fds.ts";
import { type AdoptedListener, listen, type ListenOptions } from "./listen.ts";
import { listenFds } from "./environment.ts";

/**
 * Adopts every listening stream socket that the service manager passed, as
 * {@linkcode listen} does. Other descriptors, such as files, UDP sockets and stored
 * connections, stay available.
 *
 * @param options The backlog, for all of them.
 * @returns The listeners in order of their descriptors; an empty array when the
 * process was not activated.
 * @throws {ActivationError} As {@linkcode listenFds}; or descriptors were passed, and
 * none of them listens; or one was adopted before. Adopted listeners are closed.
 *
 * @example
 * ```ts
 * import { listeners } from "@ipc/ipc";
 *
 * const [listener = Deno.listen({ port: 0 })] = await listeners();
 * listener.close();
 * ```
 */
export async function listeners(
  options: ListenOptions = {},
): Promise<AdoptedListener[]> {
  return (await adoptAll(options)).map(([, listener]) => listener);
}

/**
 * Adopts every listening stream socket that the service manager passed, by name. A
 * socket unit with several `ListenStream=` has several listeners of one name.
 *
 * @param options The backlog, for all of them.
 * @returns A map from each name to its listeners, in order; empty when the
 * process was not activated.
 * @throws {ActivationError} As {@linkcode listeners}.
 *
 * @example
 * ```ts
 * import { listenersByName } from "@ipc/ipc";
 *
 * const byName = await listenersByName();
 * for (const listener of byName.get("web.socket") ?? []) {
 *   console.log(listener.addr);
 * }
 * ```
 */
export async function listenersByName(
  options: ListenOptions = {},
): Promise<Map<string, AdoptedListener[]>> {
  const byName = new Map<string, AdoptedListener[]>();
  for (const [name, listener] of await adoptAll(options)) {
    byName.set(name, [...byName.get(name) ?? [], listener]);
  }
  return byName;
}

async function adoptAll(
  options: ListenOptions,
): Promise<[name: string, AdoptedListener][]> {
  const names: string[] = [];
  const listeners = await adoptListening(listenFds(), async (listenFd) => {
    const listener = await listen(listenFd, options);
    names.push(listenFd.name);
    return listener;
  }, (listener) => listener.close());
  return listeners.map((listener, i) => [names[i]!, listener]);
}
