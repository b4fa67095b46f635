import {
  agreedService,
  byAge,
  type ComputedService,
  computedLabels,
  computedService,
  contributionsOf,
  displayNameLabel,
  envLabel,
  equalBytes,
  generatorName,
  graceLabel,
  isBlankStatus,
  type Labels,
  managedByLabel,
  meshLabel,
  meshServiceKind,
  propagatedLabels,
  type ServingProxy,
  sameSpec,
  serviceStatusBytes,
  typeOf,
  vipPins,
  type WantedService,
  wantsVip,
  withComputed,
  zoneLabel,
} from '@holdfast/model'
import type { LocalChange } from '@holdfast/store'
import type { OwnService, ServiceIndex, ServiceKey } from './service-index.js'

export interface ServiceRules {
  readonly zone: string
  /** How long a service stays after its last Dataplane has gone. */
  readonly graceMs: number
  /** Labels of Dataplanes that their service gets as well. */
  readonly propagated: readonly string[]
  readonly nowMs: number
}

export type ProblemReason = 'InvalidName' | 'DuplicatePort' | 'PortConflict' | 'NameTaken' | 'Refused'

/** What an operator has to know about a service, or about one that could not be made. */
export interface ServiceProblem extends ServiceKey {
  readonly reason: ProblemReason
  /** What is wrong, and what to do. */
  readonly message: string
}

/** What follows for one service. */
export interface ServicePlan {
  readonly change: LocalChange | undefined
  readonly problems: readonly ServiceProblem[]
  /** When it has to be looked at again although nothing changes: its grace ends. */
  readonly lookAgainAtMs: number | undefined
}

const type = typeOf('MeshService')
const nothing: ServicePlan = { change: undefined, problems: [], lookAgainAtMs: undefined }

/**
 * Decides about one service: made, changed, left alone or deleted, with everything that is computed of it in one
 * change. A service that somebody has made by hand only gets what is computed. While its mesh is not there nothing
 * happens to it: it comes back with the mesh as it was.
 */
export function planService(key: ServiceKey, index: ServiceIndex, rules: ServiceRules): ServicePlan {
  const mesh = index.mesh(key.mesh)
  if (mesh === undefined) return nothing
  const own = index.service(key)
  const makers = mesh.generatesServices ? index.contributors(key).toSorted(byAge) : []
  if (own !== undefined && !own.isGenerated) {
    const problems = makers.length === 0 ? [] : [nameTaken(key, makers)]
    return { ...nothing, problems, change: computeChange(own, index) }
  }
  const from = makers.flatMap((proxy) =>
    contributionsOf(proxy).contributions.flatMap((contribution) =>
      contribution.service === key.name ? [{ proxy, contribution }] : [],
    ),
  )
  const agreed = agreedService(from, own?.spec)
  if (agreed !== undefined)
    return {
      ...nothing,
      problems: [
        ...(agreed.dissenters.length === 0 ? [] : [portConflict(key, agreed.dissenters)]),
        ...doubledPorts(key, makers),
      ],
      change: wantedChange(key, own, agreed.wanted, propagatedLabels(makers, rules.propagated), index, rules),
    }
  return own === undefined ? nothing : orphaned(key, own, index, rules)
}

/**
 * Nobody makes it any more: its Dataplanes are gone, or the mesh does not want generated services. Kuma's grace, after
 * which its address stays reserved for it all the same. In the second case Kuma deletes at once; but a mesh that a
 * global has lost and makes anew does not want them either, and they are still served.
 */
function orphaned(key: ServiceKey, own: OwnService, index: ServiceIndex, rules: ServiceRules): ServicePlan {
  const remove = { change: 'delete', key: { type: type.name, ...key }, ifRevision: own.revision } as const
  const startedAtMs = Date.parse(own.labels[graceLabel] ?? '')
  if (Number.isNaN(startedAtMs)) {
    const labels = { ...own.labels, [graceLabel]: graceText(rules.nowMs) }
    const change = putChange(key, own, labels, own.spec, computed(own, index))
    return { ...nothing, change, lookAgainAtMs: rules.nowMs + rules.graceMs }
  }
  const endsAtMs = startedAtMs + rules.graceMs
  return endsAtMs <= rules.nowMs
    ? { ...nothing, change: remove }
    : { ...nothing, change: computeChange(own, index), lookAgainAtMs: endsAtMs }
}

/** RFC 3339 in whole seconds, as Kuma writes it. Not later than now, so that the grace ends no later than it should. */
const graceText = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z')

