import {
  type ContributionProblem,
  contributionsOf,
  generatorName,
  type Labels,
  type Matched,
  type MeshRules,
  type MeshServiceSpec,
  managedByLabel,
  meshRulesOf,
  meshServiceKind,
  type ProxyInsight,
  pairsOf,
  pairsWanted,
  proxyInsightOf,
  proxyOf,
  type ServingProxy,
  selects,
} from '@holdfast/model'
import { authoredOf, isUnpublished, type Row } from '@holdfast/store'

/** A MeshService of this zone, as far as it is computed from Dataplanes. */
export interface OwnService {
  readonly mesh: string
  readonly name: string
  readonly displayName: string
  readonly revision: number
  readonly labels: Labels
  readonly bytes: Uint8Array
  readonly spec: MeshServiceSpec
  readonly isGenerated: boolean
  readonly status: Uint8Array | undefined
}

/** What the zone's store says of everything that services are made of. */
export const followedTypes = ['Mesh', 'Dataplane', 'DataplaneInsight'] as const
export const followedOwnTypes = ['MeshService'] as const

/** Name of a service (display name of a generated one, stored name of any) in its mesh. */
export interface ServiceKey {
  readonly mesh: string
  readonly name: string
}

/**
 * Dataplanes, their insights, meshes and this zone's MeshServices in memory, found by what selectors ask for. Told of
 * every change in the order of the log, it knows which services a change concerns (`due`), before it and after it:
 * work follows the change, not the number of services. No I/O, no clock.
 */
export class ServiceIndex {
  readonly #meshes = new Map<string, MeshRules>()
  readonly #proxies = new Map<string, ServingProxy>()
  readonly #insights = new Map<string, ProxyInsight>()
  readonly #services = new Map<string, OwnService>()
  readonly #contributors = new Groups()
  readonly #proxiesByPair = new Groups()
  readonly #servicesByPair = new Groups()
  /** Dataplanes with a name among theirs that no service can have. */
  readonly #unusable = new Set<string>()
  /** Moves whenever `unusable` may answer otherwise. */
  unusableVersion = 1
  /** Insertion order: what became due first is done first. */
  readonly #due = new Map<string, ServiceKey>()

  /** Takes a row of the log, a tombstone too. What no hook has let through yet makes no service. */
  apply(row: Row): void {
    if (row.type !== 'MeshService' && isUnpublished(row)) this.apply({ ...row, deleted: true, form: undefined })
    else if (row.type === 'Mesh') this.#applyMesh(row)
    else if (row.type === 'Dataplane') this.#applyProxy(row)
    else if (row.type === 'DataplaneInsight') this.#applyInsight(row)
    else this.#applyService(authoredOf(row))
  }

  /** Up to so many services that have to be looked at; each is due once, until it is again. */
  takeDue(max: number): readonly ServiceKey[] {
    const taken: ServiceKey[] = []
    for (const [text, key] of this.#due) {
      if (taken.length === max) break
      taken.push(key)
      this.#due.delete(text)
    }
    return taken
  }

  get dueCount(): number {
    return this.#due.size
  }

