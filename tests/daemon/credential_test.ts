import { assertEquals, assertRejects } from "@std/assert";
import { credential, CredentialError } from "../../mod.ts";
import { TempDir } from "../support/temp_dir.ts";

const envOf = (directory: string) =>
  new Map([["CREDENTIALS_DIRECTORY", directory]]);

Deno.test("a credential is returned unchanged, as text or as bytes", async () => {
  using directory = new TempDir();
  const env = envOf(directory.path);
  const bytes = new TextEncoder().encode("\ufeffé\n");
  await Deno.writeFile(directory.join("a name"), bytes);
  assertEquals(await credential("a name", { env }), "\ufeffé\n");
  assertEquals(await credential("a name", { env, as: "bytes" }), bytes);
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

Deno.test("a credential that is not UTF-8 can be read as bytes only", async () => {
  using directory = new TempDir();
  const env = envOf(directory.path);
  await Deno.writeFile(directory.join("key"), Uint8Array.of(255));
  const { code } = await assertRejects(
    () => credential("key", { env }),
    CredentialError,
    "read it as bytes",
  );
  assertEquals(code, "not-text");
  assertEquals(
    await credential("key", { env, as: "bytes" }),
    Uint8Array.of(255),
  );
});
