/** Created only by systemd, early at boot. */
const SYSTEMD_RUNTIME_DIRECTORY = "/run/systemd/system";

/**
 * Returns whether the system was booted with systemd.
 *
 * Needs `--allow-read=/run/systemd/system`.
 *
 * @see {@link https://www.freedesktop.org/software/systemd/man/latest/sd_booted.html | sd_booted(3)}
 *
 * @returns False also in a container without systemd.
 * @throws {Deno.errors.NotCapable} The permission to read the directory is missing.
 *
 * @example
 * ```ts
 * import { booted } from "@ipc/ipc";
 *
 * if (!booted()) console.error("This system does not run systemd");
 * ```
 */
export function booted(): boolean {
  try {
    return Deno.lstatSync(SYSTEMD_RUNTIME_DIRECTORY).isDirectory;
  } catch (error) {
    if (
      error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.NotADirectory
    ) return false;
    throw error;
  }
}