  /** What Dataplanes say that no service can be called, in meshes that generate services; by Dataplane. */
  *unusable(): Iterable<{ readonly proxy: ServingProxy; readonly problems: readonly ContributionProblem[] }> {
    for (const text of this.#unusable) {
      const proxy = this.#proxies.get(text)
      if (proxy === undefined || this.#meshes.get(proxy.mesh)?.generatesServices !== true) continue
      yield { proxy, problems: contributionsOf(proxy).problems.filter(({ reason }) => reason === 'InvalidName') }
    }
  }

  becomesDue(key: ServiceKey): void {
    this.#due.set(textOf(key), key)
  }

  /** Undefined: the mesh is not there, and what lies in it waits for it. */
  mesh(name: string): MeshRules | undefined {
    return this.#meshes.get(name)
  }

  service(key: ServiceKey): OwnService | undefined {
    return this.#services.get(textOf(key))
  }

  /** A status was written: the log does not tell. */
  setStatus(key: ServiceKey, status: Uint8Array | undefined): void {
    const service = this.service(key)
    if (service !== undefined) this.#services.set(textOf(key), { ...service, status })
  }

  /** Dataplanes that make this service, in no order. */
  contributors(key: ServiceKey): readonly ServingProxy[] {
    return this.#contributors.of(textOf(key)).flatMap((text) => this.#proxies.get(text) ?? [])
  }

  /** Dataplanes that a service selects. */
  matched({ mesh, spec }: Pick<OwnService, 'mesh' | 'spec'>): readonly Matched[] {
    const pairs = pairsWanted(spec.selector)?.map((pair) => pairIn(mesh, pair)) ?? []
    // The rarest pair leaves the fewest to look at.
    const [rarest] = pairs.toSorted((a, b) => this.#proxiesByPair.count(a) - this.#proxiesByPair.count(b))
    if (rarest === undefined) return []
    return this.#proxiesByPair.of(rarest).flatMap((text): Matched[] => {
      const proxy = this.#proxies.get(text)
      return proxy !== undefined && selects(spec.selector, proxy) ? [{ proxy, insight: this.#insights.get(text) }] : []
    })
  }

  #applyMesh(row: Row): void {
    const before = this.#meshes.get(row.name)
    const after = row.deleted ? undefined : meshRulesOf(row)
    if (after === undefined) this.#meshes.delete(row.name)
    else this.#meshes.set(row.name, after)
    if (JSON.stringify(before) === JSON.stringify(after)) return
    this.unusableVersion++
    for (const service of this.#services.values()) if (service.mesh === row.name) this.becomesDue(service)
    for (const proxy of this.#proxies.values()) if (proxy.mesh === row.name) this.#contributionsBecomeDue(proxy)
  }

  #applyProxy(row: Row): void {
    const text = textOf(row)
    const before = this.#proxies.get(text)
    const after = row.deleted ? undefined : proxyOf(row, row.createdAtMs)
    if (before !== undefined) this.#forget(before)
    if (after === undefined) this.#proxies.delete(text)
    else this.#remember(after)
    for (const proxy of [before, after]) if (proxy !== undefined) this.#concernedBecomeDue(proxy)
  }

  #remember(proxy: ServingProxy): void {
    const text = textOf(proxy)
    this.#proxies.set(text, proxy)
    if (contributionsOf(proxy).problems.some(({ reason }) => reason === 'InvalidName')) {
      this.#unusable.add(text)
      this.unusableVersion++
    }
    for (const pair of pairsOf(proxy)) this.#proxiesByPair.add(pairIn(proxy.mesh, pair), text)
    for (const key of servicesOf(proxy)) this.#contributors.add(textOf(key), text)
  }

  #forget(proxy: ServingProxy): void {
    const text = textOf(proxy)
    if (this.#unusable.delete(text)) this.unusableVersion++
    for (const pair of pairsOf(proxy)) this.#proxiesByPair.remove(pairIn(proxy.mesh, pair), text)
    for (const key of servicesOf(proxy)) this.#contributors.remove(textOf(key), text)
  }

  #applyInsight(row: Row): void {
    const text = textOf(row)
    const before = this.#insights.get(text)
    const after = row.deleted ? undefined : proxyInsightOf(row)
    if (after === undefined) this.#insights.delete(text)
    else this.#insights.set(text, after)
    if (JSON.stringify(before) === JSON.stringify(after)) return
    const proxy = this.#proxies.get(text)
    if (proxy !== undefined) this.#selectingBecomeDue(proxy)
  }

  #applyService(row: Row): void {
    const text = textOf(row)
    const before = this.#services.get(text)
    const pairOf = ({ mesh, spec }: OwnService): string | undefined => {
      const [pair] = pairsWanted(spec.selector) ?? []
      return pair === undefined ? undefined : pairIn(mesh, pair)
    }
    const pairBefore = before === undefined ? undefined : pairOf(before)
    if (pairBefore !== undefined) this.#servicesByPair.remove(pairBefore, text)
    const spec = row.deleted ? undefined : meshServiceKind.read(row.spec)
    if (spec === undefined) this.#services.delete(text)
    else {
      const { mesh, name, displayName, revision, labels, status } = row
      const isGenerated = labels[managedByLabel] === generatorName
      const after = { mesh, name, displayName, revision, labels, bytes: row.spec, spec, isGenerated, status }
      this.#services.set(text, after)
      const pair = pairOf(after)
      if (pair !== undefined) this.#servicesByPair.add(pair, text)
    }
    this.becomesDue({ mesh: row.mesh, name: row.name })
    // One with another stored name may have the display name that a generated one wants, or have given it up.
    if (row.displayName !== row.name) this.becomesDue({ mesh: row.mesh, name: row.displayName })
  }

  #concernedBecomeDue(proxy: ServingProxy): void {
    this.#contributionsBecomeDue(proxy)
    this.#selectingBecomeDue(proxy)
  }

  #contributionsBecomeDue(proxy: ServingProxy): void {
    for (const key of servicesOf(proxy)) this.becomesDue(key)
  }

  #selectingBecomeDue(proxy: ServingProxy): void {
    for (const pair of pairsOf(proxy))
      for (const text of this.#servicesByPair.of(pairIn(proxy.mesh, pair))) {
        const service = this.#services.get(text)
        if (service !== undefined && selects(service.spec.selector, proxy)) this.becomesDue(service)
      }
  }
}

const servicesOf = (proxy: ServingProxy): readonly ServiceKey[] =>
  contributionsOf(proxy).contributions.map(({ service }) => ({ mesh: proxy.mesh, name: service }))

const textOf = ({ mesh, name }: ServiceKey): string => `${mesh}\u0000${name}`
const pairIn = (mesh: string, pair: string): string => `${mesh}\u0000${pair}`

/** Members by group; an empty group is none. */
class Groups {
  readonly #members = new Map<string, Set<string>>()

  add(group: string, member: string): void {
    const members = this.#members.get(group)
    if (members === undefined) this.#members.set(group, new Set([member]))
    else members.add(member)
  }

  remove(group: string, member: string): void {
    const members = this.#members.get(group)
    members?.delete(member)
    if (members?.size === 0) this.#members.delete(group)
  }

  of(group: string): readonly string[] {
    return [...(this.#members.get(group) ?? [])]
  }

  count(group: string): number {
    return this.#members.get(group)?.size ?? 0
  }
}
