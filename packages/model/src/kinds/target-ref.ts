import { z } from 'zod'
import { type Finding, strict, warning } from './finding.js'
import { uint32 } from './numbers.js'
import { matchLabels } from './schema.js'
import { tagFindings } from './tags.js'

export const targetRefKinds = [
  'Mesh',
  'MeshSubset',
  'MeshGateway',
  'MeshService',
  'MeshExternalService',
  'MeshMultiZoneService',
  'MeshServiceSubset',
  'MeshHTTPRoute',
  'Dataplane',
] as const
export type TargetRefKind = (typeof targetRefKinds)[number]

const shape = {
  kind: z.enum(targetRefKinds),
  name: z.string().optional(),
  tags: matchLabels.optional(),
  mesh: z.string().optional(),
  proxyTypes: z.array(z.enum(['Sidecar', 'Gateway'])).optional(),
  namespace: z.string().optional(),
  labels: matchLabels.optional(),
  sectionName: z.string().optional(),
}

/** What a policy is about: the mesh, some proxies of it, or a destination. */
export const targetRef = z.looseObject(shape)
export type TargetRef = z.infer<typeof targetRef>

/** A destination that traffic is sent to. */
export const backendRef = z.looseObject({ ...shape, weight: z.int32().min(0).default(1), port: uint32.optional() })
export type BackendRef = z.infer<typeof backendRef>

/** Kinds that a policy as a whole may be about, by what Kuma 2.14 takes. */
export const topKinds: readonly TargetRefKind[] = [
  'Mesh',
  'MeshSubset',
  'MeshGateway',
  'MeshService',
  'MeshServiceSubset',
  'Dataplane',
]
export const serviceKinds: readonly TargetRefKind[] = ['MeshService', 'MeshExternalService', 'MeshMultiZoneService']

export interface TargetRefRules {
  readonly kinds: readonly TargetRefKind[]
  /** Instead of "value 'X' is not supported". */
  readonly unsupported?: string | undefined
  /** The policy acts on inbounds, so one of them may be named. */
  readonly inbound?: boolean | undefined
  readonly gatewayTags?: boolean | undefined
}

type Field = Exclude<keyof typeof shape, 'kind'>

/** Fields that mean nothing with a kind. */
const disallowed: Readonly<Record<TargetRefKind, readonly Field[]>> = {
  Mesh: ['mesh', 'tags', 'labels', 'namespace', 'sectionName'],
  Dataplane: ['tags', 'mesh', 'proxyTypes'],
  MeshSubset: ['name', 'mesh', 'labels', 'namespace', 'sectionName'],
  MeshService: ['mesh', 'tags', 'proxyTypes'],
  MeshHTTPRoute: ['mesh', 'tags', 'proxyTypes', 'sectionName'],
  MeshExternalService: ['mesh', 'tags', 'proxyTypes', 'sectionName'],
  MeshMultiZoneService: [],
  MeshServiceSubset: ['mesh', 'proxyTypes', 'labels', 'namespace', 'sectionName'],
  MeshGateway: ['mesh', 'proxyTypes', 'labels', 'namespace', 'sectionName'],
}
/** Kinds that are found by name, or by labels. */
const named = new Set<TargetRefKind>(['MeshService', 'MeshHTTPRoute', 'MeshExternalService'])

const isSet = (value: unknown): boolean =>
  typeof value === 'string'
    ? value !== ''
    : typeof value === 'object' && value !== null && Object.keys(value).length > 0

/** What is wrong with a reference that fits its schema, in the words of Kuma 2.14. */
export function* targetRefFindings(path: string, ref: TargetRef | undefined, rules: TargetRefRules): Iterable<Finding> {
  if (ref === undefined) return
  const { kind, name = '', namespace = '' } = ref
  if (!rules.kinds.includes(kind)) {
    yield strict(`${path}.kind`, rules.unsupported ?? `value '${kind}' is not supported`)
    return
  }
  if (kind === 'Mesh' && name !== '') yield strict(`${path}.name`, 'using name with kind Mesh is not yet supported')
  for (const field of disallowed[kind])
    if (isSet(ref[field])) yield strict(`${path}.${field}`, `must not be set with kind ${kind}`)
  if ((kind === 'Mesh' || kind === 'MeshSubset') && ref.proxyTypes?.length === 0)
    yield strict(`${path}.proxyTypes`, 'must be undefined or have at least one element')
  if (kind === 'Dataplane' && rules.inbound !== true && isSet(ref.sectionName))
    yield strict(`${path}.sectionName`, 'can only be used with inbound policies')
  if (named.has(kind) && !isSet(ref.labels) && name === '')
    yield strict(path, `name or labels must be set when kind is ${kind}`)
  if ((named.has(kind) || kind === 'Dataplane') && isSet(ref.labels) && (name !== '' || namespace !== ''))
    yield strict(
      `${path}.labels`,
      `either labels or name${kind === 'MeshExternalService' ? '' : ' and namespace'} must be specified`,
    )
  if ((named.has(kind) || isGatewayLike(kind)) && !/^[0-9a-z.\-_]*$/.test(name))
    yield strict(
      `${path}.name`,
      "invalid characters: must consist of lower case alphanumeric characters, '-', '.' and '_'.",
    )
  if (isGatewayLike(kind) && name === '') yield strict(`${path}.name`, `must be set when kind is ${kind}`)
  if (kind === 'MeshGateway' && isSet(ref.tags) && rules.gatewayTags !== true)
    yield strict(`${path}.tags`, `must not be set with kind ${kind}`)
  if (kind === 'MeshSubset')
    for (const finding of tagFindings(`${path}.tags`, ref.tags ?? {})) yield { ...finding, level: 'strict' }
}

const isGatewayLike = (kind: TargetRefKind): boolean => kind === 'MeshServiceSubset' || kind === 'MeshGateway'

/** Kinds that Kuma is about to give up, for what a policy as a whole is about. */
export function* deprecatedTopFindings(ref: TargetRef | undefined): Iterable<Finding> {
  if (ref === undefined) return
  const { kind } = ref
  if (kind === 'MeshService' || kind === 'MeshServiceSubset' || kind === 'MeshSubset')
    yield warning('', `${kind} value for 'targetRef.kind' is deprecated, use Dataplane with labels instead`)
  if (kind === 'MeshHTTPRoute')
    yield warning('', `${kind} value for 'targetRef.kind' is deprecated, use ${kind} in spec.to[].targetRef`)
}

export function* backendRefFindings(path: string, ref: BackendRef, kinds: readonly TargetRefKind[]): Iterable<Finding> {
  yield* targetRefFindings(path, ref, { kinds })
  if (ref.kind === 'MeshMultiZoneService' && ref.port === undefined)
    yield strict(`${path}.port`, 'must be defined with kind MeshMultiZoneService')
}

/** Gateways are among what it is about, unless it says otherwise. */
export const includesGateways = (ref: TargetRef | undefined): boolean => {
  const { kind, proxyTypes = [] } = ref ?? { kind: 'Mesh' as const }
  const ofMesh =
    (kind === 'Mesh' || kind === 'MeshSubset') && (proxyTypes.length === 0 || proxyTypes.includes('Gateway'))
  return kind === 'MeshGateway' || kind === 'MeshHTTPRoute' || ofMesh
}
