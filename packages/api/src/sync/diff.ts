import {
  type BucketDigest,
  bucketFanOut,
  type Cursor,
  entryBucketsMax,
  type TypeDigest,
  wholeTypeMax,
} from '@holdfast/kds'
import { type Digest, digestBytes, digestEquals, emptyDigest, hex, Problem, sumOfDigests } from '@holdfast/model'
import type { DiffEntry, DiffReader, DiffSide } from '@holdfast/store'

/** How one resource differs between its sender and its receiver. */
export type DifferenceKind = 'missing' | 'extra' | 'content' | 'VIPs' | 'held' | 'refused'

export interface Difference {
  /** From the control plane that shows it to the one that keeps it. */
  readonly from: string
  readonly to: string
  readonly type: string
  readonly key: string
  readonly kind: DifferenceKind
  readonly reason?: string | undefined
}

export interface DirectionJson {
  readonly from: string
  readonly to: string
  /** Of the sender's log, when it was read. */
  readonly revision: number
  readonly digest: string
  readonly resources: number
  readonly differences: number
}

export interface DiffJson {
  readonly zone: string
  readonly inStep: boolean
  readonly directions: readonly DirectionJson[]
  readonly differences: readonly Difference[]
  /** There are more; the first ones are listed. */
  readonly truncated: boolean
}

export const diffQuestion = 'sync-diff'
const differencesMax = 1_000
const prefixesInQuestion = 256
const levels = 3

/** One end, here or asked inside the session. */
export type DiffEnd = DiffReader

/** An end that is asked: what travels is JSON. */
export function askedDiff(ask: (question: string, body: unknown) => Promise<unknown>): DiffReader {
  const of = async <T>(read: string, side: DiffSide, rest: object): Promise<T> => {
    const answer = await ask(diffQuestion, { read, side, ...rest })
    if (typeof answer === 'object' && answer !== null && 'result' in answer) return answer.result as T
    throw new Problem('unavailable', 'the peer answered something else than its digests; is it of another version?')
  }
  return {
    types: (side) => of('types', side, {}),
    buckets: (side, what) => of('buckets', side, { of: what }),
    entries: (side, what) => of('entries', side, { of: what }),
  }
}

/** Answers the same question from the store. Throws a Problem `invalid` for anything that it does not understand. */
export async function answerDiff(reader: DiffReader, body: unknown): Promise<{ readonly result: unknown }> {
  const { read, side, of } = (body ?? {}) as { read?: unknown; side?: Partial<DiffSide>; of?: never }
  const { channel, peer, role } = side ?? {}
  const known =
    (channel === 'down' || channel === 'up') && typeof peer === 'string' && (role === 'sender' || role === 'receiver')
  if (!known) throw new Problem('invalid', `${diffQuestion}: no side is named`)
  switch (read) {
    case 'types':
      return { result: await reader.types({ channel, peer, role }) }
    case 'buckets':
      return { result: await reader.buckets({ channel, peer, role }, of as never) }
    case 'entries':
      return { result: await reader.entries({ channel, peer, role }, of as never) }
    default:
      throw new Problem('invalid', `${diffQuestion}: ${JSON.stringify(read)} is not known`)
  }
}

interface Ends {
  readonly zone: string
  readonly global: DiffReader
  readonly atZone: DiffReader
}

/**
 * Exactly the resources in which a zone and global differ, both ways, narrowed by digests of types and buckets. What
 * differs is read a second time and told only if it still does: a change that was under way is no difference.
 */
export async function syncDiff(ends: Ends): Promise<DiffJson> {
  const first = await look(ends)
  const result = first.every((one) => one.found.length === 0) ? first : confirmed(first, await look(ends))
  const differences = result.flatMap((one) => one.found)
  return {
    zone: ends.zone,
    inStep: differences.length === 0,
    directions: result.map(({ from, to, head, digest, found }) => ({
      ...{ from, to },
      revision: head.revision,
      digest: hex(digestBytes(digest)),
      resources: digest.count,
      differences: found.length,
    })),
    differences: differences.slice(0, differencesMax),
    truncated: differences.length > differencesMax,
  }
}

interface Direction {
  readonly from: string
  readonly to: string
  readonly head: Cursor
  readonly digest: Digest
  readonly found: readonly Difference[]
}

function confirmed(first: readonly Direction[], second: readonly Direction[]): readonly Direction[] {
  const seen = new Set(first.flatMap(({ found }) => found.map((one) => JSON.stringify(one))))
  return second.map((one) => ({ ...one, found: one.found.filter((each) => seen.has(JSON.stringify(each))) }))
}

