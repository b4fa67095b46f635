import { hash } from 'node:crypto'
import type { Json, JsonObject } from '../kinds/json.js'
import { type Port, portsOfService } from '../kinds/service-ports.js'
import type { TargetRef } from '../kinds/target-ref.js'
import { displayNameLabel, namespaceLabel, zoneLabel } from '../labels.js'
import type { Resource } from '../resource.js'
import { kriOf } from '../rest/kri.js'
import { typeOf } from '../types.js'
import { mergedConfs, routeConf } from './merge.js'
import { byAttributes, byKind, byName } from './policy-order.js'
import { objectOf, objectsOf, type PolicyItem, type PolicyResource, type PolicySpec } from './policy-spec.js'
import { hasAll } from './proxy-target.js'

export type Referable = Pick<Resource, 'type' | 'mesh' | 'name' | 'labels' | 'spec'>

/** What items of `to` may refer to: everything of a type in the mesh of the policies. */
export type Referables = (type: string) => readonly Referable[]

export interface RuleOrigin {
  readonly policy: PolicyResource
  /** Which item of the policy it is. */
  readonly index: number
}

/** What is configured towards one destination, or one port of it. */
export interface ResourceRule {
  readonly resource: Referable
  /** '' for the whole destination. */
  readonly section: string
  readonly confs: readonly JsonObject[]
  readonly origins: readonly RuleOrigin[]
  /** Of routes: whose rule is the one with these matches, by `matchesHash`. */
  readonly originByMatches: ReadonlyMap<string, RuleOrigin>
}

/** A policy and what it says, in an order that is the merging's. */
export interface ReadPolicy {
  readonly policy: PolicyResource
  readonly top: TargetRef
  readonly spec: PolicySpec
}

/** Types that have to be at hand to say what these policies are towards. */
export const referredTypes = (policies: readonly ReadPolicy[]): ReadonlySet<string> =>
  new Set(policies.flatMap(({ spec }) => spec.to.flatMap(({ targetRef: { kind } }) => (isReal(kind) ? [kind] : []))))

/** Kinds of which there are resources of their own. */
const real = ['Mesh', 'MeshService', 'MeshExternalService', 'MeshMultiZoneService', 'MeshHTTPRoute'] as const
const isReal = (kind: string): boolean => (real as readonly string[]).includes(kind)

interface Entry extends ReadPolicy {
  readonly item: PolicyItem
}
interface Resolved {
  readonly entry: Entry
  /** Place of the entry in the merging. */
  readonly place: number
  readonly resource: Referable
  readonly kri: string
  readonly section: string
}

/** What policies of one kind configure towards each destination that one of them names, by `kri` and section. */
export function resourceRules(
  type: string,
  policies: readonly ReadPolicy[],
  referables: Referables,
): ReadonlyMap<string, ResourceRule> {
  const resolved = policies
    // What is about a route is about its clients; towards real resources that is said by an item's own targetRef.
    .filter(({ top }) => top.kind !== 'MeshHTTPRoute')
    .flatMap((each) => each.spec.to.map((item): Entry => ({ ...each, item })))
    .sort((a, b) => byAttributes(a, b) || byItem(a, b) || byName(a, b))
    .flatMap((entry, place) =>
      resolve(entry.item.targetRef, entry.policy, referables).map(
        (each): Resolved => ({ entry, place, kri: kriOfResource(each.resource), ...each }),
      ),
    )
  // One item may mean ten thousand services: each is looked at beside what is about it, not beside all others.
  const ofMesh = resolved.filter(({ resource }) => resource.type === 'Mesh')
  const byKri = new Map<string, Resolved[]>()
  for (const each of resolved) byKri.set(each.kri, [...(byKri.get(each.kri) ?? []), each])
  const towards = new Map(resolved.map((each) => [`${each.kri}${each.section}`, each]))
  return new Map(
    [...towards].map(([key, { resource, kri, section }]) => {
      const own = resource.type === 'Mesh' ? [] : (byKri.get(kri) ?? []).filter((each) => takesIn(each, section))
      const relevant = [...ofMesh, ...own].sort((a, b) => a.place - b.place).map(({ entry }) => entry)
      return [key, { resource, section, ...merged(type, relevant) }]
    }),
  )
}

export const kriOfResource = (resource: Referable): string => kriOf(typeOf(resource.type), resource) ?? ''
/** A KRI ends where its section begins. */
export const ruleKey = (resource: Referable, section: string): string => `${kriOfResource(resource)}${section}`

