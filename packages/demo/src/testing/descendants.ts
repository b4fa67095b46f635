import { readdirSync, readFileSync } from 'node:fs'

/** A process that cannot be taken for a later one with the same number. */
export interface Seen {
  readonly pid: number
  readonly startedAt: string
  readonly command: string
}

interface Stat extends Seen {
  readonly parent: number
}

function statOf(pid: number): Stat | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name in parentheses may contain anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
    // A zombie runs no more; its parent has only not looked yet.
    return fields[0] === 'Z' ? undefined : { pid, parent: Number(fields[1]), startedAt: fields[19] ?? '', command }
  } catch {
    return undefined
  }
}

/** Every process of this machine that `root` started, directly or not, and that still has its parent. */
export function descendantsOf(root: number): readonly Seen[] {
  const all = readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? (statOf(Number(name)) ?? []) : []))
  const children = (pid: number): readonly Stat[] =>
    all.filter(({ parent }) => parent === pid).flatMap((child) => [child, ...children(child.pid)])
  return children(root).map(({ pid, startedAt, command }) => ({ pid, startedAt, command }))
}

/** Those of them that still run, and whatever else speaks of `marker` on its command line. */
export function stillRunning(seen: readonly Seen[], marker: string): readonly string[] {
  const pids = readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []))
  return pids.flatMap((pid) => {
    const now = statOf(pid)
    if (now === undefined) return []
    const isKnown = seen.some((each) => each.pid === pid && each.startedAt === now.startedAt)
    return isKnown || now.command.includes(marker) ? [`${pid} ${now.command}`] : []
  })
}
