import type { StreamName } from './codec/streams.js'
import type { LinkEnd } from './status.js'

/** Brings the two streams of a session together, whichever comes first. */
export interface Pairing<Half> {
  /**
   * The first half of a key waits; with the second `onPair` is called. A half that has no place (its stream is there
   * already, too many wait, closed) gets the end that it is to be given.
   */
  offer(key: string, stream: StreamName, half: Half): LinkEnd | undefined
  /** A half that may still wait is gone. @returns whether it did wait */
  withdraw(key: string, half: Half): boolean
  isWaiting(key: string): boolean
  /** The pair is gone; its key is free again. */
  forget(key: string): void
  /** Ends everything that waits and refuses what comes. */
  close(end: LinkEnd): void
}

export interface PairingOptions<Half> {
  readonly timeoutMs: number
  readonly max: number
  readonly onPair: (key: string, halves: Readonly<Record<StreamName, Half>>) => void
  /** A half whose partner did not come in time, or that waited at the close. */
  readonly onLone: (half: Half, end: LinkEnd) => void
}

type Place<Half> =
  | { readonly kind: 'waiting'; readonly stream: StreamName; readonly half: Half; readonly timer: NodeJS.Timeout }
  | { readonly kind: 'paired' }

const duplicate = (stream: StreamName): LinkEnd => ({
  code: 'ALREADY_EXISTS',
  reason: `this session has a stream ${stream} already; dial again with a new session id`,
})

export function createPairing<Half>({ timeoutMs, max, onPair, onLone }: PairingOptions<Half>): Pairing<Half> {
  const places = new Map<string, Place<Half>>()
  let waiting = 0
  let closed: LinkEnd | undefined

  const forget = (key: string): void => {
    const place = places.get(key)
    if (place?.kind === 'waiting') {
      clearTimeout(place.timer)
      waiting -= 1
    }
    places.delete(key)
  }

  return {
    offer(key, stream, half) {
      if (closed !== undefined) return closed
      const place = places.get(key)
      if (place === undefined) {
        if (waiting >= max)
          return { code: 'RESOURCE_EXHAUSTED', reason: `${max} sessions wait for their second stream; try again later` }
        const timer = setTimeout(() => {
          forget(key)
          onLone(half, {
            code: 'DEADLINE_EXCEEDED',
            reason: `the other stream of this session did not come within ${timeoutMs} ms`,
          })
        }, timeoutMs)
        places.set(key, { kind: 'waiting', stream, half, timer })
        waiting += 1
        return undefined
      }
      if (place.kind === 'paired' || place.stream === stream) return duplicate(stream)
      forget(key)
      places.set(key, { kind: 'paired' })
      onPair(
        key,
        stream === 'globalToZone'
          ? { globalToZone: half, zoneToGlobal: place.half }
          : { globalToZone: place.half, zoneToGlobal: half },
      )
      return undefined
    },
    withdraw(key, half) {
      const place = places.get(key)
      if (place?.kind !== 'waiting' || place.half !== half) return false
      forget(key)
      return true
    },
    isWaiting: (key) => places.get(key)?.kind === 'waiting',
    forget,
    close(end) {
      closed = end
      const lone = [...places].flatMap(([key, place]) => (place.kind === 'waiting' ? [{ key, half: place.half }] : []))
      for (const { key, half } of lone) {
        forget(key)
        onLone(half, end)
      }
    },
  }
}
