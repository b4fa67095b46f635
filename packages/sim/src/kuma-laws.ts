import type { Offer } from '@holdfast/kds'
import { contentHash, type ExportedResource, exportLabels, hex, isHeadless, wireKey } from '@holdfast/model'
import { entryOfOffer, type Image, originOf, type Row } from '@holdfast/store'
import { holds, type Law, LawBroken } from './broken.js'
import { type KumaZone, kumaAsksFor } from './kuma-zone.js'
import { entryKey } from './truth.js'
import type { ViewLog } from './view-log.js'

const asked: ReadonlySet<string> = new Set(kumaAsksFor)
const fromGlobal = { channel: 'down', peer: '' } as const

/** Where a zone that speaks plain Kuma KDS and what is known of it differ. */
export interface KumaDifference {
  readonly law: Law
  readonly text: string
}

/**
 * What a zone without a proof was told, judged by what global could ever have shown it, and what global keeps of it, by
 * what it has ever said. It obeys whatever comes: that nothing comes which takes something away is for global to see to.
 */
export class KumaLaws {
  readonly #zone: KumaZone
  readonly #log: ViewLog
  readonly #entries = new Map<string, string>()
  /** How far each key has come in what global has shown. */
  readonly #floors = new Map<string, number>()

  constructor(zone: KumaZone, log: ViewLog) {
    this.#zone = zone
    this.#log = log
  }

  /** MONO, EMPTY, ATTR, key by key. */
  took(type: string, changes: ReadonlyMap<string, Offer | undefined>): void {
    const where = `${this.#zone.name}, a Kuma zone`
    for (const [wire, offer] of changes) {
      const key = `${type} ${wire}`
      const origin = offer === undefined ? '' : originOf(offer.resource, fromGlobal)
      holds(origin !== this.#zone.name, 'OWN', () => `${where}: it is told its own ${key}`)
      const entry = offer === undefined ? undefined : entryOfOffer(offer.resource, origin)
      if (entry === this.#entries.get(key)) continue
      const at = this.#log.find(key, entry, this.#floors.get(key) ?? -1)
      if (at === undefined) throw this.#strayed(where, key, entry)
      this.#floors.set(key, at)
      if (entry === undefined) this.#entries.delete(key)
      else this.#entries.set(key, entry)
    }
  }

  #strayed(where: string, key: string, entry: string | undefined): LawBroken {
    if (entry === undefined) return new LawBroken('EMPTY', `${where}: ${key} went, and global has not taken it away`)
    if (this.#log.everHad(key, entry)) return new LawBroken('MONO', `${where}: ${key} went back to what it was before`)
    return new LawBroken('ATTR', `${where}: ${key} is nothing that global has ever shown it`)
  }

  /** Its store begins from here: global was put back, and what it has shown since is another story. */
  putBack(): void {
    for (const [key, entry] of this.#entries) this.#floors.set(key, this.#log.find(key, entry, -1) ?? -1)
  }

  /** EQ: it has what global shows it, of the types that it asks for. */
  outOfStep(): KumaDifference | undefined {
    const view = this.#log.now
    for (const [key, entry] of view) {
      if (!asked.has(typeOfKey(key)) || this.#entries.get(key) === entry) continue
      const has = this.#entries.get(key) ?? 'nothing'
      return { law: 'EQ', text: `${this.#zone.name}, a Kuma zone: of ${key} the view has ${entry}, it has ${has}` }
    }
    for (const [key, entry] of this.#entries)
      if (!view.has(key))
        return {
          law: 'EQ',
          text: `${this.#zone.name}, a Kuma zone: ${key} is not in its view any more, it has ${entry}`,
        }
    return undefined
  }
}

const typeOfKey = (key: string): string => key.slice(0, key.indexOf(' '))

const contentOf = ({ labels, typeUrl, spec }: Pick<ExportedResource, 'labels' | 'typeUrl' | 'spec'>): string =>
  hex(contentHash({ labels: exportLabels(labels), typeUrl, spec }))

/** What a Kuma zone has ever said of its own: it computes no entries, so its content is what counts. */
export class KumaAuthored {
  readonly #contents = new Map<string, Set<string>>()

  note(type: string, offers: readonly Offer[]): void {
    for (const { resource } of offers) {
      const key = `${type} ${wireKey(resource.mesh, resource.name)}`
      const known = this.#contents.get(key) ?? new Set()
      this.#contents.set(key, known.add(contentOf(resource)))
    }
  }

  has(row: Row): boolean {
    return this.#contents.get(entryKey(row))?.has(contentOf(row)) === true
  }
}

/** OWN: global has what a Kuma zone owns, in its name and with addresses, and nothing else in its name. */
export function ownDifference({ name, own }: KumaZone, { rows, refused }: Image): KumaDifference | undefined {
  const law: Law = 'OWN'
  const kept = new Map<string, Row>()
  for (const row of rows.values()) if (row.origin === name && !row.deleted) kept.set(entryKey(row), row)
  const refusals = new Set(
    [...refused.values()]
      .filter(({ peer }) => peer === name)
      .map(({ type, mesh, exportName }) => `${type} ${wireKey(mesh, exportName)}`),
  )
  const meshes = new Set([...rows.values()].filter((row) => row.type === 'Mesh' && !row.deleted).map((row) => row.name))
  for (const [type, resources] of own.byType)
    for (const [wire, resource] of resources) {
      const key = `${type} ${wire}`
      if (refusals.has(key) || !meshes.has(resource.mesh)) continue
      const row = kept.get(key)
      if (row === undefined) return { law, text: `global does not have ${key}, which ${name}, a Kuma zone, owns` }
      if (contentOf(row) !== contentOf(resource) && row.form === undefined)
        return { law, text: `global has another ${key} than ${name}, a Kuma zone, which owns it` }
      if (type === 'MeshService' && !isHeadless(resource.labels) && row.vips === undefined)
        return { law: 'VIP-5', text: `${key} of ${name}, a Kuma zone, has no virtual IP` }
    }
  for (const [key, row] of kept) {
    const isOwned = own.byType.get(row.type)?.has(wireKey(row.mesh, row.exportName)) === true
    if (!isOwned && row.holdId === undefined)
      return { law, text: `global has ${key} of ${name}, a Kuma zone, which does not have it` }
  }
  return undefined
}
