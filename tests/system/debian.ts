/** Root directories of Debian releases whose systemd is newer than that of Debian 12. */

import { assert } from "@std/assert";
import { soon } from "../support/eventually.ts";
import { REPOSITORY } from "../support/program.ts";

/** What each release needs: the packages of its tests. */
const PACKAGES = {
  trixie: [
    ...["systemd-sysv", "dbus", "nginx-light", "caddy", "haproxy", "python3"],
  ],
  // All system tests run there.
  testing: [
    ...["systemd-sysv", "dbus", "nginx-light", "caddy", "bash-completion"],
    ...["curl", "fish", "make", "procps", "python3", "rpm", "socat", "zsh"],
  ],
};

/** Returns the root directory of a release, which is made when its packages change. */
export async function debian(release: keyof typeof PACKAGES): Promise<string> {
  const root = `${REPOSITORY}build/debian-${release}`;
  const include = `--include=${PACKAGES[release]}`;
  const included = await Deno.readTextFile(`${root}/included`).catch(() => "");
  if (included === include) return root;
  await new Deno.Command("rm", { args: ["-rf", root] }).output();
  const made = `${root}.${Deno.pid}`;
  const { success, stdout } = await soon(
    "debootstrap has ended",
    new Deno.Command("debootstrap", {
      args: ["--variant=minbase", include, release, made],
    }).output(),
    { within: 900_000 },
  );
  assert(success, new TextDecoder().decode(stdout));
  await Deno.writeTextFile(`${made}/included`, include);
  await Deno.writeTextFile(`${made}/etc/hosts`, "127.0.0.1 localhost\n");
  await Deno.rename(made, root);
  return root;
}

if (import.meta.main) {
  console.log(await debian(Deno.args[0] as keyof typeof PACKAGES));
}
