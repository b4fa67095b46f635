import { generateHostname, type HostnameGenerator, type NameableService } from '@holdfast/model'
import { ancestorsOf, folded, servingProblem } from './names.js'
import { type ServedService, serviceKey, serviceWords } from './served.js'

/** A name, who has it, and by which generator. */
export interface NamedService {
  readonly hostname: string
  readonly service: ServedService
  readonly generator: string
}

/** A name that a service should have and does not: who else has it, or why nobody can. */
export interface Unserved {
  readonly hostname: string
  readonly service: ServedService
  readonly generator: string
  /** `taken`: somebody else's; `bad`: what the template gives is no name; `many`: the service has as many as it may. */
  readonly why: 'taken' | 'bad' | 'many'
  readonly reason: string
}

/** Names that one service may have: so many generators that select it are a mistake, and cost only this much. */
export const namesPerServiceMax = 100

interface Candidate extends NamedService {
  /** Of the generator: the zone's own first, then the older, then by name. */
  readonly rank: number
}

interface Entry {
  readonly service: ServedService
  readonly candidates: readonly Candidate[]
  readonly failed: readonly Unserved[]
}

/**
 * Names and addresses as one zone serves them: a function of the services and generators that it was given, kept up to
 * date change by change. Of one kind and mesh the order is that of `assignHostnames`; of two kinds or meshes that want the
 * same name the older service has it, and the other one is told. No I/O, no clock: a lookup is a lookup in a map.
 */
export class NameTable {
  readonly zone: string
  readonly generators: readonly HostnameGenerator[]
  readonly #entries = new Map<string, Entry>()
  readonly #byHostname = new Map<string, readonly Candidate[]>()
  readonly #byAddress = new Map<string, readonly string[]>()
  /** How many names lie below a name: it exists without being one (RFC 8020). */
  readonly #below = new Map<string, number>()

  constructor(zone: string, generators: readonly HostnameGenerator[]) {
    this.zone = zone
    this.generators = [...generators].sort(
      (a, b) => Number(b.origin === zone) - Number(a.origin === zone) || byAge(a, b),
    )
  }

  get services(): number {
    return this.#entries.size
  }

  get hostnames(): number {
    return this.#byHostname.size
  }

  put(service: ServedService): void {
    const key = serviceKey(service)
    this.remove(key)
    const entry = this.#named(service)
    this.#entries.set(key, entry)
    for (const candidate of entry.candidates) this.#add(candidate)
    for (const address of service.addresses)
      this.#byAddress.set(address, [...(this.#byAddress.get(address) ?? []), key])
  }

