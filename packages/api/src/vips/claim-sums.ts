import { hash } from 'node:crypto'
import { Problem } from '@holdfast/model'
import type { Owner } from '@holdfast/store'
import { type Claim, type ClaimReader, type LedgerClaim, type ShownClaim, vipKinds } from './claims.js'
import { ownerKey, sortedAddresses } from './owners.js'

// A zone that says what everybody says need not say it: it says sums over it, and rows only of the buckets that differ.

/** What can be summed and read by itself: the ledger, or what the API shows of one kind. */
export const ledgerPart = 'ledger'
export const claimParts: readonly string[] = [ledgerPart, ...vipKinds]

/** Of few differences few buckets differ, and each has some dozen of a hundred thousand services. */
const bucketBits = 10
export const claimBuckets = 2 ** bucketBits
/** With more of them rows are read as if there were no sums. */
export const differingMost = 64
/** Pages of rows that are looked at for one answer: so that each comes in its time, however many there are. */
const pagesPerAnswer = 20

export interface SumsPage {
  /** For each bucket empty, or `COUNT:` and 32 hex digits. */
  readonly sums: readonly string[]
  /** Rows that were summed. */
  readonly count: number
  readonly next?: string
}

const lanes = 4

/**
 * One sum per bucket: of the first 16 bytes of the SHA-256 of each row, in four lanes modulo 2^32. It does not matter in which
 * order rows come, and a control plane of another version has them in another one.
 */
export class Sums {
  readonly #lanes = new Uint32Array(claimBuckets * lanes)
  readonly #counts = new Float64Array(claimBuckets)

  add(row: LedgerClaim | ShownClaim): void {
    const bucket = bucketOfOwner(row)
    const digest = hash('sha256', textOf(row), 'buffer')
    for (let lane = 0; lane < lanes; lane++) this.#add(bucket, lane, digest.readUInt32BE(4 * lane))
    this.#count(bucket, 1)
  }

  /** @throws Problem `unavailable` for what are no sums */
  addTexts(texts: readonly unknown[]): void {
    for (let bucket = 0; bucket < claimBuckets; bucket++) {
      const text = texts[bucket]
      if (text === '') continue
      const [, count, digits] = /^(\d{1,15}):([0-9a-f]{32})$/.exec(String(text)) ?? []
      if (count === undefined || digits === undefined) throw noSums()
      for (let lane = 0; lane < lanes; lane++)
        this.#add(bucket, lane, Number.parseInt(digits.slice(8 * lane, 8 * lane + 8), 16))
      this.#count(bucket, Number(count))
    }
  }

  texts(): readonly string[] {
    return Array.from(this.#counts, (count, bucket) => (count === 0 ? '' : `${count}:${this.#digits(bucket)}`))
  }

  /** Buckets that are not the same in both. */
  differing(other: Sums): readonly number[] {
    const [ours, theirs] = [this.texts(), other.texts()]
    return ours.flatMap((text, bucket) => (text === theirs[bucket] ? [] : [bucket]))
  }

  #digits(bucket: number): string {
    return Array.from(this.#lanes.subarray(bucket * lanes, (bucket + 1) * lanes), (lane) =>
      lane.toString(16).padStart(8, '0'),
    ).join('')
  }

  #add(bucket: number, lane: number, value: number): void {
    const at = bucket * lanes + lane
    this.#lanes[at] = (this.#lanes[at] ?? 0) + value
  }

  #count(bucket: number, by: number): void {
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + by
  }
}

/** Where an owner is summed: FNV-1a over its name (32 bits), the same in every control plane. */
export function bucketOfOwner({ namespace, displayName }: Pick<Owner, 'namespace' | 'displayName'>): number {
  let mixed = 0x811c9dc5
  for (const text of [namespace, '/', displayName])
    for (let at = 0; at < text.length; at++) mixed = Math.imul(mixed ^ text.charCodeAt(at), 0x01000193)
  return (mixed ^ (mixed >>> 16)) & (claimBuckets - 1)
}

const textOf = (row: LedgerClaim | ShownClaim): string =>
  'address' in row
    ? `${ownerKey(row)}\u0000${row.address}`
    : `${ownerKey(row)}\u0000${sortedAddresses(row.addresses).join(' ')}\u0000${row.audience}`

const noSums = (): Problem =>
  new Problem('unavailable', 'the zone answered something else than sums of its ledger; is it of another version?')

