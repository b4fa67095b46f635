import type { DescribedType, Digest } from '@holdfast/model'
import { addEntry, bucketOf, contentHash, digestEntry, emptyDigest, identityBytes, utf8 } from '@holdfast/model'
import type { BucketDigest, Offer, TypeDigest } from '../messages.js'

/** Toy resources: a type, a name and a text; everything in mesh `m`. In dependency order. */
export const toyTypes: readonly string[] = ['Mesh', 'MeshService', 'MeshTimeout']
export const mesh = 'm'

/** A description; only its name matters here. */
export const toyType = (name: string): DescribedType => ({
  name,
  scope: 'mesh',
  order: 1,
  encoding: 'json',
  emptyStatus: '',
  hashed: true,
  globalToZones: true,
  zoneToGlobal: true,
  acrossZones: true,
  policy: false,
})

export interface Entry {
  readonly type: string
  readonly name: string
  readonly entry: string
}

const specOf = (text: string): Uint8Array => utf8(JSON.stringify({ text }))
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

export const offerOf = (type: string, name: string, text: string): Offer => {
  const resource = { type, mesh, name, labels: {}, typeUrl: '', spec: specOf(text) }
  return { version: hex(contentHash(resource)), resource }
}

export const textOf = (offer: Offer): string => {
  const parsed: { text: string } = JSON.parse(Buffer.from(offer.resource.spec).toString())
  return parsed.text
}

const known = new Map<string, string>()

export const entryOf = (type: string, name: string, text: string): string => {
  const id = `${type}/${name}=${text}`
  const entry =
    known.get(id) ??
    hex(digestEntry(identityBytes(type, mesh, name, 'toy'), contentHash(offerOf(type, name, text).resource), undefined))
  known.set(id, entry)
  return entry
}

export const digestOf = (entries: Iterable<Entry>): Digest => {
  let digest = emptyDigest
  for (const { entry } of entries) digest = addEntry(digest, Buffer.from(entry, 'hex'))
  return digest
}

export const typeDigestsOf = (entries: readonly Entry[]): readonly TypeDigest[] =>
  toyTypes
    .map((type) => ({ type, digest: digestOf(entries.filter((e) => e.type === type)) }))
    .filter((t) => t.digest.count > 0)

export const prefixOf = ({ type, name }: Pick<Entry, 'type' | 'name'>, level: number): number =>
  bucketOf(type, mesh, name) >> (15 - 5 * level)

export const bucketDigestsOf = (
  entries: readonly Entry[],
  type: string,
  level: number,
  prefixes: readonly number[],
): readonly BucketDigest[] => {
  const wanted = new Set(prefixes)
  const byPrefix = new Map<number, Entry[]>()
  for (const entry of entries) {
    const prefix = prefixOf(entry, level)
    if (entry.type === type && wanted.has(prefix)) byPrefix.set(prefix, [...(byPrefix.get(prefix) ?? []), entry])
  }
  return [...byPrefix].map(([prefix, some]) => ({ prefix, digest: digestOf(some) }))
}

export const inBuckets = (entry: Pick<Entry, 'type' | 'name'>, type: string, buckets: readonly number[]): boolean =>
  entry.type === type && (buckets.length === 0 || buckets.includes(prefixOf(entry, 3)))
