/** Stands for a space that no line may end at. */
export const NO_BREAK = "\xa0";

/** Breaks text into lines of at most so many columns, but for longer words. */
export function wrap(text: string, columns: number): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1)!;
    if (line === "") lines[lines.length - 1] = word;
    else if (line.length + 1 + word.length > columns) lines.push(word);
    else lines[lines.length - 1] = `${line} ${word}`;
  }
  return lines.map((line) => line.replaceAll(NO_BREAK, " "));
}
