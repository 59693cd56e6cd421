/** What one read takes at most: as much as the runtime asks the kernel for. */
const BUFFER_BYTES = 64 * 1024;

/** How many connections at most have a buffer of their own: 4 MiB in all. */
const MAX_LENT = 64;

const spare: ArrayBuffer[] = [];
let lent = 0;

/** Lends a buffer to read into; none when all are lent. */
export function lendReadBuffer(): ArrayBuffer | undefined {
  if (lent === MAX_LENT) return undefined;
  lent += 1;
  return spare.pop() ?? new ArrayBuffer(BUFFER_BYTES);
}

/** Takes back a buffer, for the next one to use, unless somebody still looks at it. */
export function returnReadBuffer(
  buffer: ArrayBuffer,
  inUse: boolean,
): void {
  lent -= 1;
  // What was given away to somebody else has no bytes any more.
  if (!inUse && buffer.byteLength > 0) spare.push(buffer);
}