  /** @returns whether it was there */
  remove(key: string): boolean {
    const entry = this.#entries.get(key)
    if (entry === undefined) return false
    this.#entries.delete(key)
    for (const { hostname } of entry.candidates) this.#drop(hostname, key)
    for (const address of entry.service.addresses) {
      const others = (this.#byAddress.get(address) ?? []).filter((other) => other !== key)
      if (others.length === 0) this.#byAddress.delete(address)
      else this.#byAddress.set(address, others)
    }
    return true
  }

  /** @param hostname folded */
  find(hostname: string): NamedService | undefined {
    return this.#byHostname.get(hostname)?.[0]
  }

  /** Whether a name lies below this one. */
  hasBelow(name: string): boolean {
    return this.#below.has(name)
  }

  get(key: string): ServedService | undefined {
    return this.#entries.get(key)?.service
  }

  /** Names that a service has, in the order of its generators. */
  namesOf(key: string): readonly NamedService[] {
    const names = this.#entries.get(key)?.candidates ?? []
    return names.filter(({ hostname }) => this.#holds(hostname, key))
  }

  /** Names of who has an address. */
  namesAt(address: string): readonly NamedService[] {
    return (this.#byAddress.get(address) ?? []).flatMap((key) => this.namesOf(key))
  }

  allServices(): Iterable<ServedService> {
    return [...this.#entries.values()].map(({ service }) => service)
  }

  /** What a service should be called and is not, with the reason; of all services unless a key is given. */
  unserved(key?: string): readonly Unserved[] {
    const entries =
      key === undefined ? [...this.#entries.values()] : [this.#entries.get(key)].filter((e) => e !== undefined)
    return entries.flatMap(({ service, candidates, failed }) => [
      ...failed,
      ...candidates.flatMap((candidate): Unserved[] => {
        const holder = this.find(candidate.hostname)
        if (holder === undefined || this.#holds(candidate.hostname, serviceKey(service))) return []
        const { hostname, generator } = candidate
        const reason = `${serviceWords(holder.service)} is older and has the name`
        return [{ hostname, service, generator, why: 'taken', reason }]
      }),
    ])
  }

  #holds(hostname: string, key: string): boolean {
    const holder = this.find(hostname)
    return holder !== undefined && serviceKey(holder.service) === key
  }

  #named(service: ServedService): Entry {
    const candidates: Candidate[] = []
    const failed: Unserved[] = []
    for (const [rank, generator] of this.generators.entries()) {
      if (candidates.length + failed.length >= namesPerServiceMax) {
        const reason = `${serviceWords(service)} has ${namesPerServiceMax} names already, and gets none of this generator and those after it`
        failed.push({ hostname: '', service, generator: generator.name, why: 'many', reason })
        break
      }
      const isOwn = service.origin === this.zone
      const rendered = generateHostname(generator, service, { zone: this.zone, isOwn })
      if (rendered === undefined) continue
      const hostname = rendered.outcome === 'rendered' ? folded(rendered.text) : ''
      const reason = rendered.outcome === 'failed' ? rendered.reason : servingProblem(hostname)
      if (reason !== undefined) failed.push({ hostname, service, generator: generator.name, why: 'bad', reason })
      // Two generators may come to the same name.
      else if (!candidates.some((other) => other.hostname === hostname))
        candidates.push({ hostname, service, generator: generator.name, rank })
    }
    return { service, candidates, failed }
  }

  #add(candidate: Candidate): void {
    const { hostname } = candidate
    const others = this.#byHostname.get(hostname)
    if (others !== undefined) {
      this.#byHostname.set(hostname, inOrder([...others, candidate]))
      return
    }
    this.#byHostname.set(hostname, [candidate])
    for (const ancestor of ancestorsOf(hostname)) this.#below.set(ancestor, (this.#below.get(ancestor) ?? 0) + 1)
  }

  #drop(hostname: string, key: string): void {
    const left = (this.#byHostname.get(hostname) ?? []).filter(({ service }) => serviceKey(service) !== key)
    if (left.length > 0) {
      this.#byHostname.set(hostname, inOrder(left))
      return
    }
    this.#byHostname.delete(hostname)
    for (const ancestor of ancestorsOf(hostname)) {
      const count = (this.#below.get(ancestor) ?? 1) - 1
      if (count === 0) this.#below.delete(ancestor)
      else this.#below.set(ancestor, count)
    }
  }
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

const byAge = (
  a: { readonly createdAtMs: number; readonly name: string },
  b: { readonly createdAtMs: number; readonly name: string },
): number => a.createdAtMs - b.createdAtMs || compare(a.name, b.name)

const groupOf = ({ type, mesh }: NameableService): string => `${type}\u0000${mesh}`

/**
 * First the one who would have the name if there were only its kind and mesh, of each; then the oldest of those. A plain
 * order of all candidates would not do: what a generator's rank says holds within one kind and mesh only.
 */
function inOrder(candidates: readonly Candidate[]): readonly Candidate[] {
  const firsts = new Map<string, Candidate>()
  for (const candidate of candidates) {
    const group = groupOf(candidate.service)
    const first = firsts.get(group)
    if (first === undefined || within(candidate, first) < 0) firsts.set(group, candidate)
  }
  const [winner] = [...firsts.values()].sort(across)
  return winner === undefined ? [] : [winner, ...candidates.filter((candidate) => candidate !== winner)]
}

const within = (a: Candidate, b: Candidate): number => a.rank - b.rank || byAge(a.service, b.service)
const across = (a: Candidate, b: Candidate): number =>
  a.service.createdAtMs - b.service.createdAtMs ||
  compare(groupOf(a.service), groupOf(b.service)) ||
  compare(a.service.name, b.service.name)
