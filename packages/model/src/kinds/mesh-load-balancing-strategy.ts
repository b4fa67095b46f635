import { z } from 'zod'
import { type Finding, strict, warning } from './finding.js'
import { hashPolicy, hashPolicyFindings } from './hash-policies.js'
import { keptKind } from './json-kind.js'
import { intOrString, numberOf, percentageFindings, uint32 } from './numbers.js'
import { toOf, topFindings } from './policy.js'
import { policyColumns } from './policy-columns.js'
import { type TargetRef, type TargetRefRules, targetRef, targetRefFindings, topKinds } from './target-ref.js'

const localityAwareness = z.looseObject({
  disabled: z.boolean().optional(),
  localZone: z
    .looseObject({
      affinityTags: z.array(z.looseObject({ key: z.string(), weight: uint32.optional() })).optional(),
    })
    .optional(),
  crossZone: z
    .looseObject({
      failover: z
        .array(
          z.looseObject({
            from: z.looseObject({ zones: z.array(z.string()) }).optional(),
            to: z.looseObject({
              type: z.enum(['None', 'Only', 'Any', 'AnyExcept']),
              zones: z.array(z.string()).optional(),
            }),
          }),
        )
        .optional(),
      failoverThreshold: z.looseObject({ percentage: intOrString }).optional(),
    })
    .optional(),
})
const ringSize = z.int32().min(1).max(8_000_000)
const loadBalancer = z.looseObject({
  type: z.enum(['RoundRobin', 'LeastRequest', 'RingHash', 'Random', 'Maglev']),
  roundRobin: z.looseObject({}).optional(),
  leastRequest: z
    .looseObject({ choiceCount: z.int32().min(2).optional(), activeRequestBias: intOrString.optional() })
    .optional(),
  ringHash: z
    .looseObject({
      hashFunction: z.enum(['XXHash', 'MurmurHash2']).optional(),
      minRingSize: ringSize.optional(),
      maxRingSize: ringSize.optional(),
      hashPolicies: z.array(hashPolicy).optional(),
    })
    .optional(),
  random: z.looseObject({}).optional(),
  maglev: z
    .looseObject({
      tableSize: z.int32().min(1).max(5_000_011).optional(),
      hashPolicies: z.array(hashPolicy).optional(),
    })
    .optional(),
})
const conf = z
  .looseObject({
    localityAwareness: localityAwareness.optional(),
    loadBalancer: loadBalancer.optional(),
    hashPolicies: z.array(hashPolicy).optional(),
  })
  .default({})
type Conf = z.infer<typeof conf>
type Locality = z.infer<typeof localityAwareness>
type CrossZone = NonNullable<Locality['crossZone']>
type LoadBalancer = z.infer<typeof loadBalancer>

/** How endpoints are chosen, in this zone and across zones. */
const schema = z.looseObject({ targetRef: targetRef.optional(), to: toOf(conf) })

export type MeshLoadBalancingStrategySpec = z.infer<typeof schema>
export const meshLoadBalancingStrategyKind = keptKind('MeshLoadBalancingStrategy', schema, findings, policyColumns)

function* findings(spec: MeshLoadBalancingStrategySpec): Iterable<Finding> {
  yield* topFindings(spec.targetRef, { kinds: topKinds, gatewayTags: true })
  for (const [index, to] of (spec.to ?? []).entries()) {
    const path = `spec.to[${index}]`
    yield* targetRefFindings(`${path}.targetRef`, to.targetRef, refRules(spec.targetRef, to.default))
    yield* confFindings(`${path}.default`, to.default, to.targetRef)
  }
  yield* deprecated(spec)
}

function refRules(top: TargetRef | undefined, given: Conf): TargetRefRules {
  if (top?.kind !== 'MeshGateway')
    return { kinds: ['Mesh', 'MeshService', 'MeshMultiZoneService', 'MeshHTTPRoute', ...externalKinds(top)] }
  return given.loadBalancer === undefined
    ? { kinds: ['Mesh', 'MeshService', 'MeshMultiZoneService'] }
    : {
        kinds: ['Mesh'],
        unsupported: `value '${top.kind}' is not supported, only Mesh is allowed if loadBalancer is set`,
      }
}

/** Newer Kumas balance what leaves the mesh too, for all clients of it. */
const externalKinds = (top: TargetRef | undefined) =>
  top === undefined || top.kind === 'Mesh' ? (['MeshExternalService'] as const) : []

