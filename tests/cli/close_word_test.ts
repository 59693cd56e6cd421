import { assert, assertEquals } from "@std/assert";
import { CloseWord } from "../../cli/close_word.ts";
import { Random } from "../support/random.ts";

/** The index of the chunk that completed the word, or -1. */
function completedAt(chunks: readonly string[]): number {
  const word = new CloseWord();
  return chunks.findIndex((chunk) =>
    word.completedBy(new TextEncoder().encode(chunk))
  );
}

const STREAMS: [chunks: string[], completed: number][] = [
  [["1\n2\nclose\n"], 0],
  [["c", "l", "o", "s", "e"], 4],
  [["clos", "", "", "e"], 3],
  [["Close", "CLOSE"], -1],
  [["clo", "\n", "se"], -1],
];

Deno.test("close word: it is found once it is complete", () => {
  for (const [chunks, completed] of STREAMS) {
    assertEquals(completedAt(chunks), completed, JSON.stringify(chunks));
  }
});

const PIECES = "c cl clo clos e se ose lose x".split(" ")
  .concat("y".repeat(150));

Deno.test("close word: finds what a search of the whole stream finds", () => {
  const outcomes = { found: 0, absent: 0 };
  for (let seed = 1; seed <= 5_000; seed++) {
    const random = new Random(seed);
    const text = Array.from(
      { length: random.next() % 24 },
      () => PIECES[random.next() % PIECES.length],
    ).join("");
    // Short chunks are searched in another way than long ones.
    const longest = random.next() % 2 === 0 ? 7 : 400;
    const chunks: string[] = [];
    for (let at = 0; at < text.length; at += chunks.at(-1)!.length) {
      chunks.push(text.slice(at, at + random.next() % longest));
    }
    const start = text.indexOf("close");
    let length = 0;
    const expected = start === -1
      ? -1
      : chunks.findIndex((chunk) =>
        (length += chunk.length) >= start + "close".length
      );
    outcomes[start === -1 ? "absent" : "found"] += 1;
    assertEquals(completedAt(chunks), expected, JSON.stringify(chunks));
  }
  assert(Math.min(outcomes.found, outcomes.absent) > 500);
});
