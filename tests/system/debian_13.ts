/** The root directory of a Debian 13: its systemd is newer than that of Debian 12. */

import { assert } from "@std/assert";
import { soon } from "../support/eventually.ts";
import { REPOSITORY } from "./machine.ts";

const ROOT = `${REPOSITORY}/build/debian-13`;
const PACKAGES = ["systemd-sysv", "dbus", "nginx-light", "caddy"];

/** Makes the directory, unless it is there. */
export async function debian13(): Promise<string> {
  const isThere = await Deno.stat(ROOT).then(() => true, () => false);
  if (isThere) return ROOT;
  const made = `${ROOT}.${Deno.pid}`;
  const include = `--include=${PACKAGES}`;
  const { success, stdout } = await soon(
    "debootstrap has ended",
    new Deno.Command("debootstrap", {
      args: ["--variant=minbase", include, "trixie", made],
    }).output(),
    { within: 600_000 },
  );
  assert(success, new TextDecoder().decode(stdout));
  await Deno.writeTextFile(`${made}/etc/hosts`, "127.0.0.1 localhost\n");
  await Deno.rename(made, ROOT);
  return ROOT;
}
