import { randomBytes } from 'node:crypto'
import { type PeerOptions, Visit } from './peer/visit.js'
import { broken, type Finding, type Report } from './report.js'
import { across } from './rules/across.js'
import { comesBack, saysWhatItHas } from './rules/again.js'
import { join, type Patience } from './rules/join.js'
import { seenIn } from './rules/lists.js'
import { disagrees, withoutName } from './rules/talk.js'

export interface ConformanceOptions extends PeerOptions {
  /** Prefix of the zones' names; with a random end unless `exactZone`. */
  readonly zone?: string | undefined
  /** Play this very zone, where a peer lets in only those that it knows. */
  readonly exactZone?: boolean | undefined
  /** Also check what needs a service to be written, which is removed again. */
  readonly write?: boolean | undefined
  readonly patience?: Partial<Patience> | undefined
  readonly signal?: AbortSignal | undefined
}

/** A global may take its time: a Kuma has its first snapshot of a zone after a second, and looks for changes once a second. */
const defaultPatience: Patience = { withinMs: 15_000, quietMs: 2_500 }

/**
 * Plays zones at a KDS global and says which rules it keeps. Reads, unless it is told to write. Whatever is wrong with the
 * peer is a finding; throws a Problem `invalid` for an address that is none.
 */
export async function runConformance(options: ConformanceOptions): Promise<Report> {
  const startedMs = performance.now()
  const patience = { ...defaultPatience, ...options.patience }
  const base = options.zone ?? 'conformance'
  const zone = options.exactZone === true ? base : `${base}-${randomBytes(3).toString('hex')}`
  const other = `${zone}-b`
  const findings: Finding[] = []
  const visit = async (name: string, check: (visit: Visit) => Promise<readonly Finding[]>): Promise<Visit> => {
    const visiting = new Visit(name, options)
    const leave = (): void => visiting.leave()
    options.signal?.addEventListener('abort', leave, { once: true })
    try {
      options.signal?.throwIfAborted()
      findings.push(...(await check(visiting)))
    } finally {
      options.signal?.removeEventListener('abort', leave)
      visiting.leave()
    }
    return visiting
  }
  const report = (zones: readonly string[]): Report => ({
    peer: options.peer,
    zones,
    findings,
    tookMs: Math.round(performance.now() - startedMs),
  })

  const joined = await visit(zone, (joining) => join(joining, patience))
  const { end } = joined.down
  if (joined.down.messages.length === 0 && joined.up.messages.length === 0 && end !== undefined) {
    // Nothing else could be said but that nobody is there.
    findings.length = 0
    const rule = 'a global answers there'
    findings.push({ id: 'connect', level: 'must', rule, ...broken(`${end.code}: ${end.details}`) })
    return report([])
  }
  const before = seenIn(joined.down.messages)
  await visit(zone, (again) => comesBack(again, before, patience))
  await visit(zone, (again) => saysWhatItHas(again, before, patience))
  await visit(zone, (again) => disagrees(again, patience))
  await visit('', (nameless) => withoutName(nameless, patience))
  if (options.write !== true) return report([zone])
  await visit(zone, async (writer) => {
    const reader = new Visit(other, options)
    try {
      return await across(writer, reader, patience)
    } finally {
      reader.leave()
    }
  })
  return report([zone, other])
}
