/** The TypeScript examples in doc comments and pages. */

import { page } from "./pages.ts";
import { files } from "./tree.ts";

/** Returns the examples of a file, without the comment characters. */
export function examples(path: string): string[] {
  const text = page(path).replaceAll(/^ \* ?/gm, "");
  return [...text.matchAll(/^```ts\n(.*?)^```/gms)].map(([, code]) => code!);
}

/** Returns the paths of all that may have examples. */
export function exampleSources(): string[] {
  return files().filter((path) =>
    /^(mod\.ts|README\.md|(activation|daemon|serve|docs|examples)\/.*\.(ts|md))$/
      .test(path)
  );
}