const look = ({ zone, global, atZone }: Ends): Promise<readonly Direction[]> =>
  Promise.all([
    direction(
      'down',
      { reader: global, name: 'global', peer: zone },
      { reader: atZone, name: `zone ${zone}`, peer: '' },
    ),
    direction('up', { reader: atZone, name: `zone ${zone}`, peer: '' }, { reader: global, name: 'global', peer: zone }),
  ])

interface End {
  readonly reader: DiffReader
  readonly name: string
  readonly peer: string
}

async function direction(channel: 'down' | 'up', sender: End, receiver: End): Promise<Direction> {
  const shows: DiffSide = { channel, peer: sender.peer, role: 'sender' }
  const keeps: DiffSide = { channel, peer: receiver.peer, role: 'receiver' }
  const [ours, theirs] = await Promise.all([sender.reader.types(shows), receiver.reader.types(keeps)])
  const found: Difference[] = []
  for (const { type, count } of differingTypes(ours.types, theirs.types)) {
    for (const buckets of count <= wholeTypeMax
      ? [[]]
      : await differingBuckets(type, [sender, shows], [receiver, keeps])) {
      const [shown, kept] = await Promise.all([
        sender.reader.entries(shows, { type, buckets }),
        receiver.reader.entries(keeps, { type, buckets }),
      ])
      found.push(...differences(shown, kept).map((one) => ({ from: sender.name, to: receiver.name, type, ...one })))
    }
    if (found.length > differencesMax) break
  }
  return {
    from: sender.name,
    to: receiver.name,
    head: ours.head,
    digest: sumOfDigests(ours.types.map((t) => t.digest)),
    found,
  }
}

function differingTypes(ours: readonly TypeDigest[], theirs: readonly TypeDigest[]) {
  const a = new Map(ours.map((t) => [t.type, t.digest]))
  const b = new Map(theirs.map((t) => [t.type, t.digest]))
  return [...new Set([...a.keys(), ...b.keys()])].sort().flatMap((type) => {
    const [x, y] = [a.get(type) ?? emptyDigest, b.get(type) ?? emptyDigest]
    return digestEquals(x, y) ? [] : [{ type, count: x.count + y.count }]
  })
}

/** Buckets that differ, in questions of a bounded size. */
async function differingBuckets(
  type: string,
  [sender, shows]: readonly [End, DiffSide],
  [receiver, keeps]: readonly [End, DiffSide],
): Promise<readonly (readonly number[])[]> {
  let prefixes: readonly number[] = [0]
  for (let level = 1; level <= levels; level++) {
    const below = prefixes.flatMap((prefix) =>
      Array.from({ length: bucketFanOut }, (_, i) => prefix * bucketFanOut + i),
    )
    const differing: number[] = []
    for (const some of chunks(below, prefixesInQuestion)) {
      const [ours, theirs] = await Promise.all([
        sender.reader.buckets(shows, { type, level, prefixes: some }),
        receiver.reader.buckets(keeps, { type, level, prefixes: some }),
      ])
      differing.push(...some.filter((prefix) => !digestEquals(sumAt(ours, prefix), sumAt(theirs, prefix))))
    }
    prefixes = differing
  }
  return chunks(prefixes, entryBucketsMax)
}

const sumAt = (sums: readonly BucketDigest[], prefix: number): Digest =>
  sums.find((one) => one.prefix === prefix)?.digest ?? emptyDigest

const chunks = <T>(items: readonly T[], size: number): readonly (readonly T[])[] =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size))

/** What differs between what is shown and what is kept, by key. Pure. */
export function differences(
  shown: readonly DiffEntry[],
  kept: readonly DiffEntry[],
): readonly Pick<Difference, 'key' | 'kind' | 'reason'>[] {
  const theirs = new Map(kept.map((one) => [one.key, one]))
  const ours = new Map(shown.map((one) => [one.key, one]))
  return [...new Set([...ours.keys(), ...theirs.keys()])].sort().flatMap((key) => {
    const a = ours.get(key)
    const b = theirs.get(key)
    const of = (kind: DifferenceKind, reason?: string) => [{ key, kind, ...(reason === undefined ? {} : { reason }) }]
    if (a?.entry !== undefined && a.entry === b?.entry) return []
    if (b?.refused !== undefined) return of('refused', b.refused)
    if (b?.held !== undefined) return of('held', b.held)
    if (b === undefined) return of('missing')
    if (a === undefined) return b.entry === undefined ? [] : of('extra')
    return of(a.content === b.content ? 'VIPs' : 'content')
  })
}
