import { UnixDatagramSocket } from "./_unix_datagram.ts";

/** The socket of the journal's native protocol. */
export const JOURNAL_SOCKET = "/run/systemd/journal/socket";

/**
 * The socket that records are sent from. It stays open: a record that is sent in the
 * turn of the event loop in which the socket was opened is lost if the program ends in
 * the same turn.
 */
let kept: UnixDatagramSocket | undefined;

/** The paths at which a journal has received a record. */
const reached = new Set<string>();

/** Sends a record. */
export async function sendToJournal(
  path: string,
  record: Uint8Array,
): Promise<void> {
  const socket = kept ?? new UnixDatagramSocket();
  try {
    await socket.send(path, record);
    reached.add(path);
    kept ??= socket;
  } finally {
    if (socket !== kept) socket[Symbol.dispose]();
  }
}

/**
 * Opens the socket. Sends an empty record, which the journal ignores: from its success
 * on, records are sent at once.
 */
export function probeJournal(path: string): void {
  if (reached.has(path)) return;
  // Without a journal, or the permission to send to it, loggers write lines.
  sendToJournal(path, new Uint8Array()).catch(() => {});
}

/** Whether there is a journal, and a record is sent to it at once. */
export function hasJournal(path: string): boolean {
  return reached.has(path);
}

/** Closes the socket. For tests only. */
export function forgetJournalSocket(): void {
  kept?.[Symbol.dispose]();
  kept = undefined;
  reached.clear();
}
