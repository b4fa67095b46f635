import type { Channel, ChannelReport } from '@holdfast/kds'
import type { TraceIds } from '@holdfast/tracing'
import type { Logger } from 'pino'
import type { SessionMetrics } from './metrics.js'

interface Counts {
  sent: number
  received: number
  written: number
  refused: number
  held: number
  lastError: string | undefined
}

export interface TypeCounts {
  sent: number
  acked: number
  refused: number
}

/** What happened on a session, for the log, the metrics and the record: one line per thing an operator would want to know. */
export class Reports {
  readonly #peer: string
  readonly #log: Logger
  readonly #metrics: SessionMetrics
  readonly #channels: Record<Channel, Counts> = { down: zero(), up: zero(), status: zero() }
  readonly #types = new Map<string, TypeCounts>()

  constructor(peer: string, log: Logger, metrics: SessionMetrics) {
    this.#peer = peer
    this.#log = log
    this.#metrics = metrics
  }

  channel(channel: Channel): Readonly<Counts> {
    return this.#channels[channel]
  }

  /** Responses by type, as Kuma's ZoneInsight counts them. */
  types(): Readonly<Record<string, Readonly<TypeCounts>>> {
    return Object.fromEntries(this.#types)
  }

  /** @param count resources and removals */
  sent(channel: Channel, type: string, count: number): void {
    this.#channels[channel].sent += count
    this.#count(channel, 'sent', count)
    // A delta that only carries a mark names no type.
    if (type !== '') this.#type(type).sent++
  }

  received(channel: Channel, count: number): void {
    this.#channels[channel].received += count
    this.#count(channel, 'received', count)
  }

  acked(type: string): void {
    if (type !== '') this.#type(type).acked++
  }

  refusedByPeer(type: string): void {
    this.#type(type).refused++
  }

  alarm(channel: Channel, alarm: string, fields: Readonly<Record<string, unknown>>, words: string): void {
    this.#channels[channel].lastError = words
    this.#metrics.alarms.inc({ peer: this.#peer, alarm })
    this.#log.error({ channel, ...fields }, words)
  }

  /** @param ids of the trace that has led to it */
  report(channel: Channel, report: ChannelReport, ids: TraceIds = {}): void {
    const counts = this.#channels[channel]
    switch (report.type) {
      case 'kept': {
        const { resourceType: type, writtenRows, refused, heldKeys, warnings } = report
        counts.written += writtenRows
        counts.refused += refused.length
        counts.held += heldKeys.length
        this.#count(channel, 'written', writtenRows)
        this.#count(channel, 'refused', refused.length)
        this.#count(channel, 'held', heldKeys.length)
        if (writtenRows > 0) this.#log.debug({ channel, ...ids, type, writtenRows }, 'stored')
        // Said once, when it begins, by whoever watches what is refused; here it is each time.
        for (const r of refused) this.#log.debug({ channel, ...ids, type, ...r }, 'refused; what was there stays')
        if (heldKeys.length > 0)
          this.alarm(
            channel,
            'held',
            { ...ids, type, count: heldKeys.length, keys: heldKeys.slice(0, 10) },
            `${heldKeys.length} ${type} vanished without having been deleted: kept until an operator decides`,
          )
        for (const warning of warnings) this.#log.warn({ channel, ...ids, type }, warning)
        return
      }
      case 'refusedByPeer':
        for (const r of report.refused)
          this.#log.warn({ channel, ...ids, type: report.resourceType, ...r }, 'the peer refused a resource')
        if (report.refused.length > 0)
          counts.lastError = `the peer refused ${report.refused[0]?.key ?? ''}: ${report.refused[0]?.reason ?? ''}`
        this.refusedByPeer(report.resourceType)
        return
      case 'inStep':
        this.#log.debug(
          { channel, ...ids, revision: report.mark.cursor.revision, count: report.mark.digest.count },
          'proven in step',
        )
        return
      case 'mismatch':
        this.#metrics.divergences.inc({ peer: this.#peer, channel })
        this.alarm(
          channel,
          'mismatch',
          { ...ids, revision: report.mark.cursor.revision, theirs: report.mark.digest, ours: report.offered },
          'what was offered does not add up to what the sender says: repairing',
        )
        return
      case 'repairing':
        this.#log.warn({ channel, ...ids, types: report.types }, 'repairing')
        return
      case 'diverged':
        this.alarm(
          channel,
          'diverged',
          { ...ids, types: report.types, retryAtMs: report.retryAtMs },
          `a repair of ${report.types.join(', ') || 'what differs'} did not help: last known good stays, the next one begins at ${new Date(report.retryAtMs).toISOString()}`,
        )
        return
      case 'contradiction':
        this.alarm(
          channel,
          'contradiction',
          { ...ids, theirs: report.cursor, head: report.head },
          'the peer has seen a position of our log that is not in it: our store was restored',
        )
        return
      case 'older':
        this.alarm(
          channel,
          'older',
          { ...ids, what: report.what, revision: report.revision, reached: report.reached },
          'the sender went back in its log: nothing of it was applied',
        )
        return
      case 'tooLarge': {
        const { resourceType: type, key, sizeBytes, limitBytes } = report
        this.alarm(channel, 'tooLarge', { ...ids, type, key, sizeBytes, limitBytes }, tooLargeWords(report))
        return
      }
      case 'stale':
      case 'ignored':
        this.#log.debug({ channel, ...ids, ...report }, 'an answer to something that is no longer under way')
        return
      default:
        this.#log.warn({ channel, ...ids, ...report }, `on ${channel}: ${report.type}`)
    }
  }

  #count(channel: Channel, event: string, count: number): void {
    if (count > 0) this.#metrics.resources.inc({ peer: this.#peer, channel, event }, count)
  }

  #type(type: string): TypeCounts {
    const found = this.#types.get(type)
    if (found !== undefined) return found
    const fresh = { sent: 0, acked: 0, refused: 0 }
    this.#types.set(type, fresh)
    return fresh
  }
}

/** What a Kuma receives is set at its end, and a list is sent whole by its protocol: only less of it helps. */
const tooLargeWords = ({ resourceType, key, sizeBytes, limitBytes }: Extract<ChannelReport, { type: 'tooLarge' }>) =>
  key === undefined
    ? `all ${resourceType} together have ${sizeBytes} bytes and a Kuma receives ${limitBytes} in one message: it gets none of them until they are fewer. Label those that it does not need with kuma.io/kds-sync: disabled, make its zone a Holdfast, which gets them in parts, or let both receive more: --kds-message-bytes here, KUMA_MULTIZONE_ZONE_KDS_MAX_MSG_SIZE or KUMA_MULTIZONE_GLOBAL_KDS_MAX_MSG_SIZE there`
    : `${resourceType} ${key} has ${sizeBytes} bytes and a Kuma receives ${limitBytes} in one message: it does not get it until it is smaller`

const zero = (): Counts => ({ sent: 0, received: 0, written: 0, refused: 0, held: 0, lastError: undefined })