function* confFindings(path: string, given: Conf, ref: TargetRef): Iterable<Finding> {
  const { loadBalancer: balancer, localityAwareness: locality, hashPolicies } = given
  yield* hashPolicyFindings(`${path}.hashPolicies`, hashPolicies)
  if (ref.kind === 'MeshHTTPRoute') {
    const reason = 'field is not allowed when targetRef.kind is MeshHTTPRoute, only hashPolicies is supported'
    if (balancer !== undefined) yield strict(`${path}.loadBalancer`, reason)
    if (locality !== undefined) yield strict(`${path}.localityAwareness`, reason)
    return
  }
  if (balancer !== undefined) yield* balancerFindings(`${path}.loadBalancer`, balancer)
  if (locality !== undefined) yield* localityFindings(`${path}.localityAwareness`, locality, ref)
  if (hashPolicies === undefined) return
  for (const member of ['ringHash', 'maglev'] as const)
    if (balancer?.[member]?.hashPolicies !== undefined)
      yield strict(`${path}.loadBalancer.${member}.hashPolicies`, 'hashPolicies already specified in the root level')
}

function* balancerFindings(path: string, given: LoadBalancer): Iterable<Finding> {
  const bias = given.type === 'LeastRequest' ? given.leastRequest?.activeRequestBias : undefined
  if (bias !== undefined) {
    const number = numberOf(bias)
    const reason =
      number === undefined
        ? 'string must be a valid number'
        : number < 0
          ? 'must be greater or equal then: 0'
          : undefined
    if (reason !== undefined) yield strict(`${path}.leastRequest.activeRequestBias`, reason)
  }
  if (given.type === 'RingHash')
    yield* hashPolicyFindings(`${path}.ringHash.hashPolicies`, given.ringHash?.hashPolicies)
  if (given.type === 'Maglev') yield* hashPolicyFindings(`${path}.maglev.hashPolicies`, given.maglev?.hashPolicies)
}

function* localityFindings(path: string, { localZone, crossZone }: Locality, ref: TargetRef): Iterable<Finding> {
  const tags = localZone?.affinityTags ?? []
  for (const [index, { key, weight }] of tags.entries()) {
    if (key === '') yield strict(`${path}.localZone.affinityTags[${index}].key`, 'must not be empty')
    if (weight === 0) yield strict(`${path}.localZone.affinityTags[${index}].weight`, 'must be greater than 0')
  }
  const weighted = tags.filter(({ weight }) => weight !== undefined).length
  if (weighted > 0 && weighted !== tags.length)
    yield strict(`${path}.localZone.affinityTags`, 'all or none affinity tags should have weight')
  if (crossZone !== undefined) yield* crossZoneFindings(`${path}.crossZone`, crossZone, ref)
}

function* crossZoneFindings(path: string, given: CrossZone, ref: TargetRef): Iterable<Finding> {
  const isLocal = (ref.sectionName ?? '') !== '' || Object.keys(ref.labels ?? {}).length > 0
  if (ref.kind === 'MeshService' && isLocal) yield strict(path, 'must not be set: MeshService traffic is local')
  for (const [index, { from, to }] of (given.failover ?? []).entries()) {
    const at = `${path}.failover[${index}]`
    if (from?.zones.length === 0) yield strict(`${at}.from.zones`, 'must not be empty')
    for (const [place, zone] of (from?.zones ?? []).entries())
      if (zone === '') yield strict(`${at}.from.zones[${place}]`, 'must not be empty')
    const isNamed = to.type === 'Only' || to.type === 'AnyExcept'
    const count = to.zones?.length ?? 0
    if (!isNamed && count > 0) yield strict(`${at}.to.zones`, `must be empty when type is ${to.type}`)
    if (isNamed && count === 0) yield strict(`${at}.to.zones`, `must not be empty when type is ${to.type}`)
  }
  yield* percentageFindings(`${path}.failoverThreshold.percentage`, given.failoverThreshold?.percentage, {
    zero: false,
  })
}

function* deprecated({ to = [] }: MeshLoadBalancingStrategySpec): Iterable<Finding> {
  for (const [index, { default: given }] of to.entries()) {
    const member =
      given.loadBalancer?.type === 'RingHash'
        ? 'ringHash'
        : given.loadBalancer?.type === 'Maglev'
          ? 'maglev'
          : undefined
    const policies = member === undefined ? undefined : given.loadBalancer?.[member]?.hashPolicies
    if (policies === undefined) continue
    const path = `spec.to[${index}].default`
    yield warning(
      '',
      `configuration '${path}.loadBalancer.${member}.hashPolicies' is deprecated, use '${path}.hashPolicies' instead`,
    )
    for (const [at, { type }] of policies.entries())
      if (type === 'SourceIP')
        yield warning(
          '',
          `SourceIP type for '${path}.loadBalancer.${member}.hashPolicies[${at}].type' is deprecated, use Connection instead`,
        )
  }
}
