/**
 * Calls `first` on the first of these signals and `again` on each later one, until
 * disposed.
 */
export function onStopSignals(
  signals: readonly Deno.Signal[],
  first: () => void,
  again: () => void,
): Disposable {
  let isFirst = true;
  const onSignal = () => {
    if (isFirst) first();
    else again();
    isFirst = false;
  };
  for (const name of signals) Deno.addSignalListener(name, onSignal);
  return {
    [Symbol.dispose]() {
      for (const name of signals) Deno.removeSignalListener(name, onSignal);
    },
  };
}
