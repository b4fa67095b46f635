import {
  audienceAt,
  bucketOf,
  canonicalLabels,
  contentHashOf,
  decodeVips,
  digestEntryOf,
  displayNameOf,
  encodeVips,
  equalBytes,
  exportLabels,
  exportName,
  findType,
  hex,
  identityBytes,
  utf8,
} from '@holdfast/model'
import { namespaceOf } from './attribution.js'
import { statusEntry } from './entries.js'
import type { LedgerRow, RoleIdentity, Row } from './types.js'

/** A row of `resources` with the bytes beside it that a plan never looks at. */
export interface StoredRow {
  readonly row: Row
  readonly identity: Uint8Array
  readonly labelsCanonical: Uint8Array
  readonly vips: Uint8Array
  readonly bucket: number
  readonly typeOrder: number
  readonly plainContent?: Uint8Array | undefined
  readonly content: Uint8Array
  /** Hex, as the database keeps it. */
  readonly statusEntry?: string | undefined
}

/** What is known around a row. */
export interface Surroundings {
  readonly identity: RoleIdentity
  /** It is not what was offered of it, and there is no reason why. */
  readonly damaged: boolean
  /** It was refused or waits for a hook; or its status was refused. */
  readonly refused: boolean
  readonly statusRefused: boolean
  /** There is a mesh of that name, and no hook keeps it from being seen. */
  readonly meshSeen: boolean
  readonly typeOrder: number
  /** Active canonical rows of its owner. */
  readonly ledger: readonly Pick<LedgerRow, 'address' | 'generation'>[]
}

/** Columns that follow from others, as they should be. */
export interface Derived {
  readonly origin: string
  readonly exportName: string
  readonly namespace: string
  readonly displayName: string
  readonly audience: Row['audience']
  readonly exposed: boolean
  readonly identity: Uint8Array
  readonly bucket: number
  readonly typeOrder: number
}

export interface Judgement {
  readonly problems: readonly string[]
  /** Written in place: what follows from the rest of the row. Present also where only a computed column is wrong. */
  readonly derived?: Derived | undefined
  /** It is not what was offered of it, so it does not count as offered: the next proof fails, and the repair brings it. */
  readonly altered: boolean
  /** Its labels were edited beside what is hashed: hashed as they are now, so that the row counts as altered. */
  readonly relabel?: Uint8Array | undefined
  /** The same for its status, which is to be taken for not offered. */
  readonly statusAltered: boolean
  /** A copy that nobody has offered: it is compared as if it had been, and goes if its origin does not have it. */
  readonly stray?: boolean | undefined
  /** The ledger is to say what the row says. */
  readonly book?: boolean | undefined
  readonly alarm: boolean
}

const none: Judgement = { problems: [], altered: false, statusAltered: false, alarm: false }

/** What is wrong with a row, and what can be done about it. Pure. */
export function judgeRow(stored: StoredRow, around: Surroundings): Judgement {
  const { row } = stored
  const isCopy = row.origin !== around.identity.name
  // Of a sealed row as well: what it says of itself is compared with what it opens to.
  const trueContent = contentHashOf(stored.labelsCanonical, utf8(row.typeUrl), row.spec)
  const trueEntry = hex(digestEntryOf(stored.identity, trueContent, stored.vips))
  const wanted = derivedOf(stored, around, trueEntry)
  const problems: string[] = []
  const wrong = derivedProblems(stored, wanted)
  problems.push(...wrong)
  if (!row.deleted && (row.entry !== trueEntry || !equalBytes(stored.content, trueContent)))
    problems.push('its digest entry is not that of its bytes')
  const trueStatus = row.status === undefined || row.deleted ? undefined : statusEntryOf(row, wanted)
  if (stored.statusEntry !== trueStatus) problems.push('the digest entry of its status is not that of its bytes')
  const derived = problems.length > 0 ? wanted : undefined

  const labelsNow = canonicalLabels(exportLabels(row.labels))
  const labelsDiffer = !equalBytes(labelsNow, stored.labelsCanonical)
  const now = row.deleted ? undefined : trueEntry
  const unexplained = row.holdId === undefined && !around.refused && row.absentSinceMs === undefined
  const stillTrue = wanted.origin === row.origin && equalBytes(wanted.identity, stored.identity)
  const altered = isCopy && around.damaged && stillTrue
  const stray = isCopy && !row.deleted && row.offeredEntry === undefined && unexplained
  if (labelsDiffer) problems.push('its labels are not those that its digest was made of')
  if (altered)
    problems.push(
      row.deleted ? 'it is marked as deleted, and its origin offers it' : 'it is not what its origin offered',
    )
  if (stray) problems.push('nobody has offered it')
  const statusAltered =
    isCopy &&
    row.offeredStatusEntry !== undefined &&
    row.offeredStatusEntry !== trueStatus &&
    !around.statusRefused &&
    !row.deleted
  if (statusAltered) problems.push('its status is not what its origin offered')
  const unreadable = !row.deleted && !readableVips(stored.vips)
  if (unreadable && !altered) problems.push('its VIPs cannot be read')
  const booked = row.deleted || unreadable || altered ? undefined : bookProblem(row, around)
  if (booked !== undefined) problems.push(booked)
  if (problems.length === 0) return none
  const relabels = labelsDiffer && isCopy && !row.deleted && unexplained
  return {
    problems,
    derived,
    altered: altered || relabels,
    relabel: relabels && !altered ? labelsNow : undefined,
    statusAltered,
    stray,
    book: booked !== undefined && isCopy && row.offeredEntry === now,
    alarm:
      (!isCopy && !row.deleted && (labelsDiffer || unreadable || booked !== undefined)) ||
      (booked !== undefined && isCopy && row.offeredEntry !== now && !stray),
  }
}

