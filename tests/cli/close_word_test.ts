import { assertEquals } from "@std/assert";
import { CloseWord } from "../../cli/close_word.ts";
import { Random } from "../support/random.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

/** The index of the chunk that completed the word, or -1. */
function completedAt(chunks: readonly Uint8Array[]): number {
  const word = new CloseWord();
  return chunks.findIndex((chunk) => word.completedBy(chunk));
}

const STREAMS: [chunks: string[], completed: number][] = [
  [["close"], 0],
  [["close\n"], 0],
  [["1\n2\nclose\n"], 0],
  [["enclosed"], 0],
  [["clo", "se"], 1],
  [["c", "l", "o", "s", "e"], 4],
  [["clos", "", "", "e"], 3],
  [["x", "close", "close"], 1],
  [["clclose"], 0],
  [["closclose"], 0],
  [["clos", "close"], 1],
  [["cccclose"], 0],
  [["c", "close"], 1],
  [["cloclo", "se"], 1],
  [[], -1],
  [[""], -1],
  [["clos"], -1],
  [["lose"], -1],
  [["Close", "CLOSE"], -1],
  [["clo", "\n", "se"], -1],
  [["c l o s e"], -1],
  [["clos", "x", "e"], -1],
];
for (const [chunks, completed] of STREAMS) {
  const told = completed === -1 ? "never" : `by chunk ${completed}`;
  Deno.test(`close word: ${JSON.stringify(chunks)} completes it ${told}`, () => {
    assertEquals(completedAt(chunks.map(bytes)), completed);
  });
}

/** Chunks made of pieces of the word only. */
function small(random: Random): string[] {
  return split(letters(random), random);
}

/** Chunks that begin and end with pieces of the word, and some large ones. */
function large(random: Random): string[] {
  return Array.from({ length: 1 + random.next() % 3 }, () => {
    const filler = "y".repeat(random.next() % 2 * 4_000 + random.next() % 9);
    return letters(random) + filler + letters(random);
  });
}

for (const stream of [small, large]) {
  Deno.test(`close word: finds what a search of the whole ${stream.name} stream finds`, () => {
    compareWithSearch(stream);
  });
}

function compareWithSearch(stream: (random: Random) => string[]): void {
  const outcomes = { found: 0, absent: 0 };
  for (let seed = 1; seed <= 3_000; seed++) {
    const random = new Random(seed);
    const chunks = stream(random);
    const end = chunks.join("").indexOf("close") + "close".length;
    let length = 0;
    const expected = end < "close".length
      ? -1
      : chunks.findIndex((chunk) => (length += chunk.length) >= end);
    assertEquals(
      completedAt(chunks.map(bytes)),
      expected,
      `seed ${seed}: ${JSON.stringify(chunks)}`,
    );
    outcomes[expected === -1 ? "absent" : "found"] += 1;
  }
  assertEquals(Math.min(outcomes.found, outcomes.absent) > 300, true);
}

/** A text of pieces that resemble the word, and sometimes are it. */
function letters(random: Random): string {
  const pieces = ["c", "cl", "clo", "clos", "e", "se", "ose", "lose", "x"];
  return Array.from(
    { length: random.next() % 24 },
    () => pieces[random.next() % pieces.length],
  ).join("");
}

function split(text: string, random: Random): string[] {
  const chunks: string[] = [];
  for (let at = 0; at < text.length;) {
    const length = random.next() % 7;
    chunks.push(text.slice(at, at + length));
    at += length;
  }
  return chunks;
}