function wantedChange(
  key: ServiceKey,
  own: OwnService | undefined,
  wanted: WantedService,
  propagated: Labels,
  index: ServiceIndex,
  rules: ServiceRules,
): LocalChange | undefined {
  const labels = computedLabels(type, key.mesh, key.name, 'zone', rules.zone, {
    ...keptLabels(own, rules),
    ...propagated,
    [managedByLabel]: generatorName,
  })
  const spec = { ...own?.spec, ...wanted, state: own?.spec.state ?? 'Unavailable' }
  const follows = computedService(
    wanted,
    index.matched({ mesh: key.mesh, spec }),
    index.mesh(key.mesh) ?? { enabledBackend: '' },
    wasTlsReady(own),
  )
  const change = putChange(key, own, labels, spec, follows)
  const isSame =
    own !== undefined && sameSpec(type, change.content.spec, own.bytes) && sameLabels(change.content.labels, own.labels)
  return isSame ? statusChange(own, follows) : change
}

/** What an operator has put on a generated service stays on it: a pinned address, or that it is to be kept at home. */
function keptLabels(own: OwnService | undefined, { propagated }: ServiceRules): Labels {
  const ours = new Set([meshLabel, displayNameLabel, envLabel, zoneLabel, managedByLabel, graceLabel, ...propagated])
  return Object.fromEntries(Object.entries(own?.labels ?? {}).filter(([label]) => !ours.has(label)))
}

type Put = Extract<LocalChange, { change: 'put' }>

function putChange(
  { mesh, name }: ServiceKey,
  own: OwnService | undefined,
  labels: Labels,
  spec: OwnService['spec'],
  follows: ComputedService,
): Put {
  const authored = meshServiceKind.encode(JSON.parse(JSON.stringify(spec)))
  const pins = vipPins(labels)
  return {
    change: 'put',
    key: { type: type.name, mesh, name },
    content: { labels, typeUrl: '', spec: withComputed(type, authored, follows.computed) },
    namespace: '',
    displayName: name,
    ...(pins.v4 === undefined && pins.v6 === undefined ? {} : { pins }),
    wantsVip: wantsVip(type, labels),
    generated: { ifRevision: own?.revision ?? 0, status: statusOf(own, follows) },
  }
}

const computed = (own: OwnService, index: ServiceIndex): ComputedService =>
  computedService(own.spec, index.matched(own), index.mesh(own.mesh) ?? { enabledBackend: '' }, wasTlsReady(own))

/** What is computed of a service as it stands; undefined: it is what it should be. */
function computeChange(own: OwnService, index: ServiceIndex): LocalChange | undefined {
  const follows = computed(own, index)
  return sameSpec(type, withComputed(type, own.bytes, follows.computed), own.bytes)
    ? statusChange(own, follows)
    : changeOf(own, follows)
}

function statusChange(own: OwnService, follows: ComputedService): LocalChange | undefined {
  const status = statusOf(own, follows)
  const isSame =
    status === own.status || (status !== undefined && own.status !== undefined && equalBytes(status, own.status))
  return isSame ? undefined : changeOf(own, follows)
}

const changeOf = (own: OwnService, follows: ComputedService): LocalChange => ({
  change: 'compute',
  key: { type: type.name, mesh: own.mesh, name: own.name },
  computed: follows.computed,
  status: statusOf(own, follows),
  ifRevision: own.revision,
})

/** Nothing is stored for a service that no proxy has ever served. */
const statusOf = (own: OwnService | undefined, follows: ComputedService): Uint8Array | undefined =>
  isBlankStatus(follows) && own?.status === undefined ? undefined : serviceStatusBytes(follows)

const wasTlsReady = (own: OwnService | undefined): boolean =>
  own?.status !== undefined && Buffer.from(own.status).includes('"tls":{"status":"Ready"}')

const sameLabels = (a: Labels, b: Labels): boolean => {
  const keys = Object.keys(a)
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key])
}

const nameTaken = (key: ServiceKey, makers: readonly ServingProxy[]): ServiceProblem => ({
  ...key,
  reason: 'NameTaken',
  message: `a MeshService of this name was made by hand and is left alone, so none is made of ${namesOf(makers)}; delete it or give them another service name`,
})

const portConflict = (key: ServiceKey, dissenters: readonly ServingProxy[]): ServiceProblem => ({
  ...key,
  reason: 'PortConflict',
  message: `its Dataplanes must have the same inbounds (ports, names, protocols, order), and ${namesOf(dissenters)} ${dissenters.length === 1 ? 'differs' : 'differ'}; the service follows the others`,
})

const doubledPorts = (key: ServiceKey, makers: readonly ServingProxy[]): readonly ServiceProblem[] =>
  makers
    .flatMap((proxy) =>
      contributionsOf(proxy).problems.flatMap(({ reason, service, message }): ServiceProblem[] =>
        service === key.name ? [{ ...key, reason, message: `Dataplane ${proxy.name}: ${message}` }] : [],
      ),
    )
    .slice(0, 1)

const namedMax = 3

const namesOf = (proxies: readonly ServingProxy[]): string => {
  const names = proxies.slice(0, namedMax).map(({ name }) => name)
  const more = proxies.length - names.length
  return `${proxies.length === 1 ? 'Dataplane' : 'Dataplanes'} ${names.join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}
