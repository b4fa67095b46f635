import {
  addDigest,
  addEntry,
  bucketOf,
  contentHash,
  type Digest,
  digestEntry,
  digestEquals,
  type ExportedResource,
  emptyDigest,
  exportLabels,
  hex,
  identityBytes,
  subDigest,
  subEntry,
  wireKey,
  zoneLabel,
} from '@holdfast/model'
import type { ControlPlaneStore } from '@holdfast/store'

type ChannelStore = ReturnType<ControlPlaneStore['channel']>
type Op = Parameters<ChannelStore['perform']>[0]
type Batch = Extract<Op, { op: 'apply' }>['batch']
type Mark = Extract<Op, { op: 'verify' }>['mark']

const told = 'MeshService'

interface Told {
  readonly version: string
  readonly vips: string
  readonly resource: ExportedResource
  readonly entry: Uint8Array
}

/** What was told last of each service, whoever of the stubs was told it: they keep one copy, and hash it once. */
const shared = new Map<string, Told>()

/**
 * Services of others as one stub zone was told them: what it holds, and its sum, which every proof is about. It keeps no history,
 * checks nothing and gives nobody an address; that is what makes fifty of them fit beside what they measure.
 */
export class ToldServices {
  readonly #byKey = new Map<string, Told>()
  readonly #onTold: ((resource: ExportedResource) => void) | undefined
  digest: Digest = emptyDigest
  /** What everything else adds up to that the zone was told, as its store has said it last. */
  rest: Digest | undefined
  /** Further than the store itself is: it was not asked where a batch had nothing but services, and they agreed. Outlives sessions. */
  ahead: Mark['cursor'] | undefined

  /** @param onTold called with each that was not held so */
  constructor(onTold?: (resource: ExportedResource) => void) {
    this.#onTold = onTold
  }

  get count(): number {
    return this.#byKey.size
  }

  all(): Iterable<ExportedResource> {
    return [...this.#byKey.values()].map(({ resource }) => resource)
  }

  of(key: string): ExportedResource | undefined {
    return this.#byKey.get(key)?.resource
  }

  /** @returns how many were not held like this */
  take({ offers, removals }: Pick<Batch, 'offers' | 'removals'>): number {
    const put = offers.filter(({ version, resource }) =>
      this.#put(wireKey(resource.mesh, resource.name), version, resource),
    )
    return put.length + removals.filter(({ key }) => this.#remove(key)).length
  }

  entries(): readonly { readonly key: string; readonly bucket: number; readonly entry: Uint8Array }[] {
    return [...this.#byKey].map(([key, { resource, entry }]) => ({
      key,
      bucket: bucketOf(told, resource.mesh, resource.name),
      entry,
    }))
  }

  #put(key: string, version: string, resource: ExportedResource): boolean {
    const vips = `${resource.vips?.addresses.join(' ')} ${resource.vips?.generation}`
    const last = shared.get(key)
    const now =
      last?.version === version && last.vips === vips ? last : { version, vips, resource, entry: entryOf(resource) }
    shared.set(key, now)
    const before = this.#byKey.get(key)
    if (before === now) return false
    if (before !== undefined) this.digest = subEntry(this.digest, before.entry)
    this.digest = addEntry(this.digest, now.entry)
    this.#byKey.set(key, now)
    this.#onTold?.(resource)
    return true
  }

  #remove(key: string): boolean {
    const before = this.#byKey.get(key)
    if (before === undefined) return false
    this.digest = subEntry(this.digest, before.entry)
    return this.#byKey.delete(key)
  }
}

function entryOf({ type, mesh, name, labels, typeUrl, spec, vips }: ExportedResource): Uint8Array {
  const content = contentHash({ labels: exportLabels(labels), typeUrl, spec })
  return digestEntry(identityBytes(type, mesh, name, labels[zoneLabel] ?? ''), content, vips)
}

/** The store of a stub zone: services that global tells stand in `services`, and everything else where it stood. */
export function storeWith(services: ToldServices, store: ControlPlaneStore): ControlPlaneStore {
  const channel: ControlPlaneStore['channel'] = (context) => {
    const inner = store.channel(context)
    return context.channel === 'down' ? downWith(services, inner) : inner
  }
  return Object.create(store, { channel: { value: channel } }) as ControlPlaneStore
}

function downWith(services: ToldServices, inner: ChannelStore): ChannelStore {
  const perform = async (op: Op, options: Parameters<ChannelStore['perform']>[1]): Promise<unknown> => {
    switch (op.op) {
      case 'apply': {
        const { batch } = op
        const writtenRows = batch.type === told ? services.take(batch) : 0
        const mark = batch.progress?.mark
        if (batch.type === told && services.rest !== undefined && mark !== undefined) {
          const offered = addDigest(services.rest, services.digest)
          if (digestEquals(offered, mark.digest)) {
            services.ahead = mark.cursor
            return { refused: [], warnings: [], heldKeys: [], writtenRows, verified: true, offered }
          }
        }
        const applied = await inner.perform({ ...op, batch: withoutTold(batch, services.digest) }, options)
        const { offered } = applied
        if (offered !== undefined) services.rest = offered
        if (batch.progress !== undefined) services.ahead = undefined
        return {
          ...applied,
          writtenRows: applied.writtenRows + writtenRows,
          ...(offered === undefined ? {} : { offered: addDigest(offered, services.digest) }),
        }
      }
      case 'verify': {
        const mark = { ...op.mark, digest: subDigest(op.mark.digest, services.digest) }
        const { verified, offered } = await inner.perform({ ...op, mark }, options)
        services.rest = offered
        if (verified) services.ahead = undefined
        return { verified, offered: addDigest(offered, services.digest) }
      }
      case 'standing': {
        const standing = await inner.perform(op, options)
        const offered = addDigest(standing.offered, services.digest)
        return services.ahead === undefined ? { ...standing, offered } : { cursor: services.ahead, offered }
      }
      case 'offered-types': {
        const types = await inner.perform(op, options)
        return services.count === 0 ? types : [...types, { type: told, digest: services.digest }]
      }
      case 'offered-buckets': {
        if (op.resourceType !== told) return inner.perform(op, options)
        const shift = 15 - 5 * op.level
        const entries = services.entries()
        return op.prefixes.flatMap((prefix) => {
          const of = entries.filter(({ bucket }) => bucket >> shift === prefix)
          const digest = of.reduce((sum, { entry }) => addEntry(sum, entry), emptyDigest)
          return of.length === 0 ? [] : [{ prefix, digest }]
        })
      }
      case 'offered-entries': {
        if (op.resourceType !== told) return inner.perform(op, options)
        const wanted = new Set(op.buckets)
        return services
          .entries()
          .filter(({ bucket }) => wanted.size === 0 || wanted.has(bucket))
          .map(({ key, entry }) => ({ key, entry: hex(entry) }))
      }
      default:
        return inner.perform(op, options)
    }
  }
  return { perform: perform as ChannelStore['perform'] }
}

/** The rest of a batch, with a mark over the rest of what is held. */
function withoutTold(batch: Batch, digest: Digest): Batch {
  const { mark } = batch.progress ?? {}
  return {
    ...batch,
    ...(batch.type === told ? { offers: [], removals: [], absent: [] } : {}),
    ...(mark === undefined || batch.progress === undefined
      ? {}
      : { progress: { ...batch.progress, mark: { ...mark, digest: subDigest(mark.digest, digest) } } }),
  }
}
