/** What systemd, and a person at a terminal, stop a service with. */
const STOP_SIGNALS = ["SIGTERM", "SIGINT"] as const;

/**
 * Calls back when the process is told to stop, and again when it is told that
 * once more. Disposing of it gives the signals back their usual meaning.
 */
export function onStopSignals(
  first: () => void,
  again: () => void,
): Disposable {
  let isFirst = true;
  const heard = () => {
    if (isFirst) first();
    else again();
    isFirst = false;
  };
  for (const name of STOP_SIGNALS) Deno.addSignalListener(name, heard);
  return {
    [Symbol.dispose]() {
      for (const name of STOP_SIGNALS) Deno.removeSignalListener(name, heard);
    },
  };
}
