import type { Permissions } from "./permissions.ts";

/** A service: its program, its sockets and its permissions. */
export interface UnitDescription {
  /** The name of the units, without a suffix. */
  name: string;
  /** The path of the installed executable. */
  executable: string;
  /** The paths of the libraries that it loads, as ldd(1) lists them. */
  libraries: readonly string[];
  /** The programs and libraries of `run` and `ffi`, and their libraries. */
  programs: readonly string[];
  /** The sockets: values of `ListenStream=`, or `NAME=VALUE`. */
  listen: readonly string[];
  /** The permissions of the program, without those of this library. */
  permissions: Permissions;
  /** The value of `Type=`: `notify`, `notify-reload` or `exec`. */
  type: string;
  /** The user; by default a dynamic one. */
  user?: string | undefined;
  /** The time without work after which the service exits, in milliseconds. */
  idleMs?: number | undefined;
  /** Whether the executable has a JIT. */
  jit: boolean;
  /** Whether several processes share the ports, as instances of template units. */
  template: boolean;
}