/** Sums of each part. */
export type Parts = ReadonlyMap<string, Sums>

const emptyParts = (): Map<string, Sums> => new Map(claimParts.map((part) => [part, new Sums()]))

/** Of what a control plane claims; the same that `sumsPage` makes of a zone's own rows. */
export function sumsOf(claims: Iterable<Claim>): Parts {
  const parts = emptyParts()
  for (const { owner, ledger, shown, audience } of claims) {
    for (const address of ledger) parts.get(ledgerPart)?.add({ ...owner, address })
    if (shown !== undefined && audience !== undefined)
      parts.get(owner.kind)?.add({ ...owner, addresses: shown, audience })
  }
  return parts
}

/** Rows of one part from a place on, as many pages as one answer has. */
async function* rowsOf(
  reader: ClaimReader,
  part: string,
  from: string | undefined,
): AsyncGenerator<{ readonly rows: readonly (LedgerClaim | ShownClaim)[]; readonly next: string | undefined }> {
  let after = from
  for (let pages = 0; pages < pagesPerAnswer; pages++) {
    const page: { readonly items: readonly (LedgerClaim | ShownClaim)[]; readonly next?: string } =
      part === ledgerPart ? await reader.ledgerPage(after) : await reader.shownPage(part, { after, offset: 0 })
    yield { rows: page.items, next: page.next }
    if (page.next === undefined) return
    after = page.next
  }
}

/** How a zone answers for its sums. */
export async function sumsPage(reader: ClaimReader, part: string, after: string | undefined): Promise<SumsPage> {
  const sums = new Sums()
  let count = 0
  let next: string | undefined
  for await (const page of rowsOf(reader, part, after)) {
    for (const row of page.rows) sums.add(row)
    count += page.rows.length
    next = page.next
  }
  return { sums: sums.texts(), count, ...(next === undefined ? {} : { next }) }
}

export interface RowsPage {
  readonly items: readonly (LedgerClaim | ShownClaim)[]
  readonly next?: string
}

/** How a zone answers for its rows in some buckets. */
export async function rowsPage(
  reader: ClaimReader,
  part: string,
  buckets: ReadonlySet<number>,
  after: string | undefined,
): Promise<RowsPage> {
  const items: (LedgerClaim | ShownClaim)[] = []
  let next: string | undefined
  for await (const page of rowsOf(reader, part, after)) {
    items.push(...page.rows.filter((row) => buckets.has(bucketOfOwner(row))))
    next = page.next
  }
  return { items, ...(next === undefined ? {} : { next }) }
}

/** What a zone answers with instead of its rows. */
export interface SumsReader {
  sumsPage(part: string, after: string | undefined): Promise<SumsPage>
  rowsPage(part: string, buckets: readonly number[], after: string | undefined): Promise<RowsPage>
}

/** Sums of everything that a zone claims, and how many services it shows. */
export async function readSums(reader: SumsReader): Promise<{ readonly sums: Parts; readonly services: number }> {
  const parts = emptyParts()
  let services = 0
  for (const [part, sums] of parts) {
    let after: string | undefined
    do {
      const page = await reader.sumsPage(part, after)
      sums.addTexts(page.sums)
      if (part !== ledgerPart) services += page.count
      after = page.next
    } while (after !== undefined)
  }
  return { sums: parts, services }
}

/** Pages of the rows in some buckets only, for who reads claims. */
export const inBuckets = (
  reader: SumsReader & Pick<ClaimReader, 'findings'>,
  buckets: readonly number[],
): ClaimReader => ({
  ledgerPage: async (after) => {
    const { items, ...next } = await reader.rowsPage(ledgerPart, buckets, after)
    return { items: items.filter((row) => 'address' in row), ...next }
  },
  shownPage: async (kind, { after }) => {
    const { items, ...next } = await reader.rowsPage(kind, buckets, after)
    return { items: items.filter((row) => 'addresses' in row), total: 0, ...next }
  },
  findings: () => reader.findings(),
})

/** Buckets in which two differ, in any part. */
export const differingBuckets = (ours: Parts, theirs: Parts): readonly number[] => {
  const none = new Sums()
  const differing = claimParts.flatMap((part) => (ours.get(part) ?? none).differing(theirs.get(part) ?? none))
  return [...new Set(differing)].sort((a, b) => a - b)
}
