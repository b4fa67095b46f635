import {
  addEntry,
  canonicalLabels,
  contentHashOf,
  type Digest,
  digestEntryOf,
  digestEquals,
  emptyDigest,
  encodeVips,
  exportLabels,
  hex,
  identityBytes,
  statusEntry,
  utf8,
} from '@holdfast/model'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RowWrite } from '../plan/types.js'
import { freshDatabase, type TestDatabase } from '../testing/index.js'
import { Database } from './sql.js'
import { insertRows } from './statements/rows-write.js'
import { type DigestPart, readDigests } from './statements/sync-read.js'
import { clearRefused, writeRefused } from './statements/sync-write.js'

let fresh: TestDatabase
let database: Database
beforeAll(async () => {
  fresh = await freshDatabase()
  database = new Database({ url: fresh.url, onConnectionLost: () => {} })
})
afterAll(async () => {
  await database.close()
  await fresh.drop()
})

const at = { revision: 1, atMs: 1_700_000_000_000 }
const entryText = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(hex)
const word = fc.stringMatching(/^[a-z]{1,6}$/)

const row: fc.Arbitrary<RowWrite['row']> = fc
  .record({
    type: fc.constantFrom('MeshService', 'MeshTimeout', 'SomethingNew'),
    mesh: fc.constantFrom('default', 'other'),
    name: word,
    origin: fc.constantFrom('', 'east', 'west'),
    audience: fc.constantFrom('all' as const, 'none' as const, 'suspended' as const),
    labels: fc.dictionary(
      fc.constantFrom('kuma.io/mesh', 'kuma.io/origin', 'äöü', 'team'),
      fc.string({ unit: 'grapheme' }).filter((s) => !s.includes('\u0000')),
    ),
    typeUrl: fc.constantFrom('', 'type.googleapis.com/kuma.mesh.v1alpha1.Mesh'),
    spec: fc.uint8Array({ maxLength: 40 }),
    vips: fc.option(
      fc.record({ addresses: fc.constantFrom(['241.0.0.1'], ['241.0.0.2', 'fd00::1'], []), generation: fc.nat(3) }),
      { nil: undefined },
    ),
    offeredEntry: fc.option(entryText, { nil: undefined }),
  })
  .map((facts) => ({
    ...facts,
    exportName: `${facts.name}-x`,
    displayName: facts.name,
    namespace: '',
    deleted: false,
    exposed: true,
  }))

const rows = fc.uniqueArray(row, { minLength: 1, maxLength: 12, selector: (r) => `${r.type} ${r.mesh} ${r.name}` })

/** What anybody may do to the table, by our statements or by hand. */
type Step =
  | { readonly do: 'insert'; readonly rows: readonly RowWrite['row'][] }
  | { readonly do: 'run'; readonly sql: string; readonly values: readonly unknown[] }

const edit = fc.oneof(
  fc
    .record({ spec: fc.uint8Array({ maxLength: 9 }), mesh: fc.constantFrom('default', 'other') })
    .map(({ spec, mesh }) => ({
      sql: 'update resources set spec = $1 where mesh = $2',
      values: [Buffer.from(spec), mesh],
    })),
  word.map((name) => ({ sql: 'update resources set name = name || $1 where length(name) < 4', values: [name] })),
  fc.constantFrom('all', 'none').map((audience) => ({
    sql: 'update resources set audience = $1 where type = $2',
    values: [audience, 'MeshService'],
  })),
  fc
    .constantFrom('east', 'north')
    .map((origin) => ({ sql: "update resources set origin = $1 where mesh = 'other'", values: [origin] })),
  fc.boolean().map((deleted) => ({
    sql: `update resources set deleted = $1, deleted_at = case when $1 then now() end where type = 'MeshTimeout'`,
    values: [deleted],
  })),
  fc.option(fc.uint8Array({ minLength: 16, maxLength: 16 }), { nil: undefined }).map((entry) => ({
    sql: 'update resources set offered_entry = $1, offered_status_entry = $1 where origin <> $2',
    values: [entry === undefined ? null : Buffer.from(entry), ''],
  })),
  fc.option(fc.uint8Array({ maxLength: 8 }), { nil: undefined }).map((status) => ({
    sql: 'update resources set status = $1 where origin <> $2',
    values: [status === undefined ? null : Buffer.from(status), 'west'],
  })),
  fc.constantFrom('default', 'other').map((mesh) => ({ sql: 'delete from resources where mesh = $1', values: [mesh] })),
  fc.constant({ sql: 'update resources set modified_at = now()', values: [] }),
)
const step: fc.Arbitrary<Step> = fc.oneof(
  rows.map((some) => ({ do: 'insert' as const, rows: some })),
  edit.map((one) => ({ do: 'run' as const, ...one })),
)

interface Raw {
  readonly type: string
  readonly mesh: string
  readonly export_name: string
  readonly origin: string
  readonly audience: string
  readonly labels: Readonly<Record<string, string>>
  readonly identity: Buffer
  readonly labels_canonical: Buffer
  readonly type_url: Buffer
  readonly spec: Buffer
  readonly vips: Buffer
  readonly deleted: boolean
  readonly status: Buffer | null
  readonly content: Buffer
  readonly entry: Buffer | null
  readonly status_entry: Buffer | null
  readonly offered_entry: Buffer | null
  readonly offered_status_entry: Buffer | null
}

const raw = async (): Promise<readonly Raw[]> => (await database.run<Raw>('raw', 'select * from resources')).rows

type Sums = Readonly<Record<string, Digest>>

