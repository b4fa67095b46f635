import { setImmediate } from 'node:timers/promises'
import type { ExportedResource } from '@holdfast/model'
import { StubZone } from '../rolling/stub-zone.js'
import { services } from '../services.js'
import { until } from '../stand/until.js'
import { FastWriter, offeredAtLabel, stepLabel } from './fast-writer.js'

// Zones without a database of their own, over real sockets, in processes of their own: one that changes its services, and
// those that are told. Told what to do by the process that began this one; says what came of it.
export type Order =
  /** The writer: applies so many services, and is ready to change them once all have addresses. */
  | { readonly do: 'fill'; readonly count: number }
  /** The listeners: join, and wait until each has so many services. */
  | { readonly do: 'join'; readonly count: number }
  /** The writer: changes services at a set rate, and no faster; half of the changes are of the first `repeating`. */
  | { readonly do: 'offer'; readonly seconds: number; readonly perSecond: number; readonly repeating: number }
  /** The listeners: what came since it was asked the last time. */
  | { readonly do: 'count' }
  /** The listeners: wait until they have these. */
  | { readonly do: 'compare'; readonly steps: Readonly<Record<string, number>> }

export interface Filled {
  readonly services: number
}

export interface Offers {
  readonly offered: number
  readonly lastedMs: number
  /** Services that have changed at all. */
  readonly distinct: number
  readonly steps: Readonly<Record<string, number>>
}

export interface Counted {
  /** Resources that each listener took, which it did not have so. */
  readonly received: readonly number[]
  /** Age of what was taken, as the label says it, of all listeners together; sorted. */
  readonly lagMs: readonly number[]
}

export interface Compared {
  readonly differing: number
  readonly tookMs: number
}

const [, , role = 'listeners', address = '', zones = '1'] = process.argv
const seed = 20_261_201
const applyAtOnce = 250
const offerEveryMs = 10
const compareTimeoutMs = 60_000
/** One in so many changes is of a service that changes again and again, as those do that are being rolled out. */
const repeatEvery = 2

const unixMs = (): number => performance.timeOrigin + performance.now()

function writer(): (order: Order) => Promise<unknown> {
  let fast: FastWriter | undefined
  const zone = new StubZone('writer', [address], {
    around: (store) => {
      fast = new FastWriter(store)
      return fast.store
    },
  })
  if (fast === undefined) throw new Error('the stub zone has no store')
  const written: FastWriter = fast
  let count = 0
  const fill = async (wanted: number): Promise<Filled> => {
    await zone.start()
    await until('the writer to be proven', () => zone.isProven)
    const puts = services({ seed, zone: 'writer', count: wanted })
    for (let from = 0; from < wanted; from += applyAtOnce) {
      const changes = puts.slice(from, from + applyAtOnce)
      const outcomes = await zone.store.local.apply(
        { changes, atomic: false, actor: 'bench' },
        { signal: AbortSignal.timeout(compareTimeoutMs) },
      )
      for (const outcome of outcomes) if (outcome.outcome === 'refused') throw outcome.problem
      // A store in memory answers at once: without a turn of the loop no socket would be read meanwhile.
      await setImmediate()
    }
    await until('all services to have addresses', async () => {
      const vips = Object.values(await zone.vips())
      return vips.length === wanted && vips.every((vip) => vip !== '')
    })
    count = await written.takeOver()
    return { services: count }
  }
  const offer = async ({ seconds, perSecond, repeating }: Extract<Order, { do: 'offer' }>): Promise<Offers> => {
    const startedMs = performance.now()
    const changed = new Set<number>()
    const others = count - repeating
    let offered = 0
    let [hot, cold] = [0, 0]
    for (let nowMs = startedMs; nowMs - startedMs < seconds * 1_000; nowMs = performance.now()) {
      const due = Math.floor(((nowMs - startedMs) * perSecond) / 1_000)
      // What a busy machine has missed is not made up for at once: the report says how many there were.
      const some = Math.min(due - offered, Math.ceil((perSecond * 10 * offerEveryMs) / 1_000))
      const changes = Array.from({ length: some }, () => {
        const isHot = repeating > 0 && offered % repeatEvery === 0
        const service = isHot ? hot++ % repeating : repeating + (cold++ % others)
        changed.add(service)
        return { service, step: ++offered }
      })
      if (changes.length > 0) written.change(changes, Math.round(unixMs()))
      await new Promise((resolve) => setTimeout(resolve, offerEveryMs))
    }
    const lastedMs = performance.now() - startedMs
    return { offered, lastedMs, distinct: changed.size, steps: written.steps() }
  }
  return async (order) => {
    if (order.do === 'fill') return fill(order.count)
    if (order.do === 'offer') return offer(order)
    throw new Error(`a writer does not ${order.do}`)
  }
}

function listeners(): (order: Order) => Promise<unknown> {
  let lagMs: number[] = []
  const received = Array.from({ length: Number(zones) }, () => 0)
  const stubs = received.map(
    (_, i) =>
      new StubZone(`listener-${i + 1}`, [address], {
        onTold: ({ labels }) => {
          received[i] = (received[i] ?? 0) + 1
          const at = labels[offeredAtLabel]
          if (at !== undefined) lagMs.push(unixMs() - Number(at))
        },
      }),
  )
  const stepOf = ({ labels }: ExportedResource): number => Number(labels[stepLabel] ?? 0)
  return async (order) => {
    switch (order.do) {
      case 'join':
        for (const stub of stubs) await stub.start()
        await until('all listeners to have all services', () =>
          stubs.every((stub) => stub.isProven && stub.services === order.count),
        )
        return null
      case 'count': {
        const counted: Counted = { received: [...received], lagMs: lagMs.sort((a, b) => a - b) }
        received.fill(0)
        lagMs = []
        return counted
      }
      case 'compare': {
        const wanted = Object.entries(order.steps)
        const startedMs = performance.now()
        const differing = (): number =>
          stubs.reduce((sum, stub) => {
            const has = (key: string, step: number): boolean => {
              const told = stub.told(key)
              return told !== undefined && stepOf(told) === step
            }
            return sum + wanted.filter(([key, step]) => !has(key, step)).length
          }, 0)
        await until('all listeners to have the newest', () => differing() === 0, compareTimeoutMs, 50).catch(() => {})
        return { differing: differing(), tookMs: performance.now() - startedMs } satisfies Compared
      }
      default:
        throw new Error(`a listener does not ${order.do}`)
    }
  }
}

const obey = role === 'writer' ? writer() : listeners()

process.on('message', (order: Order) => {
  obey(order).then(
    (said) => process.send?.(said),
    (error: unknown) => {
      process.stderr.write(`${role}: ${error instanceof Error ? error.stack : String(error)}\n`)
      process.exit(1)
    },
  )
})
process.on('disconnect', () => process.exit(0))
