/** The kernel's figures about a process. */

/** How much of its memory is in RAM, in bytes. */
export function residentBytes(pid: number): number {
  return status(pid, "VmRSS") * 1024;
}

/** How many threads it has. */
export function threads(pid: number): number {
  return status(pid, "Threads");
}

/** The processor time of the threads that it has now, in milliseconds. */
export function cpuMs(pid: number): number {
  let ns = 0;
  for (const { name } of Deno.readDirSync(`/proc/${pid}/task`)) {
    const times = Deno.readTextFileSync(`/proc/${pid}/task/${name}/schedstat`);
    ns += Number.parseInt(times);
  }
  return ns / 1e6;
}

/** Waits briefly until all of these processes are idle. */
export async function settled(pids: readonly number[]): Promise<void> {
  const total = () => pids.reduce((sum, pid) => sum + cpuMs(pid), 0);
  for (let before = -Infinity, looks = 0; looks < 100; looks++) {
    const now = total();
    if (now - before < 0.5) return;
    before = now;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function status(pid: number, field: string): number {
  const text = Deno.readTextFileSync(`/proc/${pid}/status`);
  const value = new RegExp(`^${field}:\\s*(\\d+)`, "m").exec(text)?.[1];
  if (value === undefined) throw new Error(`No ${field} in ${text}`);
  return Number(value);
}
