import { createHash, randomBytes } from 'node:crypto'
import type { JsonObject, TypeDescriptor } from '@holdfast/model'
import type { Row } from '@holdfast/store'
import { publicationJson } from '../hooks/publication.js'
import type { ApiContext } from '../options.js'
import type { Resources } from '../resources/service.js'
import { pagesOfLog } from './pages.js'

/** What has been told of one resource, and when. */
export interface Told {
  readonly digest: string
  readonly atMs: number
}

/** How the computed parts of all resources of a type stood when they were last looked at. */
export interface Seen {
  /** As of which look; `none` before the first. */
  readonly generation: number
  /** Over all of them: equal where nothing differs, in whichever process. */
  readonly sum: string
}

/** Not more often than so, however often the store changes. */
const everyMs = 1_000
/** A look at very many takes its time; between two of them there is four times as much for everybody else. */
const restFactor = 4

/**
 * What is shown of a resource and written nowhere: names that generators give, addresses of this zone alone, what a
 * MeshMultiZoneService matches, what somebody refuses or holds, what a policy hook says. It follows from other resources, so no place in the log says that
 * it has changed. Instead all of a type are looked at while somebody watches it and something has moved, once for all
 * who do; what is kept of each is a digest.
 */
export class Computed {
  /** Generations of another process mean nothing here. */
  readonly instance = randomBytes(6).toString('base64url')
  readonly #context: ApiContext
  readonly #resources: Resources
  readonly #type: TypeDescriptor
  readonly #known = new Map<string, { readonly digest: string; readonly generation: number }>()
  #generation = 0
  #sum = 0n
  #stamp = ''
  #startedMs = Number.NEGATIVE_INFINITY
  #nextMs = Number.NEGATIVE_INFINITY
  #looking: Promise<void> | undefined

  constructor(context: ApiContext, resources: Resources, type: TypeDescriptor) {
    this.#context = context
    this.#resources = resources
    this.#type = type
  }

  get seen(): Seen {
    return { generation: this.#generation, sum: this.#sum.toString(36) }
  }

  /** Looks, if it is time to; whoever comes while somebody looks waits for that. */
  async look(): Promise<void> {
    if (this.#looking === undefined && performance.now() < this.#nextMs) return
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined
    })
    await this.#looking
  }

  /**
   * Whose parts are not what a watcher has been told who knows them as of a generation. What it was told since, `told`,
   * counts as far as the last look is younger; that much of it is forgotten here, for from then on the generation says it.
   */
  differing(generation: number, told: Map<string, Told>): ReadonlySet<string> {
    const keys = new Set<string>()
    for (const [key, now] of this.#known) if (now.generation > generation && !told.has(key)) keys.add(key)
    for (const [key, { digest, atMs }] of told) {
      if (atMs > this.#startedMs) continue
      const now = this.#known.get(key)
      if (now !== undefined && now.digest !== digest) keys.add(key)
      told.delete(key)
    }
    return keys
  }

  async #look(): Promise<void> {
    const beganMs = performance.now()
    const stamp = await this.#stampNow()
    if (stamp !== this.#stamp) {
      await this.#compare()
      this.#stamp = stamp
    }
    this.#startedMs = beganMs
    const nowMs = performance.now()
    this.#nextMs = Math.max(beganMs + everyMs, nowMs + restFactor * (nowMs - beganMs))
  }

  /** Moves with everything that the parts follow from. */
  async #stampNow(): Promise<string> {
    const { store, dns, hooks = [] } = this.#context
    const { epoch, revision, tag } = (await store.status()).head
    const reports = (await store.guards.reports()).map(({ peer, body }) => [peer, body])
    const refused = (await store.read.refused()).map(({ type, mesh, name, entry, reason }) => [
      type,
      mesh,
      name,
      entry,
      reason,
    ])
    const holds = (await store.read.holds()).map(({ id, state }) => [id, state])
    const judged =
      hooks.length === 0
        ? []
        : (await store.hooks.open(judgedMax)).map((row) => [row.type, keyOf(row), verdictOf(publicationJson(row))])
    return digestOf([epoch, revision, tag, reports, refused, holds, judged, dns?.unserved() ?? []])
  }

  async #compare(): Promise<void> {
    const generation = this.#generation + 1
    const here = new Set<string>()
    for await (const rows of pagesOfLog(this.#context.store, this.#type)) {
      const shown = await this.#resources.render(rows)
      for (const [at, row] of rows.entries()) {
        const key = keyOf(row)
        here.add(key)
        const digest = partsDigest(shown[at] ?? {})
        const known = this.#known.get(key)
        if (known?.digest === digest) continue
        this.#sum += weight(key, digest) - (known === undefined ? 0n : weight(key, known.digest))
        this.#known.set(key, { digest, generation })
      }
    }
    for (const [key, { digest }] of this.#known)
      if (!here.has(key)) {
        this.#sum -= weight(key, digest)
        this.#known.delete(key)
      }
    this.#generation = generation
  }
}

export const keyOf = ({ mesh, name }: Pick<Row, 'mesh' | 'name'>): string => `${mesh}\u0000${name}`

/** Where computed parts stand; what its origin wrote of a status moves in the log as well. */
export const partsDigest = ({ status, publication }: JsonObject): string =>
  digestOf([status ?? null, verdictOf(publication as JsonObject | undefined)])

/** That a hook is asked again and again is no news. */
const verdictOf = (publication: JsonObject | undefined): readonly unknown[] =>
  publication === undefined ? [] : [publication.state, publication.reason, publication.hook, publication.servedVersion]

/** The oldest of what waits for a hook. */
const judgedMax = 1_000

const digestOf = (value: unknown): string =>
  createHash('sha256').update(JSON.stringify(value)).digest('base64').slice(0, 16)

const weight = (key: string, digest: string): bigint =>
  createHash('sha256').update(`${key}\u0000${digest}`).digest().readBigUInt64BE()

const kept = new WeakMap<Resources, Map<string, Computed>>()

/** The one of this API and type; undefined for a type of which nothing is computed. */
export function computedOf(context: ApiContext, resources: Resources, type: TypeDescriptor): Computed | undefined {
  if (!type.hasStatus && (context.hooks ?? []).length === 0) return undefined
  const ofApi = kept.get(resources) ?? new Map<string, Computed>()
  kept.set(resources, ofApi)
  const found = ofApi.get(type.name) ?? new Computed(context, resources, type)
  ofApi.set(type.name, found)
  return found
}
