import { computedLabels, displayNameOf, jsonSpec, namespaceLabel, typeOf } from '@holdfast/model'
import type { LocalChange } from '@holdfast/store'

type Put = Extract<LocalChange, { change: 'put' }>

export interface ServicesOptions {
  /** The same seed gives the same services, to the byte. */
  readonly seed: number
  readonly zone: string
  readonly count: number
  /** As in real meshes unless said otherwise. */
  readonly sort?: ServiceSort | undefined
  /** Number of the first one: two batches of one zone do not meet in a name. */
  readonly from?: number | undefined
}

/** `mixed`: as in real meshes; `big`: many ports and labels each; `small`: one port, and no label that need not be. */
export type ServiceSort = 'mixed' | 'big' | 'small'

const domains = [
  ...['cart', 'catalog', 'checkout', 'payments', 'billing', 'identity', 'search', 'shipping', 'inventory', 'pricing'],
  ...['recommendation', 'notification', 'fulfilment', 'ledger', 'risk', 'promotions', 'reporting', 'media', 'session'],
]
const parts = ['api', 'web', 'worker', 'gateway', 'cache', 'db', 'consumer', 'scheduler', 'proxy', 'sync', 'admin']
const teams = ['storefront', 'platform', 'money', 'data', 'growth', 'logistics', 'core']

interface Port {
  readonly name: string
  readonly port: number
  readonly targetPort: number
  readonly appProtocol: string
}

const port = (name: string, number: number, targetPort: number, appProtocol: string): Port => ({
  name,
  port: number,
  targetPort,
  appProtocol,
})

/** Sets of ports by how often they are met: most services have one HTTP port, few have many. */
const portSets: readonly (readonly [weight: number, ports: readonly Port[]])[] = [
  [52, [port('http', 80, 8080, 'http')]],
  [16, [port('grpc', 9090, 9090, 'grpc')]],
  [12, [port('http', 80, 8080, 'http'), port('metrics', 9102, 9102, 'http')]],
  [7, [port('http', 80, 8080, 'http'), port('grpc', 9090, 9090, 'grpc'), port('metrics', 9102, 9102, 'http')]],
  [5, [port('postgres', 5432, 5432, 'tcp')]],
  [4, [port('redis', 6379, 6379, 'tcp')]],
  [3, [port('kafka', 9092, 9092, 'kafka')]],
  [1, Array.from({ length: 12 }, (_, i) => port(`shard-${i}`, 7000 + i, 7000 + i, 'tcp'))],
]

const bigPorts: readonly Port[] = Array.from({ length: 40 }, (_, i) => port(`p-${i}`, 20_000 + i, 20_000 + i, 'tcp'))
const bigLabels = Object.fromEntries(
  Array.from({ length: 30 }, (_, i) => [`example.com/label-${i}`, `value-${i}`.repeat(5).slice(0, 60)]),
)

/**
 * MeshServices as real meshes have them: names of two or three words, a few namespaces with most of the services, mostly
 * one HTTP port. As changes for the store of their zone.
 */
export function services({ seed, zone, count, from = 0, sort }: ServicesOptions): readonly Put[] {
  const chance = mulberry32(seed + from)
  return Array.from({ length: count }, (_, i) => service(zone, from + i, chance, 0, sort))
}

/** Another version of each: the same key, with so many ports more. */
export function changedServices(options: ServicesOptions, version = 1): readonly Put[] {
  const chance = mulberry32(options.seed + (options.from ?? 0))
  return Array.from({ length: options.count }, (_, i) =>
    service(options.zone, (options.from ?? 0) + i, chance, version, options.sort),
  )
}

function service(
  zone: string,
  number: number,
  chance: () => number,
  version: number,
  sort: ServiceSort = 'mixed',
): Put {
  const type = typeOf('MeshService')
  const pick = <T>(list: readonly T[]): T | undefined => list[Math.floor(chance() * list.length)]
  const domain = pick(domains) ?? ''
  const app = `${domain}-${pick(parts) ?? ''}-${number.toString(36)}`
  // Squared: a handful of namespaces has most of the services.
  const namespace = number % 8 === 0 ? 'default' : `${teams[Math.floor(chance() ** 2 * teams.length)]}-prod`
  const name = namespace === 'default' ? app : `${app}.${namespace}`
  const labels = computedLabels(type, 'default', name, 'zone', zone, {
    [namespaceLabel]: namespace,
    app,
    team: namespace.split('-')[0] ?? '',
    ...(chance() < 0.5 && sort !== 'small' ? { 'app.kubernetes.io/part-of': domain } : {}),
    ...(sort === 'big' ? bigLabels : {}),
  })
  const usual = weighted(portSets, chance())
  const ports = [
    ...(sort === 'big' ? bigPorts : sort === 'small' ? usual.slice(0, 1) : usual),
    ...Array.from({ length: version }, (_, i) => port(`extra-${i}`, 10_000 + i, 10_000 + i, 'tcp')),
  ]
  return {
    change: 'put',
    key: { type: type.name, mesh: 'default', name },
    content: {
      labels,
      ...jsonSpec(type, {
        state: 'Available',
        selector: { dataplaneLabels: { matchLabels: { app, [namespaceLabel]: namespace } } },
        ports: ports.map(({ name: portName, port: number, targetPort, appProtocol }) => ({
          name: portName,
          port: number,
          targetPort,
          appProtocol,
        })),
      }),
    },
    namespace,
    displayName: displayNameOf(name, labels),
    wantsVip: true,
  }
}

/** One of a table of weights, by a fraction in [0, 1). */
function weighted<T>(
  table: readonly (readonly [weight: number, value: readonly T[]])[],
  fraction: number,
): readonly T[] {
  let left = fraction * table.reduce((sum, [weight]) => sum + weight, 0)
  for (const [weight, value] of table) {
    left -= weight
    if (left < 0) return value
  }
  return []
}

/** A small seeded generator of fractions in [0, 1); the same on every machine. */
export function mulberry32(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }
}