/** The sums as the model makes them, from nothing but the bytes in the rows. */
function summed(all: readonly Raw[], part: DigestPart): Sums {
  const sums: Record<string, Digest> = {}
  for (const r of all) {
    const ofEntry: Record<DigestPart, Uint8Array | undefined> = {
      held: r.deleted
        ? undefined
        : digestEntryOf(r.identity, contentHashOf(r.labels_canonical, r.type_url, r.spec), r.vips),
      offered: r.offered_entry ?? undefined,
      status: r.deleted || r.status_entry === null ? undefined : r.status_entry,
      offered_status: r.offered_status_entry ?? undefined,
    }
    const entry = ofEntry[part]
    const key = `${r.type} ${r.origin} ${part === 'held' || part === 'status' ? r.audience : ''}`
    if (entry !== undefined) sums[key] = addEntry(sums[key] ?? emptyDigest, entry)
  }
  return sums
}

async function stored(part: DigestPart): Promise<Sums> {
  const found = await readDigests(database, part)
  return Object.fromEntries(
    found
      .filter(({ digest }) => !digestEquals(digest, emptyDigest))
      .map(({ type, origin, audience, digest }) => [`${type} ${origin} ${audience}`, digest]),
  )
}

const noop = (): void => undefined

const parts: readonly DigestPart[] = ['held', 'offered', 'status', 'offered_status']

async function digestsFollow(steps: readonly Step[]): Promise<void> {
  await database.run('empty', 'delete from resources')
  for (const one of steps) {
    const done =
      one.do === 'insert'
        ? insertRows(
            database,
            one.rows.map((r) => ({ ...keyOf(r), row: r, statusMoves: false })),
            at,
          )
        : database.run('by hand', one.sql, one.values)
    await done.then(noop, (error: unknown) => {
      // Two rows may not end up with one name, nor a new row with that of one which was renamed: then nothing was changed.
      if (!String(error).includes('duplicate key')) throw error
    })
    const all = await raw()
    for (const part of parts) expect(await stored(part), part).toEqual(summed(all, part))
  }
}

const keyOf = ({ type, mesh, name }: RowWrite['row']) => ({ type, mesh, name })

test('EQ: sums by trigger are those of the model, whatever is done to the rows, by hand too', async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 8 }), digestsFollow), { numRuns: 40 })
})

test('the same property fails as soon as one trigger is missing', async () => {
  for (const event of ['insert', 'update', 'delete']) {
    const trigger = `resources_digest_${event}`
    await database.run('plant', `alter table resources disable trigger ${trigger}`)
    const outcome = await fc
      .check(fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 8 }), digestsFollow), { numRuns: 40 })
      .finally(() => database.run('heal', `alter table resources enable trigger ${trigger}`))
    expect(outcome.failed, trigger).toBe(true)
    await database.run('reset', 'delete from resources')
    await database.run('reset', 'delete from digests')
  }
})

test('generated columns are the model functions, byte for byte', async () => {
  await fc.assert(
    fc.asyncProperty(rows, fc.uint8Array({ maxLength: 20 }), async (some, status) => {
      await database.run('empty', 'delete from resources')
      await insertRows(
        database,
        some.map((r) => ({ ...keyOf(r), row: r, statusMoves: false })),
        at,
      )
      await database.run('status', 'update resources set status = $1', [Buffer.from(status)])
      const byKey = new Map((await raw()).map((r) => [`${r.type} ${r.mesh} ${r.export_name}`, r]))
      for (const r of some) {
        const content = contentHashOf(canonicalLabels(exportLabels(r.labels)), utf8(r.typeUrl), r.spec)
        const identity = identityBytes(r.type, r.mesh, r.exportName, r.origin)
        const found = byKey.get(`${r.type} ${r.mesh} ${r.exportName}`)
        expect(
          [found?.content, found?.entry, found?.status_entry].map((bytes) => hex(bytes ?? Buffer.alloc(0))),
        ).toEqual([hex(content), hex(digestEntryOf(identity, content, encodeVips(r.vips))), statusEntry(r, status)])
      }
    }),
    { numRuns: 30 },
  )
})

test('newcomers that were refused count as offered, each channel in its own sum', async () => {
  await database.run('empty', 'delete from resources')
  const refusal = {
    peer: 'east',
    type: 'MeshService',
    mesh: 'default',
    name: 'web',
    origin: 'east',
    exportName: 'web',
    entry: '000102030405060708090a0b0c0d0e0f',
    reason: 'bad',
    sinceMs: 0,
    nextTryMs: 0,
    tries: 1,
  }
  await writeRefused(database, [
    { ...refusal, channel: 'up', newcomer: true },
    { ...refusal, channel: 'status', newcomer: true },
    { ...refusal, channel: 'up', name: 'known', newcomer: false },
  ])
  const one = { lanes: [0x00010203, 0x04050607, 0x08090a0b, 0x0c0d0e0f], count: 1 }
  expect([await stored('offered'), await stored('offered_status')]).toEqual([
    { 'MeshService east ': one },
    { 'MeshService east ': one },
  ])
  await writeRefused(database, [{ ...refusal, channel: 'up', newcomer: true, entry: 'ff'.repeat(16) }])
  expect(await stored('offered')).toEqual({
    'MeshService east ': { lanes: Array(4).fill(0xffffffff), count: 1 },
  })
  await clearRefused(database, [
    { ...refusal, channel: 'up' },
    { ...refusal, channel: 'status' },
  ])
  expect([await stored('offered'), await stored('offered_status')]).toEqual([{}, {}])
})

test('nobody can empty the tables behind the back of their sums', async () => {
  // Forms of policy hooks refer to it: with them, or not at all.
  await expect(database.run('truncate', 'truncate resources')).rejects.toThrow(/referenced in a foreign key/)
  await expect(database.run('truncate', 'truncate resources cascade')).rejects.toThrow(/use delete/)
  await expect(database.run('truncate', 'truncate refused')).rejects.toThrow(/use delete/)
})
