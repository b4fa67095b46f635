import { globalOrigin, Problem } from '@holdfast/model'
import type { LedgerRow, RememberedRow, Testimony, Witness, ZoneObject } from './plan/index.js'
import { isZoneObject } from './plan/zone-objects.js'
import type { ControlPlaneStore } from './port.js'
import { decodeReport } from './report.js'

/**
 * What a zone answers when its global asks what it remembers. The names travel; a zone that does not know one says so.
 * `witness`: who and how far; `remembered`: resources that are not its own, by page; `remembered-vips`: its ledger.
 */
export const testimonyQuestions = {
  witness: 'witness',
  rows: 'remembered',
  ledger: 'remembered-vips',
} as const

/** Rows in one answer: some hundred bytes each, and a policy may be large; an answer has 16 MiB at most. */
const rowsPerPage = 200
const ledgerPerPage = 1_000
/** More than any zone has; a peer that never ends must not keep us for ever. */
const pagesMax = 2_000

type Ask = (question: string, body: unknown) => Promise<unknown>
type Source = Pick<ControlPlaneStore, 'status' | 'recovery' | 'vip' | 'read' | 'guards'>

/** Undefined for a question that is none of these. */
export async function answerTestimony(store: Source, question: string, body: unknown): Promise<unknown> {
  const field = (body as Readonly<Record<string, unknown>> | null)?.after
  const after = typeof field === 'string' ? field : undefined
  switch (question) {
    case testimonyQuestions.witness: {
      const [{ identity, state }, cursors, reports] = await Promise.all([
        store.status(),
        store.read.cursors(),
        store.guards.reports(),
      ])
      const told = reports.find(({ peer }) => peer === globalOrigin)
      const down = cursors.find((row) => row.channel === 'down' && row.side === 'received')
      const zones: readonly ZoneObject[] = told === undefined ? [] : (decodeReport(told.body).zones ?? [])
      return { storeId: identity.storeId, state, cursor: down?.cursor ?? null, zones }
    }
    case testimonyQuestions.rows: {
      const { items, next } = await store.recovery.remembered(after, rowsPerPage)
      return { items: items.map(rowJson), next: next ?? null }
    }
    case testimonyQuestions.ledger: {
      const { items, next } = await store.vip.ledger({ includeTombstoned: true, after, limit: ledgerPerPage })
      return { items, next: next ?? null }
    }
    default:
      return undefined
  }
}

/**
 * Asks a zone what it remembers, page by page: resources first (the blocks are among them), then the ledger.
 * @throws Problem `unavailable` for an answer that is none
 */
export async function* askTestimony(
  zone: string,
  ask: Ask,
  parts: { readonly ledger: boolean },
): AsyncGenerator<Testimony> {
  const said = object(await ask(testimonyQuestions.witness, {}), zone)
  const { storeId, state, cursor, zones } = said
  if (typeof storeId !== 'string' || typeof state !== 'string') throw strange(zone)
  const witness: Witness = { zone, storeId, state: state as Witness['state'], cursor: cursorOf(cursor) }
  // One of an older version was told nothing.
  if (Array.isArray(zones)) yield { witness, rows: [], ledger: [], zones: zones.filter(isZoneObject) }
  for await (const items of pages(zone, (after) => ask(testimonyQuestions.rows, after)))
    yield { witness, rows: items.map((item) => rowOfJson(item, zone)), ledger: [] }
  if (!parts.ledger) return
  // A zone is a control plane of ours, authenticated by its session: the envelope is checked, its rows are believed.
  for await (const items of pages(zone, (after) => ask(testimonyQuestions.ledger, after)))
    yield { witness, rows: [], ledger: items as readonly LedgerRow[] }
}

async function* pages(
  zone: string,
  ask: (after: { readonly after?: string }) => Promise<unknown>,
): AsyncGenerator<readonly unknown[]> {
  let after: string | undefined
  for (let page = 0; page < pagesMax; page++) {
    const { items, next } = object(await ask(after === undefined ? {} : { after }), zone)
    if (!Array.isArray(items)) throw strange(zone)
    yield items
    if (typeof next !== 'string') return
    after = next
  }
  throw new Problem('unavailable', `zone ${zone} does not come to an end with what it remembers`)
}

function object(value: unknown, zone: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) throw strange(zone)
  return value as Readonly<Record<string, unknown>>
}

const strange = (zone: string): Problem =>
  new Problem('unavailable', `zone ${zone} answers something else than what it remembers; is it of another version?`)

const cursorOf = (value: unknown): Witness['cursor'] => {
  const { epoch, revision, tag } = (value ?? {}) as { epoch?: unknown; revision?: unknown; tag?: unknown }
  return typeof epoch === 'string' && typeof revision === 'number' && typeof tag === 'string'
    ? { epoch, revision, tag }
    : undefined
}

const rowJson = ({ spec, ...row }: RememberedRow) => ({ ...row, spec: Buffer.from(spec).toString('base64') })

function rowOfJson(value: unknown, zone: string): RememberedRow {
  const { spec, ...row } = object(value, zone)
  if (typeof spec !== 'string' || typeof row.type !== 'string' || typeof row.exportName !== 'string')
    throw strange(zone)
  return { ...(row as unknown as Omit<RememberedRow, 'spec'>), spec: new Uint8Array(Buffer.from(spec, 'base64')) }
}
