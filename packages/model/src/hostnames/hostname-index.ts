import type { ResourceKey } from '../resource.js'
import { generateHostname, type HostnameGenerator, type NameableService } from './generator.js'

/** In the shape in which Kuma's API shows them. Types, not interfaces: they are JSON. */
export type HostnameAddress = {
  readonly hostname: string
  readonly origin: 'HostnameGenerator'
  readonly hostnameGeneratorRef: { readonly coreName: string }
}
export type HostnameCondition = {
  readonly type: 'Generated'
  readonly status: 'True' | 'False'
  readonly reason: 'Generated' | 'TemplateError' | 'Collision'
  readonly message: string
}
export type HostnameGeneratorStatus = {
  readonly hostnameGeneratorRef: { readonly coreName: string }
  readonly conditions: readonly HostnameCondition[]
}

/** Names of one service, and what each generator that selects it came to; both in the order of the generators' names. */
export interface ServiceHostnames {
  readonly addresses: readonly HostnameAddress[]
  readonly hostnameGenerators: readonly HostnameGeneratorStatus[]
}

/** Who wants a hostname: of one type and mesh a name tells services apart. */
interface Candidate {
  readonly rank: number
  readonly createdAtMs: number
  readonly name: string
}

/** What a generator came to for a service that it selects. */
type Outcome = { readonly generator: HostnameGenerator } & ({ readonly hostname: string } | { readonly reason: string })

interface Entry {
  readonly type: string
  readonly mesh: string
  readonly name: string
  readonly outcomes: readonly Outcome[]
}

/**
 * The names that a zone serves, one service per kind, mesh and name, kept up to date service by service. Generators of
 * the zone come first, then older ones, then by name; services likewise by age and name; who comes first holds the name,
 * and who comes later is told by whom it is held. In which order they were put makes no difference.
 */
export class HostnameIndex {
  readonly #zone: string
  readonly #generators: readonly HostnameGenerator[]
  readonly #entries = new Map<string, Entry>()
  /** Of each hostname those who want it, the holder first. */
  readonly #candidates = new Map<string, readonly Candidate[]>()

  constructor(generators: readonly HostnameGenerator[], zone: string) {
    this.#zone = zone
    this.#generators = [...generators].sort(
      (a, b) => Number(b.origin === zone) - Number(a.origin === zone) || byAge(a, b),
    )
  }

  /** How many services it knows. */
  get size(): number {
    return this.#entries.size
  }

  put(service: NameableService): void {
    this.remove(service)
    const { type, mesh, name, createdAtMs } = service
    const outcomes: Outcome[] = []
    for (const [rank, generator] of this.#generators.entries()) {
      const rendered = generateHostname(generator, service, {
        zone: this.#zone,
        isOwn: service.origin === this.#zone,
      })
      if (rendered === undefined) continue
      if (rendered.outcome === 'failed') {
        outcomes.push({ generator, reason: rendered.reason })
        continue
      }
      outcomes.push({ generator, hostname: rendered.text })
      this.#want(hostnameKey(service, rendered.text), { rank, createdAtMs, name })
    }
    outcomes.sort((a, b) => compare(a.generator.name, b.generator.name))
    this.#entries.set(keyText(service), { type, mesh, name, outcomes })
  }

  /** Nothing happens where it is not known. */
  remove(key: ResourceKey): void {
    const entry = this.#entries.get(keyText(key))
    if (entry === undefined) return
    this.#entries.delete(keyText(key))
    for (const outcome of entry.outcomes)
      if ('hostname' in outcome) this.#drop(hostnameKey(entry, outcome.hostname), entry)
  }

  /** Undefined for a service that was not put. */
  of(key: ResourceKey): ServiceHostnames | undefined {
    const entry = this.#entries.get(keyText(key))
    if (entry === undefined) return undefined
    const shown = entry.outcomes.map((outcome) => ({
      hostnameGeneratorRef: { coreName: outcome.generator.name },
      ...this.#shown(entry, outcome),
    }))
    return {
      addresses: shown.flatMap(({ hostname, hostnameGeneratorRef }) =>
        hostname === undefined ? [] : [{ hostname, origin: 'HostnameGenerator' as const, hostnameGeneratorRef }],
      ),
      hostnameGenerators: shown.map(({ hostnameGeneratorRef, condition }) => ({
        hostnameGeneratorRef,
        conditions: [condition],
      })),
    }
  }

  #shown(entry: Entry, outcome: Outcome): { readonly hostname?: string; readonly condition: HostnameCondition } {
    if ('reason' in outcome) return { condition: failed('TemplateError', outcome.reason) }
    const [holder] = this.#candidates.get(hostnameKey(entry, outcome.hostname)) ?? []
    return holder === undefined || holder.name === entry.name
      ? { hostname: outcome.hostname, condition: generated }
      : { condition: failed('Collision', `Hostname collision with ${entry.type}: ${holder.name}`) }
  }

  #want(key: string, candidate: Candidate): void {
    const others = this.#candidates.get(key)
    // Nearly every name has one who wants it.
    this.#candidates.set(key, others === undefined ? [candidate] : [...others, candidate].sort(byRank))
  }

  #drop(key: string, { name }: Entry): void {
    const left = (this.#candidates.get(key) ?? []).filter((candidate) => candidate.name !== name)
    if (left.length === 0) this.#candidates.delete(key)
    else this.#candidates.set(key, left)
  }
}

const generated: HostnameCondition = { type: 'Generated', status: 'True', reason: 'Generated', message: '' }
const failed = (reason: 'TemplateError' | 'Collision', message: string): HostnameCondition => ({
  type: 'Generated',
  status: 'False',
  reason,
  message,
})

const keyText = ({ type, mesh, name }: ResourceKey): string => `${type}\u0000${mesh}\u0000${name}`
const hostnameKey = ({ type, mesh }: Pick<ResourceKey, 'type' | 'mesh'>, hostname: string): string =>
  `${type}\u0000${mesh}\u0000${hostname}`

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
const byAge = (a: Pick<Candidate, 'createdAtMs' | 'name'>, b: Pick<Candidate, 'createdAtMs' | 'name'>): number =>
  a.createdAtMs - b.createdAtMs || compare(a.name, b.name)
const byRank = (a: Candidate, b: Candidate): number => a.rank - b.rank || byAge(a, b)
