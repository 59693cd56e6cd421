/** Debian's packages that the checks use. */

/** Each with a program, or a file, that shows that it is there. */
const EVIDENCE = {
  "bash-completion": "/usr/share/bash-completion/bash_completion",
  binutils: "objdump",
  curl: "curl",
  debhelper: "dh",
  "dpkg-dev": "dpkg-buildpackage",
  fakeroot: "fakeroot",
  fish: "fish",
  gcc: "gcc",
  git: "git",
  "groff-base": "groff",
  "libarchive-tools": "bsdtar",
  "libc6-dev": "/usr/include/stdio.h",
  "libsystemd-dev": "/usr/include/systemd/sd-daemon.h",
  lintian: "lintian",
  makepkg: "makepkg",
  mandoc: "mandoc",
  "pacman-package-manager": "pacman",
  pkgconf: "pkg-config",
  procps: "ps",
  python3: "python3",
  rpm: "rpmbuild",
  rpmlint: "rpmlint",
  shellcheck: "shellcheck",
  socat: "socat",
  strace: "strace",
  systemd: "systemd-socket-activate",
  "systemd-container": "systemd-nspawn",
  tmux: "tmux",
  zsh: "zsh",
  zstd: "zstd",
};

export type Package = keyof typeof EVIDENCE;

/** Returns those that are not on this machine, sorted. */
export function missing(packages: readonly Package[]): Package[] {
  return [...new Set(packages)].filter((name) => !isThere(EVIDENCE[name]))
    .sort();
}

/**
 * Installs them where we are root on Debian, and says in one line how to install
 * them elsewhere.
 */
export async function install(packages: readonly Package[]): Promise<void> {
  if (packages.length === 0) return;
  await new Deno.Command("toolchain/debian_packages", {
    args: [...packages],
    stdin: "null",
  }).spawn().status;
}

function isThere(evidence: string): boolean {
  const paths = evidence.startsWith("/")
    ? [evidence]
    : (Deno.env.get("PATH") ?? "").split(":").map((folder) =>
      `${folder}/${evidence}`
    );
  return paths.some((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  });
}
