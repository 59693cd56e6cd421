/**
 * `name_chunks.ts FOLDER`: gives the files of a split bundle, but for `main.js`,
 * numbers for names. The bundler's names have a hash of paths of the machine that
 * builds, so they would keep two builds from being the same bytes.
 *
 * @module
 */

const [folder = "."] = Deno.args;
const texts = new Map<string, string>();
for (const { name } of Deno.readDirSync(folder)) {
  texts.set(name, Deno.readTextFileSync(`${folder}/${name}`));
}
const chunks = [...texts.keys()].filter((name) => name !== "main.js");

/** The text with other names of chunks in it. */
function renamed(text: string, nameOf: (chunk: string) => string): string {
  return chunks.reduce(
    (text, chunk) => text.replaceAll(`"./${chunk}"`, `"./${nameOf(chunk)}"`),
    text,
  );
}

const unnamed = new Map(
  chunks.map((chunk) => [chunk, renamed(texts.get(chunk)!, () => "")]),
);
chunks.sort((a, b) => unnamed.get(a)! < unnamed.get(b)! ? -1 : 1);
const nameOf = (chunk: string) => `${chunks.indexOf(chunk) + 1}.js`;

for (const [name, text] of texts) {
  Deno.removeSync(`${folder}/${name}`);
  Deno.writeTextFileSync(
    `${folder}/${name === "main.js" ? name : nameOf(name)}`,
    renamed(text, nameOf),
  );
}
