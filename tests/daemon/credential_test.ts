import { assertEquals, assertRejects } from "@std/assert";
import { credential, CredentialError } from "../../mod.ts";
import { TempDir } from "../support/temp_dir.ts";

const envOf = (directory: string) =>
  new Map([["CREDENTIALS_DIRECTORY", directory]]);

Deno.test("a credential is returned unchanged, as text or as bytes; what is not UTF-8, as bytes only", async () => {
  using directory = new TempDir();
  const env = envOf(directory.path);
  const path = directory.join("a name");
  await Deno.writeTextFile(path, "\ufeffé\n");
  assertEquals(await credential("a name", { env }), "\ufeffé\n");
  const encoded = new TextEncoder().encode("\ufeffé\n");
  for (const bytes of [encoded, Uint8Array.of(255)]) {
    await Deno.writeFile(path, bytes);
    assertEquals(await credential("a name", { env, as: "bytes" }), bytes);
  }
  const { code } = await assertRejects(
    () => credential("a name", { env }),
    CredentialError,
    "read it as bytes",
  );
  assertEquals(code, "not-text");
});

const HINT = "set LoadCredential=key:PATH in the service unit";
const REFUSED: [
  name: string,
  directory: string | undefined,
  code: CredentialError["code"],
  problem: string,
][] = [
  ...["", ".", "..", "../key", "a:b", "é", "a\nb", "n".repeat(256)].map((
    name,
  ): typeof REFUSED[number] => [name, "/", "invalid-name", "is not a file"]),
  ["key", undefined, "no-credentials", `_DIRECTORY is not set; ${HINT}`],
  ["key", "run/x", "no-credentials", '"run/x" is not an absolute path'],
  ["key", "/none", "not-passed", `there is no /none/key; ${HINT}`],
  ["proc", "/", "unreadable", "Is a directory"],
];
for (const [name, directory, code, problem] of REFUSED) {
  Deno.test(`the credential ${JSON.stringify(name.slice(0, 9))} in ${directory} is ${code}`, async () => {
    const env = directory === undefined ? new Map() : envOf(directory);
    const error = await assertRejects(
      () => credential(name, { env }),
      CredentialError,
      problem,
    );
    assertEquals([error.code, error.credential], [code, name]);
    assertEquals(error.message.includes(JSON.stringify(name)), true);
  });
}
