const required = Deno.env.get("REQUIRE_SYSTEM") === "1";

/**
 * Returns whether tests of these programs are to be ignored: one of them is not on
 * this machine, and nobody said that it has to be. What is missing is told.
 *
 * @param what What is not tested then.
 * @param packages The programs, or paths of files, each with the Debian package
 * that has it.
 */
export function ignoredWithout(
  what: string,
  packages: Record<string, string>,
): boolean {
  const missing = Object.keys(packages).filter((name) => !isThere(name));
  if (missing.length === 0 || required) return false;
  const wanted = missing.map((name) => packages[name]).join(" ");
  console.log(
    `SKIPPED ${what}: apt-get install --no-install-recommends ${wanted}`,
  );
  return true;
}

function isThere(name: string): boolean {
  const folders = (Deno.env.get("PATH") ?? "").split(":");
  const paths = name.startsWith("/")
    ? [name]
    : folders.map((folder) => `${folder}/${name}`);
  return paths.some((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  });
}
