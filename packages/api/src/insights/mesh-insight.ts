import { findType, isPluginPolicy, type TypeDescriptor } from '@holdfast/model'
import type { MeshCount, Row } from '@holdfast/store'
import { timeText } from '../resources/render.js'
import { tallyBy, tallyOf, withoutZeros } from './json.js'
import type { Estate } from './reader.js'
import { servicesOf } from './service-insight.js'

/** What a mesh has and how it is, as Kuma 2.14 tells it. Every member is there: kumactl reads them unasked. */
export function meshInsight(mesh: Row, estate: Estate) {
  const { counts, proxiesOf, atMs } = estate
  const proxies = proxiesOf(mesh.name)
  const ofMesh = countsOf(counts, mesh.name)
  const services = servicesOf(proxies)
  const internal = services.filter(({ type }) => type === 'internal').length
  const ofKind = (...kinds: readonly string[]) =>
    withoutZeros(tallyOf(proxies.filter(({ kind }) => kinds.includes(kind))))
  const issued = tallyBy(proxies, ({ issuedBackend }) => (issuedBackend === '' ? [] : [issuedBackend]))
  const supported = tallyBy(proxies, ({ supportedBackends }) => supportedBackends)
  return {
    type: 'MeshInsight',
    name: mesh.name,
    creationTime: timeText(mesh.createdAtMs),
    modificationTime: timeText(atMs),
    dataplanes: withoutZeros(tallyOf(proxies)),
    policies: totals(ofMesh.filter(({ type }) => type.policy !== undefined)),
    dpVersions:
      proxies.length === 0
        ? {}
        : { kumaDp: tallyBy(proxies, ({ kumaDp }) => [kumaDp]), envoy: tallyBy(proxies, ({ envoy }) => [envoy]) },
    mTLS: {
      ...(Object.keys(issued).length === 0 ? {} : { issuedBackends: issued }),
      ...(Object.keys(supported).length === 0 ? {} : { supportedBackends: supported }),
    },
    services: withoutZeros({ total: services.length, internal }),
    dataplanesByType: {
      standard: ofKind('standard'),
      gateway: ofKind('gatewayBuiltin', 'gatewayDelegated'),
      gatewayBuiltin: ofKind('gatewayBuiltin'),
      gatewayDelegated: ofKind('gatewayDelegated'),
    },
    resources: totals(ofMesh),
  }
}

export interface TypeCount {
  readonly type: TypeDescriptor
  readonly count: number
}

/** Kuma's types in one place ('' for global scope), without what control planes tell of each other. */
export const countsOf = (counts: readonly MeshCount[], mesh: string): readonly TypeCount[] =>
  counts.flatMap((each): TypeCount[] => {
    const type = findType(each.type)
    return each.mesh !== mesh || type === undefined || type.internal || type.readOnly || type.path === undefined
      ? []
      : [{ type, count: each.count }]
  })

export const totals = (counts: readonly TypeCount[]): Readonly<Record<string, { readonly total: number }>> =>
  Object.fromEntries(counts.map(({ type, count }) => [type.name, { total: count }] as const))

export const policiesIn = (counts: readonly TypeCount[]): number =>
  counts.reduce((sum, { type, count }) => sum + (isPluginPolicy(type) || type.policy !== undefined ? count : 0), 0)
