import {
  comparePositions,
  endOf,
  type LogItem,
  type LogPage,
  type Mark,
  offerBytes,
  type Position,
} from '@holdfast/kds'
import {
  addEntry,
  contentHash,
  type Digest,
  digestEntry,
  type ExportedResource,
  exportLabels,
  hex,
  identityBytes,
  subEntry,
  wireKey,
  zoneLabel,
} from '@holdfast/model'
import type { ControlPlaneStore } from '@holdfast/store'

type ChannelStore = ReturnType<ControlPlaneStore['channel']>
type Op = Parameters<ChannelStore['perform']>[0]

/** When a service was changed, in Unix milliseconds, and which change of the run it was; in a label, so that it travels. */
export const offeredAtLabel = 'bench/offered-at'
export const stepLabel = 'bench/step'

/** As a store of ours does: who listens is told at once, and then of all that comes within this time together. */
const tellEveryMs = 50

interface Offered {
  readonly item: LogItem
  readonly entry: Uint8Array
}

/**
 * What a zone says upwards while it changes faster than a store in memory could plan: its services once they are settled
 * with their addresses, and from then on a log of their newest versions. Everything else of the zone stays in the store that
 * it stands before. It stays connected: whoever asks it to be compared, or to repair, has found something that must not be.
 */
export class FastWriter {
  readonly #inner: ControlPlaneStore
  readonly #listeners = new Set<() => void>()
  /** In the order of their last change. */
  readonly #offered = new Map<string, Offered>()
  readonly #names: string[] = []
  #head: Mark | undefined
  #told: NodeJS.Timeout | undefined
  #isUntold = false
  readonly store: ControlPlaneStore

  constructor(inner: ControlPlaneStore) {
    this.#inner = inner
    const channel: ControlPlaneStore['channel'] = (context) => {
      const below = inner.channel(context)
      return context.channel === 'up' ? this.#upwards(below) : below
    }
    const onAdvanced: ControlPlaneStore['onAdvanced'] = (listener) => {
      this.#listeners.add(listener)
      const stop = inner.onAdvanced(listener)
      return () => {
        this.#listeners.delete(listener)
        stop()
      }
    }
    this.store = Object.create(inner, { channel: { value: channel }, onAdvanced: { value: onAdvanced } })
  }

  /** From now on it speaks of what is in the store now and of what `change` makes of it. @returns how many services that is */
  async takeOver(): Promise<number> {
    const below = this.#inner.channel({ channel: 'up', peer: '' })
    const options = { signal: new AbortController().signal }
    const { head, offers } = await below.perform({ op: 'list', resourceType: 'MeshService' }, options)
    for (const { resource } of offers) this.#keep(resource, head.cursor.revision)
    this.#names.push(...this.#offered.keys())
    this.#head = head
    return offers.length
  }

  /** Changes services by their number, each to what no change before has made of it, as one commit. */
  change(changes: readonly { readonly service: number; readonly step: number }[], atMs: number): void {
    const { cursor } = this.#mark()
    const revision = cursor.revision + 1
    for (const { service, step } of changes) {
      const key = this.#names[service] ?? ''
      const before = this.#offered.get(key)
      if (before === undefined || !('offer' in before.item.change)) throw new Error(`there is no service ${service}`)
      const { resource } = before.item.change.offer
      const labels = { ...resource.labels, [offeredAtLabel]: String(atMs), [stepLabel]: String(step) }
      this.#keep({ ...resource, labels }, revision)
    }
    this.#head = { ...this.#mark(), cursor: { ...cursor, revision, tag: revision.toString(16).padStart(16, '0') } }
    this.#tell()
  }

  /** Step of each service as it is now, by wire key; 0: as it was at first. */
  steps(): Readonly<Record<string, number>> {
    return Object.fromEntries(
      [...this.#offered].map(([key, { item }]) => [
        key,
        'offer' in item.change ? Number(item.change.offer.resource.labels[stepLabel] ?? 0) : 0,
      ]),
    )
  }

  #mark(): Mark {
    if (this.#head === undefined) throw new Error('the fast writer has not taken over yet')
    return this.#head
  }

  #keep(resource: ExportedResource, revision: number): void {
    const { type, mesh, name, typeUrl, spec, labels, vips } = resource
    const key = wireKey(mesh, name)
    const content = contentHash({ labels: exportLabels(labels), typeUrl, spec })
    const entry = digestEntry(identityBytes(type, mesh, name, labels[zoneLabel] ?? ''), content, vips)
    const offer = { version: hex(content), resource }
    const position = { revision, typeOrder: 0, mesh, name }
    const before = this.#offered.get(key)
    if (this.#head !== undefined) this.#head = { ...this.#head, digest: moved(this.#head.digest, before?.entry, entry) }
    this.#offered.delete(key)
    this.#offered.set(key, { item: { type, position, sizeBytes: offerBytes(offer), change: { offer } }, entry })
  }

  #tell(): void {
    this.#isUntold = true
    if (this.#told !== undefined) return
    this.#isUntold = false
    for (const listener of this.#listeners) listener()
    this.#told = setTimeout(() => {
      this.#told = undefined
      if (this.#isUntold) this.#tell()
    }, tellEveryMs)
  }

  #upwards(below: ChannelStore): ChannelStore {
    const perform = async (op: Op, options: Parameters<ChannelStore['perform']>[1]): Promise<unknown> => {
      if (this.#head === undefined) return below.perform(op, options)
      switch (op.op) {
        case 'changes':
          return this.#changes(op.from, op.limitBytes)
        case 'mark':
          return this.#head
        case 'acked':
        case 'peer-settled':
          return null
        case 'settled':
          return below.perform(op, options)
        default:
          throw new Error(`the fast writer was asked for ${op.op}`)
      }
    }
    return { perform: perform as ChannelStore['perform'] }
  }

  #changes(from: Position, limitBytes: number): LogPage {
    const head = this.#mark()
    const items: LogItem[] = []
    let bytes = 0
    // The whole commits of a map in their order: within one, services stand as they were changed, and not by name.
    const after = [...this.#offered.values()]
      .map(({ item }) => item)
      .filter(({ position }) => comparePositions(position, from) > 0)
      .sort((a, b) => comparePositions(a.position, b.position))
    for (const item of after) {
      if (items.length > 0 && bytes + item.sizeBytes > limitBytes) break
      items.push(item)
      bytes += item.sizeBytes
    }
    const { epoch, revision } = head.cursor
    const last = items.at(-1)
    return items.length === after.length || last === undefined
      ? { items, epoch, through: endOf(revision), head }
      : { items, epoch, through: last.position }
  }
}

const moved = (digest: Digest, before: Uint8Array | undefined, now: Uint8Array): Digest =>
  addEntry(before === undefined ? digest : subEntry(digest, before), now)
