import { resolve } from "node:path";

const KINDS = "read write net env sys import run ffi".split(
  " ",
) as (keyof Permissions)[];
/** The short forms of the first six. */
const LETTERS = "RWNESI";
/** Those whose names are paths. */
const PATHS = ["read", "write", "ffi"];

/** The extent of a permission: everything, or the listed names. */
export type Grant = true | readonly string[];

/** The permissions of a program. */
export type Permissions = Readonly<
  Record<
    "read" | "write" | "net" | "env" | "sys" | "import" | "run" | "ffi",
    Grant
  >
>;

/** Parses arguments of `deno compile`: permissions, and others. */
export function parsePermissions(
  args: readonly string[],
): { permissions: Permissions; others: string[] } {
  const permissions: Record<string, Grant> = Object.fromEntries(
    KINDS.map((kind) => [kind, []]),
  );
  const others: string[] = [];
  for (const arg of args) {
    const [, letters = "", long, value] =
      /^-(?:([A-Z]+)|-([a-z-]+))(?:=(.+))?$/s.exec(arg) ?? [];
    const isAll = letters === "A" || long === "allow-all";
    const kinds = KINDS.filter((kind, index) =>
      isAll || long === `allow-${kind}` ||
      letters.includes(LETTERS[index] ?? " ")
    );
    if (kinds.length === 0) others.push(arg);
    for (const kind of kinds) {
      const before = permissions[kind]!;
      permissions[kind] = before === true || value === undefined
        ? true
        : [...before, ...absolute(kind, value.split(","), Deno.cwd())];
    }
  }
  return { permissions: permissions as Permissions, others };
}

/** Returns permissions as arguments of `deno compile`. */
export function flagsOf(permissions: Permissions): string[] {
  const isAll = KINDS.every((kind) => permissions[kind] === true);
  return isAll ? ["--allow-all"] : KINDS.flatMap((kind) => {
    const grant = permissions[kind];
    if (grant === true) return `--allow-${kind}`;
    return grant.length > 0 ? `--allow-${kind}=${grant.join()}` : [];
  });
}

/** Returns a permission set of deno.json as arguments of `deno compile`. */
export function flagsOfSet(set: object, folder: string): string[] {
  return Object.entries(set).flatMap(([kind, value]) => {
    const isShort = typeof value === "boolean" || Array.isArray(value);
    return Object.entries(isShort ? { allow: value } : value)
      .flatMap(([verb, names]) => {
        if (names === true) return `--${verb}-${kind}`;
        if (!Array.isArray(names) || names.length === 0) return [];
        return `--${verb}-${kind}=${absolute(kind, names, folder).join()}`;
      });
  });
}

/** A service has another working directory than the shell. */
function absolute(kind: string, names: string[], folder: string): string[] {
  const isPath = (name: string) =>
    kind === "run" ? name.includes("/") : PATHS.includes(kind);
  return names.map((name) => isPath(name) ? resolve(folder, name) : name);
}
