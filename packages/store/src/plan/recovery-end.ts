import type { RecoveryItem } from './recover.js'

/** How a zone that this global knows stands since the recovery began. */
export interface ReturningZone {
  readonly name: string
  /** It holds a lease or was ever in step, as far as is known here by now: it may remember something. */
  readonly isKnown: boolean
  readonly connected: boolean
  /** All that it remembers of blocks and addresses was taken over. */
  readonly heard: boolean
  /** What it owns, and the status of it, is here as it is there. */
  readonly inStep: boolean
}

export interface RecoveryFacts {
  /** Every zone that holds a lease or was ever in step, and those that are here. */
  readonly zones: readonly ReturningZone[]
  /** What the zones of other processes remember otherwise than it is here. */
  readonly elsewhere?: readonly RecoveryWait[] | undefined
  /** What witnesses said against what is known here. */
  readonly conflicts: readonly string[]
  /** What global owned and its zones remember otherwise; undefined: not asked for yet, because zones are missing. */
  readonly items: readonly RecoveryItem[] | undefined
}

export interface RecoveryWait {
  readonly what: string
  /** What an operator can do about it. */
  readonly next: string
}

const finish = 'or give up on it: holdfastctl recover finish --yes'

/**
 * What a global that recovers still waits for. With nothing left it is safe to go on by itself: every zone that holds
 * a lease is back, its blocks and services are known again, and what global owned is as its zones hold it. Without any
 * zone that has followed global before there is no witness, and only an operator can say that nothing was lost: a new zone, or one
 * whose store is new, remembers nothing, not even which others there are.
 */
export function recoveryWaits({ zones, conflicts, items, elsewhere = [] }: RecoveryFacts): readonly RecoveryWait[] {
  const nobody: RecoveryWait = {
    what: 'no zone has come back that could say what was lost (a Kuma zone remembers nothing of global, nor does a zone with a new store)',
    next: `start the zones, ${finish}`,
  }
  const missing = zones.flatMap((zone): RecoveryWait[] => {
    const what = !zone.connected
      ? `zone ${zone.name} is not back; what only it remembers (its blocks, its services) is not known here`
      : !zone.heard
        ? `zone ${zone.name} has not said yet what it remembers`
        : zone.inStep
          ? undefined
          : `the services of zone ${zone.name} are still arriving`
    if (what === undefined) return []
    return [{ what, next: zone.connected ? 'wait' : `bring zone ${zone.name} back, ${finish}` }]
  })
  return [
    ...(zones.some(({ isKnown }) => isKnown) ? [] : [nobody]),
    ...missing,
    ...conflicts.map((what) => ({ what, next: 'see docs/recovery.md; then holdfastctl recover finish --yes' })),
    ...openItems(items ?? []),
    ...elsewhere,
  ]
}

/**
 * Whom a zone that lost its store waits for before a global that recovers returns what it keeps of it: others may remember
 * addresses of that zone that global has lost too, and nobody would tell the zone of them afterwards.
 */
export const unheardBeside = (zone: string, zones: readonly ReturningZone[]): readonly string[] =>
  zones.filter(({ name, heard }) => name !== zone && !heard).map(({ name }) => name)

/** One plan covers what several zones remember: the zone that is believed most often is the one to begin with. */
export function openItems(items: readonly RecoveryItem[]): readonly RecoveryWait[] {
  const open = items.filter((item) => item.action !== 'keep')
  if (open.length === 0) return []
  const counts = new Map<string, number>()
  for (const { witness } of open) counts.set(witness, (counts.get(witness) ?? 0) + 1)
  const [first] = [...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
  const named = open.slice(0, 3).map((item) => `${item.action} ${item.type} "${item.name}"`)
  return [
    {
      what: `the zones remember ${open.length} of global's resources otherwise than they are here: ${named.join(', ')}${open.length > named.length ? ', …' : ''}`,
      next: `holdfastctl recover from-zone ${first?.[0] ?? ''}`,
    },
  ]
}