/** What follows from key, labels and origin. Where the hashed identity is proven by what was offered, it says the origin. */
function derivedOf({ row, identity }: StoredRow, around: Surroundings, trueEntry: string): Derived {
  const proven = row.offeredEntry !== undefined && row.offeredEntry === trueEntry ? originIn(identity, row) : undefined
  const origin = proven ?? row.origin
  const isCopy = origin !== around.identity.name
  const type = findType(row.type)
  const computed = type === undefined ? 'all' : audienceAt(around.identity.role, type, { ...row, origin })
  // At global a copy is seen by nobody until its mesh is, whatever its row says; ours may wait for their mesh.
  const waits = row.audience === 'suspended' || (isCopy && around.identity.role === 'global')
  // What a hook has not let out yet is nobody's to show, the scrub's least of all.
  const isKeptBack = row.form?.published === false
  const audience = isKeptBack ? 'none' : waits && !around.meshSeen ? 'suspended' : computed
  const exported = isCopy || type === undefined ? row.exportName : exportName(type, row.mesh, row.name, row.labels)
  return {
    origin,
    exportName: isCopy && type !== undefined ? row.name : exported,
    namespace: isCopy ? namespaceOf(row.labels) : row.namespace,
    displayName: isCopy ? displayNameOf(row.name, row.labels) : row.displayName,
    audience,
    exposed: row.exposed || audience === 'all',
    identity: identityBytes(row.type, row.mesh, isCopy && type !== undefined ? row.name : exported, origin),
    bucket: bucketOf(row.type, row.mesh, isCopy && type !== undefined ? row.name : exported),
    typeOrder: around.typeOrder,
  }
}

function derivedProblems({ row, identity, bucket, typeOrder }: StoredRow, wanted: Derived): readonly string[] {
  // A tombstone may have given up its name; what it was called elsewhere is what counts, and it is in no sum.
  if (row.deleted) return []
  const said = (what: string, has: unknown, should: unknown): readonly string[] =>
    has === should ? [] : [`${what} says ${JSON.stringify(has)}, and it should be ${JSON.stringify(should)}`]
  return [
    ...said('origin', row.origin, wanted.origin),
    ...said('export name', row.exportName, wanted.exportName),
    ...said('namespace', row.namespace, wanted.namespace),
    ...said('display name', row.displayName, wanted.displayName),
    ...said('audience', row.audience, wanted.audience),
    ...(row.exposed === wanted.exposed ? [] : ['it was shown, and does not say so']),
    ...(equalBytes(identity, wanted.identity) ? [] : ['its hashed identity is not its own']),
    ...said('bucket', bucket, wanted.bucket),
    ...said('type order', typeOrder, wanted.typeOrder),
  ]
}

const statusEntryOf = (row: Row, { exportName: name, origin }: Derived): string | undefined =>
  row.status === undefined ? undefined : statusEntry({ ...row, exportName: name, origin }, row.status)

/** The origin that is hashed; undefined where the rest of these bytes is not this row's. */
function originIn(identity: Uint8Array, row: Row): string | undefined {
  const parts: string[] = []
  const bytes = Buffer.from(identity)
  for (let at = 0; at + 4 <= bytes.length; ) {
    const length = bytes.readUInt32BE(at)
    parts.push(bytes.subarray(at + 4, at + 4 + length).toString('utf8'))
    at += 4 + length
  }
  const [type, mesh, name, origin] = parts
  return parts.length === 4 && type === row.type && mesh === row.mesh && name === row.exportName ? origin : undefined
}

function readableVips(bytes: Uint8Array): boolean {
  try {
    return equalBytes(encodeVips(decodeVips(bytes)), bytes)
  } catch {
    return false
  }
}

function bookProblem(row: Row, { ledger }: Surroundings): string | undefined {
  if (findType(row.type)?.vipKind !== true) return undefined
  const booked = ledger.map(({ address }) => address).sort()
  const served = [...(row.vips?.addresses ?? [])].sort()
  return booked.join() === served.join()
    ? undefined
    : `it has ${served.join(', ') || 'no VIP'}, and the ledger ${booked.join(', ') || 'none'}`
}
