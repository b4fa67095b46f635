import { readFileSync } from 'node:fs'

/** Ticks of the clock in which Linux counts CPU time, in a second: the same on every architecture that Node runs on. */
const ticksPerSecond = 100

/** CPU time of a process so far, its threads included, in seconds. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The name in brackets may have blanks in it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
}

/** Memory of a process that is in RAM, in MiB. */
export function residentMiB(pid: number): number {
  const kibibytes = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kibibytes) / 1024
}

const lookEveryMs = 50

/** The most memory that each process has while something is done. */
export async function whilePeaks<T>(
  pids: readonly number[],
  work: () => Promise<T>,
): Promise<{ readonly value: T; readonly peaksMiB: readonly number[] }> {
  let peaksMiB = pids.map(residentMiB)
  const timer = setInterval(() => {
    peaksMiB = pids.map((pid, i) => Math.max(residentMiB(pid), peaksMiB[i] ?? 0))
  }, lookEveryMs)
  try {
    return { value: await work(), peaksMiB }
  } finally {
    clearInterval(timer)
  }
}
