import { readFileSync } from 'node:fs'
import { StubZone } from '../rolling/stub-zone.js'
import { until } from '../stand/until.js'

// Zones that keep the same services and own none, in a process of their own: only the first one has to be told them.
// Told what to do by the process that began this one; says when it is done, and what it took.
export type Order =
  /** The first zone joins, is told everything, and leaves. */
  | { readonly do: 'fill' }
  /** So many zones in all, each with what the first one keeps; each joins for the first time and leaves again. */
  | { readonly do: 'make'; readonly count: number }
  /** The first so many of them dial at once. */
  | { readonly do: 'dial'; readonly count: number }
  | { readonly do: 'leave' }
export interface Told {
  readonly tookMs: number
  /** Payload until each was proven, both directions, all of them together. */
  readonly bytes: number
  /** Of the one that was proven last and of the one in the middle, from the first dial. */
  readonly slowestMs: number
  readonly medianMs: number
}

const [, , bundleFile = ''] = process.argv
const bundle = JSON.parse(readFileSync(bundleFile, 'utf8')) as {
  readonly addresses: readonly string[]
  readonly authorities: string
  readonly globalId: string
}
const tls = { rootCa: Buffer.from(bundle.authorities), serverId: bundle.globalId }
/** First contacts are made by a few at a time: it is not they that are measured. */
const atOnce = 5

const zones: StubZone[] = [new StubZone('crowd-1', bundle.addresses, { tls })]

async function proven(some: readonly StubZone[]): Promise<readonly number[]> {
  const startedMs = performance.now()
  await Promise.all(some.map((zone) => zone.start()))
  const tookMs = new Map<StubZone, number>()
  await until(`${some.length} zones to be proven`, () => {
    for (const zone of some)
      if (zone.bytesToProven !== undefined && !tookMs.has(zone)) tookMs.set(zone, performance.now() - startedMs)
    return tookMs.size === some.length
  })
  return [...tookMs.values()].sort((a, b) => a - b)
}

async function make(count: number): Promise<void> {
  const [first] = zones
  if (first === undefined) throw new Error('there is no first zone')
  // Taken once: a copy of its own for each would fill the memory of the machine, and the collector would be what is measured.
  const image = first.image()
  while (zones.length < count) zones.push(new StubZone(`crowd-${zones.length + 1}`, bundle.addresses, { tls, image }))
  for (let from = 0; from < zones.length; from += atOnce) {
    const some = zones.slice(from, from + atOnce)
    await proven(some)
    await Promise.all(some.map((zone) => zone.leave()))
  }
  // Each has got blocks of its own meanwhile, of which those before it have not heard: what is new is not to be in what is measured.
  await proven(zones)
  await until('all zones to have heard of the blocks of all', () => {
    const heard = zones.map((zone) => zone.countOf('VipBlock'))
    return zones.every((zone) => zone.hasOwnBlocks && zone.isProven) && Math.max(...heard) === Math.min(...heard)
  })
  await Promise.all(zones.map((zone) => zone.leave()))
}

async function obey(order: Order): Promise<Pick<Told, 'bytes' | 'slowestMs' | 'medianMs'>> {
  const nothing = { bytes: 0, slowestMs: 0, medianMs: 0 }
  switch (order.do) {
    case 'fill':
      await proven(zones)
      await Promise.all(zones.map((zone) => zone.leave()))
      return nothing
    case 'make':
      await make(order.count)
      return nothing
    case 'dial': {
      const some = zones.slice(0, order.count)
      const tookMs = await proven(some)
      return {
        bytes: some.reduce((sum, { bytesToProven = 0 }) => sum + bytesToProven, 0),
        slowestMs: tookMs.at(-1) ?? 0,
        medianMs: tookMs[Math.floor(tookMs.length / 2)] ?? 0,
      }
    }
    case 'leave':
      await Promise.all(zones.map((zone) => zone.leave()))
      return nothing
  }
}

process.on('message', (order: Order) => {
  const startedMs = performance.now()
  obey(order).then(
    (said) => process.send?.({ ...said, tookMs: performance.now() - startedMs } satisfies Told),
    (error: unknown) => {
      process.stderr.write(`stub zones: ${error instanceof Error ? error.stack : String(error)}\n`)
      process.exit(1)
    },
  )
})
