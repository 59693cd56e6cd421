import {
  type InheritedListener,
  listen,
  type ListenOptions,
} from "./listen.ts";
import { listenFds } from "./environment.ts";

/**
 * Adopts every descriptor that the service manager passed, as {@linkcode listen}
 * does.
 *
 * @param options The backlog, for all of them.
 * @returns The listeners in order of their descriptors; an empty array when the
 * process was not activated.
 * @throws {ActivationError} As {@linkcode listenFds} and {@linkcode listen}. The
 * listeners that were already adopted are closed.
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
): Promise<InheritedListener[]> {
  return (await adoptAll(options)).map(([, listener]) => listener);
}

/**
 * Adopts every descriptor that the service manager passed, by name. A socket
 * unit with several `ListenStream=` has several listeners of one name.
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
): Promise<Map<string, InheritedListener[]>> {
  const byName = new Map<string, InheritedListener[]>();
  for (const [name, listener] of await adoptAll(options)) {
    byName.set(name, [...byName.get(name) ?? [], listener]);
  }
  return byName;
}

async function adoptAll(
  options: ListenOptions,
): Promise<[name: string, InheritedListener][]> {
  using adopted = new DisposableStack();
  const all: [string, InheritedListener][] = [];
  for (const listenFd of listenFds()) {
    all.push([listenFd.name, adopted.use(await listen(listenFd, options))]);
  }
  adopted.move();
  return all;
}
