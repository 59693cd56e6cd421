/**
 * The file in which a program that `deno compile` made keeps what V8 compiled,
 * as `cli/rt/code_cache.rs` of Deno writes it. All numbers are little-endian:
 *
 * | what                          | type             |
 * | ----------------------------- | ---------------- |
 * | the program's code cache key  | u64              |
 * | how many entries there are    | u32              |
 * | the length of each            | u64 × entries    |
 * | the entries                   | bytes            |
 *
 * An entry is V8's data, then: what it is (u8), the module's specifier and its
 * length (u32), a hash of the module's source (u64), a hash of the data (u64).
 *
 * @module
 */

/** What V8 compiled of one module. */
export interface CodeCacheEntry {
  /** Such as `node:process`. */
  readonly specifier: string;
  /** As it is in the file, with the specifier and the hashes. */
  readonly bytes: Uint8Array;
}

/** A file that is not what this module knows. */
export class CodeCacheFormatError extends Error {
  override readonly name = "CodeCacheFormatError";
}

const HEADER = 8 + 4;
const LENGTH = 8;
const SPECIFIER_LENGTH = 4;
const HASHES = 8 + 8;

/**
 * Returns the entries of a file.
 *
 * @throws {CodeCacheFormatError} when the lengths in it do not add up.
 */
export function parseCodeCache(file: Uint8Array): CodeCacheEntry[] {
  if (file.length < HEADER) throw wrongLength(file, HEADER);
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const count = view.getUint32(8, true);
  let end = HEADER + count * LENGTH;
  if (file.length < end) throw wrongLength(file, end);
  const entries = Array.from({ length: count }, (_, index) => {
    const length = Number(view.getBigUint64(HEADER + index * LENGTH, true));
    const bytes = file.subarray(end, end + length);
    end += length;
    return { specifier: specifierOf(bytes), bytes };
  });
  if (file.length !== end) throw wrongLength(file, end);
  return entries;
}

/**
 * Returns a file with these entries, in the order of their specifiers: Deno's own
 * order differs each time.
 */
export function formatCodeCache(
  key: bigint,
  entries: readonly CodeCacheEntry[],
): Uint8Array<ArrayBuffer> {
  const sorted = entries.toSorted((a, b) => a.specifier < b.specifier ? -1 : 1);
  const start = HEADER + sorted.length * LENGTH;
  const total = sorted.reduce((sum, { bytes }) => sum + bytes.length, start);
  const file = new Uint8Array(total);
  const view = new DataView(file.buffer);
  view.setBigUint64(0, key, true);
  view.setUint32(8, sorted.length, true);
  let offset = start;
  for (const [index, { bytes }] of sorted.entries()) {
    view.setBigUint64(HEADER + index * LENGTH, BigInt(bytes.length), true);
    file.set(bytes, offset);
    offset += bytes.length;
  }
  return file;
}

function specifierOf(entry: Uint8Array): string {
  const end = entry.length - HASHES - SPECIFIER_LENGTH;
  if (end < 0) throw wrongLength(entry, HASHES + SPECIFIER_LENGTH);
  const view = new DataView(entry.buffer, entry.byteOffset, entry.length);
  const start = end - view.getUint32(end, true);
  if (start < 1) throw wrongLength(entry, entry.length - start + 1);
  return new TextDecoder().decode(entry.subarray(start, end));
}

function wrongLength(part: Uint8Array, wanted: number): CodeCacheFormatError {
  return new CodeCacheFormatError(
    `${part.length} bytes where ${wanted} were announced; ` +
      "it is not a code cache as Deno 2.9 writes it",
  );
}