const byItem = (a: Entry, b: Entry): number => {
  const [refA, refB] = [a.item.targetRef, b.item.targetRef]
  const hasSection = ({ sectionName = '' }: TargetRef) => Number(sectionName !== '')
  return byKind(refA, refB) || (refA.kind === 'MeshService' ? hasSection(refA) - hasSection(refB) : 0)
}

function merged(type: string, entries: readonly Entry[]) {
  const origins = new Map<string, RuleOrigin>()
  const originByMatches = new Map<string, RuleOrigin>()
  for (const { policy, item } of entries) {
    const origin: RuleOrigin = { policy, index: item.index }
    const key = `${policy.name}\u0000${item.index}`
    if (origins.has(key)) continue
    origins.set(key, origin)
    if (type !== 'MeshHTTPRoute') continue
    for (const { matches } of objectsOf(item.item.rules)) originByMatches.set(matchesHash(matches ?? null), origin)
  }
  const confs = mergedConfs(
    type,
    entries.map(({ item }) => itemConf(type, item)),
  )
  return { confs, origins: [...origins.values()], originByMatches }
}

/** What an item of `to` or `from` configures. */
export function itemConf(type: string, { item, targetRef }: PolicyItem): JsonObject {
  if (type === 'MeshHTTPRoute') return routeConf(item)
  if (type !== 'MeshTCPRoute') return objectOf(item.default)
  const [first] = objectsOf(item.rules)
  // Without a rule connections go to what they are for.
  return first ?? { default: { backendRefs: [{ ...(targetRef as unknown as JsonObject), weight: 1 }] } }
}

/** Matches of a rule in short, as Kuma writes them: SHA-256 of their JSON, which Go makes safe for HTML. */
export const matchesHash = (matches: Json): string =>
  hash(
    'sha256',
    JSON.stringify(matches).replace(
      /[<>&\u2028\u2029]/g,
      (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`,
    ),
    'base64',
  )

/** The destinations, or ports of them, that a reference means. */
function resolve(
  ref: TargetRef,
  policy: PolicyResource,
  referables: Referables,
): readonly { readonly resource: Referable; readonly section: string }[] {
  const { kind, name = '', labels = {}, sectionName = '' } = ref
  if (!isReal(kind)) return []
  const service = kind === 'MeshService' && sectionName === '' ? kubernetesService(name) : undefined
  const wanted =
    service !== undefined
      ? hasLabels({ [displayNameLabel]: service.name, [namespaceLabel]: service.namespace })
      : Object.keys(labels).length > 0
        ? hasLabels(labels)
        : isNamed(ref, policy)
  const found = referables(kind).filter(wanted)
  const isPort: ((port: Port) => boolean) | undefined =
    service !== undefined && service.port !== 0
      ? ({ port }) => port === service.port
      : sectionName === ''
        ? undefined
        : ({ section }) => section === sectionName
  return found.flatMap((resource) => {
    // Ports are read only where one is asked for: an item without may mean ten thousand services.
    const ports = isPort === undefined ? undefined : portsOfService(resource)
    if (isPort === undefined || ports === undefined) return [{ resource, section: '' }]
    const port = ports.find(isPort)
    return port === undefined ? [] : [{ resource, section: port.section }]
  })
}

const hasLabels = (wanted: Readonly<Record<string, string>>) => (resource: Referable) => hasAll(resource.labels, wanted)

/** By name: what the policy's own zone and namespace call so. */
function isNamed({ kind, name = '', namespace = '' }: TargetRef, policy: PolicyResource) {
  if (kind === 'Mesh') return (resource: Referable) => resource.name === policy.mesh
  const ownNamespace = policy.labels[namespaceLabel] ?? ''
  return ({ name: stored, labels }: Referable) =>
    (labels[displayNameLabel] ?? stored) === name &&
    (labels[zoneLabel] ?? '') === (policy.labels[zoneLabel] ?? '') &&
    (labels[namespaceLabel] ?? '') === (namespace || ownNamespace)
}

/** `backend_demo_svc_8080`, as what Kuma called a service on Kubernetes, means port 8080 of backend in demo. */
function kubernetesService(name: string) {
  const parts = /^([^_]*)_([^_]*)_[^_]*(?:_(\d+))?$/.exec(name)
  return parts === null ? undefined : { name: parts[1] ?? '', namespace: parts[2] ?? '', port: Number(parts[3] ?? 0) }
}

/** Whether what one item means of a resource takes in one of its sections; only some kinds have any. */
const takesIn = ({ resource: { type }, section: of }: Resolved, section: string): boolean =>
  (type !== 'MeshService' && type !== 'MeshMultiZoneService') || of === section || of === ''
