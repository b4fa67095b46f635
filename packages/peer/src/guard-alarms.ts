import { decodeReport, type Exceptions, type HoldRow } from '@holdfast/store'
import type { TraceIds } from '@holdfast/tracing'
import type { Logger } from 'pino'
import type { GuardCauses } from './guard-causes.js'

/** Of a thousand that change at once so many are named; the others are counted. */
const namedMax = 10

interface Line {
  readonly fields: Readonly<Record<string, unknown>>
  readonly words: string
}

const peerWords = (peer: string): string => (peer === '' ? 'global' : `zone ${peer}`)

/** Says what begins and what ends, once each, whoever looks how often. */
export class GuardAlarms {
  readonly #log: Logger
  readonly #causes: Pick<GuardCauses, 'ofHold' | 'ofRefusal'>
  #holds: ReadonlyMap<string, Line> = new Map()
  #refused: ReadonlyMap<string, Line> = new Map()
  #refusedByPeers: ReadonlyMap<string, Line> = new Map()

  /** @param causes which trace has led to it, where that is known */
  constructor(log: Logger, causes: Pick<GuardCauses, 'ofHold' | 'ofRefusal'>) {
    this.#log = log
    this.#causes = causes
  }

  take({ holds, refused, reports }: Exceptions): void {
    const heldNow = new Map(holds.map((hold): [string, Line] => [hold.id, holdLine(hold, this.#causes.ofHold(hold))]))
    this.#tell(this.#holds, heldNow, 'hold', 'error')
    this.#holds = heldNow
    const refusedNow = new Map(
      refused.map((row): [string, Line] => {
        const { peer, channel, type, mesh, exportName: name, reason, sinceMs } = row
        const since = new Date(sinceMs).toISOString()
        return [
          JSON.stringify([peer, channel, type, mesh, name, reason]),
          {
            fields: { peer: peerWords(peer), type, mesh, name, reason, since, ...this.#causes.ofRefusal(row) },
            words: `refused ${type} ${name} of ${peerWords(peer)}, the last good version stays; see holdfastctl refused list`,
          },
        ]
      }),
    )
    this.#tell(this.#refused, refusedNow, 'refusal', 'warn')
    this.#refused = refusedNow
    const byPeers = new Map(
      reports.flatMap(({ peer, body }) =>
        decodeReport(body).refused.map(({ type, mesh, name, reason, sinceMs }): [string, Line] => [
          JSON.stringify([peer, type, mesh, name, reason]),
          {
            fields: { peer: peerWords(peer), type, mesh, name, reason, since: new Date(sinceMs).toISOString() },
            words: `${peerWords(peer)} refuses ${type} ${name} and keeps its last good version; see holdfastctl refused list`,
          },
        ]),
      ),
    )
    this.#tell(this.#refusedByPeers, byPeers, "peer's refusal", 'warn')
    this.#refusedByPeers = byPeers
  }

  #tell(
    before: ReadonlyMap<string, Line>,
    after: ReadonlyMap<string, Line>,
    what: string,
    level: 'error' | 'warn',
  ): void {
    const begun = [...after].filter(([key]) => !before.has(key))
    for (const [, { fields, words }] of begun.slice(0, namedMax)) this.#log[level](fields, words)
    if (begun.length > namedMax) this.#log[level]({ more: begun.length - namedMax }, `and more of the kind: ${what}`)
    const over = [...before].filter(([key]) => !after.has(key))
    for (const [, { fields }] of over.slice(0, namedMax)) this.#log.info(fields, `a ${what} is over`)
    if (over.length > namedMax) this.#log.info({ more: over.length - namedMax }, `more are over: ${what}`)
  }
}

const holdLine = ({ id, peer, type, origin, keyCount, reason, sinceMs }: HoldRow, ids: TraceIds): Line => ({
  fields: {
    hold: id,
    peer: peerWords(peer),
    type,
    zone: origin === '' ? null : origin,
    resources: keyCount,
    reason,
    since: new Date(sinceMs).toISOString(),
    ...ids,
  },
  words: `${keyCount} ${type} of ${peerWords(origin)} vanished without having been deleted: kept until an operator decides with holdfastctl hold show ${id}`,
})
