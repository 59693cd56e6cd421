import type { ReadableEnv } from "./environment.ts";
import { CredentialError, type CredentialErrorCode } from "./errors.ts";

/** The directory with the credentials of the service. */
const CREDENTIALS_DIRECTORY = "CREDENTIALS_DIRECTORY";

/** The names that systemd accepts: a file name of printable ASCII without colons. */
const NAME = /^(?!\.{1,2}$)[\x20-\x2e\x30-\x39\x3b-\x7e]{1,255}$/;

/** Options for {@linkcode credential}. */
export interface CredentialOptions {
  /** Whether to return text, which must be UTF-8, or bytes. @default {"text"} */
  as?: "text" | "bytes" | undefined;
  /** The environment to read, in place of `Deno.env`. */
  env?: ReadableEnv | undefined;
}

/**
 * Returns a credential that the service manager passed (`LoadCredential=`,
 * `SetCredential=`, `ImportCredential=`), as it is in its file: text may end with a
 * newline.
 *
 * Needs `--allow-env=CREDENTIALS_DIRECTORY` and `--allow-read` for the directory, by
 * default `/run/credentials/UNIT` with the name of the service unit.
 *
 * @see {@link https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#Credentials | systemd.exec(5), Credentials}
 *
 * @param name The name of the credential.
 * @param options Whether to return bytes.
 * @returns The text.
 * @throws {CredentialError} The service has no credential of that name, or it cannot be
 * read.
 *
 * @example
 * ```ts
 * import { credential } from "@ipc/ipc";
 * import { assertEquals } from "@std/assert";
 *
 * const directory = Deno.makeTempDirSync();
 * Deno.writeTextFileSync(`${directory}/token`, "secret");
 * const env = new Map([["CREDENTIALS_DIRECTORY", directory]]);
 *
 * assertEquals(await credential("token", { env }), "secret");
 * Deno.removeSync(directory, { recursive: true });
 * ```
 */
export async function credential(
  name: string,
  options?: CredentialOptions & { as?: "text" },
): Promise<string>;
/**
 * Returns a credential as bytes.
 *
 * @param name The name of the credential.
 * @param options `as` is `"bytes"`.
 * @returns The bytes.
 * @throws {CredentialError} As for text.
 *
 * @example
 * ```ts
 * import { credential, CredentialError } from "@ipc/ipc";
 *
 * try {
 *   const key = await credential("key", { as: "bytes" });
 *   console.log(key.length);
 * } catch (error) {
 *   if (!(error instanceof CredentialError)) throw error;
 *   console.error(error.message);
 * }
 * ```
 */
export async function credential(
  name: string,
  options: CredentialOptions & { as: "bytes" },
): Promise<Uint8Array<ArrayBuffer>>;
export async function credential(
  name: string,
  { as = "text", env = Deno.env }: CredentialOptions = {},
): Promise<string | Uint8Array<ArrayBuffer>> {
  const fail = (
    code: CredentialErrorCode,
    problem: string,
    cause?: unknown,
  ): never => {
    throw new CredentialError(
      `Cannot read the credential ${JSON.stringify(name)}: ${problem}`,
      { code, credential: name, cause },
    );
  };
  const load = `set LoadCredential=${name}:PATH in the service unit`;
  if (!NAME.test(name)) {
    fail(
      "invalid-name",
      "it is not a file name of printable ASCII without colons",
    );
  }
  const directory = env.get(CREDENTIALS_DIRECTORY);
  if (!directory?.startsWith("/")) {
    fail(
      "no-credentials",
      directory === undefined
        ? `${CREDENTIALS_DIRECTORY} is not set; ${load}`
        : `${CREDENTIALS_DIRECTORY} ${
          JSON.stringify(directory)
        } is not an absolute path`,
    );
  }
  const path = `${directory}/${name}`;
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = await Deno.readFile(path);
  } catch (cause) {
    return cause instanceof Deno.errors.NotFound
      ? fail("not-passed", `there is no ${path}; ${load}`, cause)
      : fail("unreadable", (cause as Error).message, cause);
  }
  if (as === "bytes") return bytes;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
      .decode(bytes);
  } catch (cause) {
    return fail("not-text", `it is not UTF-8; read it as bytes`, cause);
  }
}
