import { type Cursor, endOf, type Mark } from '@holdfast/kds'
import type { Digest } from '@holdfast/model'
import { expect, test, vi } from 'vitest'
import { offerOf, putService, service } from '../conformance/fixtures.js'
import { countWrites, rowsWritten } from '../testing/index.js'
import type { PgStore } from './store.js'
import { Counter, freshStore, type OpenedStore } from './testing.js'

const { signal } = new AbortController()
const zoneWith = (counter: Counter): Promise<OpenedStore> =>
  freshStore({ role: 'zone', listen: false, pollEveryMs: 600_000, onStatement: counter.note })

const services = (prefix: string, count: number) => Array.from({ length: count }, (_, i) => putService(`${prefix}${i}`))

const applyAll = (store: PgStore, prefix: string, count: number) =>
  store.local.apply({ changes: services(prefix, count), atomic: true, actor: 'test' }, { signal })

test('an atomic apply of 1, 100 or 10,000 services is a handful of statements for each batch of rows', async () => {
  const counter = new Counter()
  await using opened = await zoneWith(counter)
  const { store, database } = opened
  await store.vip.adoptBlocks(['241.16.0.0/16'])
  await countWrites(database.url)
  const statements: number[] = []
  for (const count of [1, 100, 10_000]) {
    counter.reset()
    await applyAll(store, `n${count}-`, count)
    statements.push(counter.total)
  }
  const written = await rowsWritten(database.url)
  const [one = 0, hundred = 0, tenThousand = 0] = statements
  expect(one).toBeLessThanOrEqual(18)
  expect(hundred).toBe(one)
  // Five kinds of rows, five batches of each instead of one.
  expect(tenThousand).toBeLessThanOrEqual(one + 4 * 5)
  expect(written).toMatchObject({ resources: 10_101, vip_ledger: 10_101, vip_history: 10_101, revisions: 3 })
}, 120_000)

test('one change of a service reads each thing once, at its origin and where it is received', async () => {
  const counter = new Counter()
  await using opened = await zoneWith(counter)
  const { store } = opened
  await store.vip.adoptBlocks(['241.16.0.0/16'])
  await applyAll(store, 'own-', 3)
  const offered = (port: number) => offerOf(service({ name: 'theirs', zone: 'west', port }))
  const receive = (port: number) =>
    store
      .channel({ channel: 'down', peer: '' })
      .perform(
        { op: 'apply', batch: { type: 'MeshService', offers: [offered(port)], removals: [], absent: [] }, nowMs: 1 },
        { signal },
      )
  await receive(80)
  await store.vip.demand()

  const reads = { 'read head': 1, 'rows by key': 1, 'rows by export name': 1, 'rows by display name': 1 }
  const ledger = { 'ledger of owners': 1, 'past generations': 1, blocks: 1 }
  const commits = { begin: 1, 'lock head': 1, 'update rows': 1, 'advance head': 1, commit: 1 }
  counter.reset()
  await store.local.apply({ changes: [putService('own-0', { port: 81 })], atomic: true, actor: 'test' }, { signal })
  expect(counter.byName).toEqual({ ...reads, ...ledger, ...commits, 'insert audit': 1 })
  counter.reset()
  await receive(81)
  expect(counter.byName).toEqual({ ...reads, ...ledger, ...commits, 'refused of peers': 1 })
  // Then the zone asks itself once whether it needs addresses, and not again at the same revision.
  counter.reset()
  await store.vip.demand()
  await store.vip.demand()
  expect(counter.byName).toEqual({ 'demand facts': 1 })
  // That no status is new is known from the look at the log: no table is read for it.
  const status = store.channel({ channel: 'status', peer: '' })
  const { cursor } = await status.perform({ op: 'mark' }, { signal })
  counter.reset()
  const from = endOf(cursor.revision - 2)
  expect(
    await status.perform({ op: 'changes', from, limitBytes: 1_000, withRemovals: true }, { signal }),
  ).toMatchObject({ items: [], through: endOf(cursor.revision) })
  expect(counter.byName).toEqual({})
}, 60_000)

test('what comes in bulk is told to the planner, once for the first of it and once for much, and what comes in small numbers is not', async () => {
  const counter = new Counter()
  await using opened = await zoneWith(counter)
  const { store } = opened
  await store.vip.adoptBlocks(['241.16.0.0/16'])
  await applyAll(store, 'few-', 200)
  expect(counter.byName.analyze).toBeUndefined()
  await applyAll(store, 'some-', 300)
  await vi.waitFor(() => expect(counter.byName.analyze).toBe(1), { timeout: 30_000 })
  await applyAll(store, 'many-', 2_000)
  await vi.waitFor(() => expect(counter.byName.analyze).toBe(2), { timeout: 30_000 })
  await applyAll(store, 'more-', 100)
  expect(counter.byName.analyze).toBe(2)
})

test('a list of a whole type has its total from the sums: no row is counted for it', async () => {
  const counter = new Counter()
  await using opened = await zoneWith(counter)
  const { store } = opened
  await store.vip.adoptBlocks(['241.16.0.0/20'])
  await applyAll(store, 'web-', 3)
  counter.reset()
  // As the API asks for it where nobody has asked for labels.
  const all = await store.read.list({ type: 'MeshService', labels: {}, offset: 0, limit: 2 })
  expect([all.total, all.items.length]).toEqual([3, 2])
  expect(counter.byName).toEqual({ 'count of type': 1, list: 1 })
  counter.reset()
  await store.read.list({ type: 'MeshService', mesh: 'default', offset: 0, limit: 2 })
  expect(counter.byName).toEqual({ 'count list': 1, list: 1 })
  counter.reset()
  await store.read.shown({ type: 'MeshService', mesh: 'default', name: 'web-1' })
  expect(counter.byName).toEqual({ 'row as it is shown': 1 })
}, 60_000)

/** What a zone's store does when it comes back and nothing has changed. */
async function idleReconnect(
  store: PgStore,
  mark: { readonly cursor: Cursor; readonly digest: Digest },
): Promise<void> {
  const { fence } = await store.sessions.open({
    ...{ sessionId: `s-${mark.cursor.revision}`, peer: '', instanceId: 'i', peerInstanceId: 'p' },
    ...{ peerVersion: '0.1.0', extension: true },
  })
  const of = (channel: 'down' | 'up' | 'status') =>
    store.channel({ channel, peer: '', fence: { sessionId: `s-${mark.cursor.revision}`, fence } })
  await of('down').perform({ op: 'standing' }, { signal })
  const up = await of('up').perform({ op: 'mark' }, { signal })
  await of('status').perform({ op: 'mark' }, { signal })
  const { verified } = await of('down').perform({ op: 'verify', mark }, { signal })
  expect(verified).toBe(true)
  const facts = await of('up').perform(
    { op: 'compare', standing: { cursor: up.cursor, offered: up.digest } },
    { signal },
  )
  expect([facts.cursor, facts.head]).toEqual(['known', up])
  await of('up').perform({ op: 'acked', cursor: up.cursor }, { signal })
  await store.read.cursors()
}

test('RO: an idle reconnect costs the same few statements and writes no row, at 100 as at 3,000 resources', async () => {
  const seen: unknown[] = []
  for (const count of [100, 3_000]) {
    const counter = new Counter()
    await using opened = await zoneWith(counter)
    const { store, database } = opened
    await store.vip.adoptBlocks(['241.16.0.0/16'])
    await applyAll(store, 'own-', count)
    const cursor = { epoch: 'ab'.repeat(16), revision: count, tag: '0123456789abcdef' }
    const down = store.channel({ channel: 'down', peer: '' })
    const offers = Array.from({ length: count }, (_, i) => offerOf(service({ name: `their-${i}`, zone: 'west' })))
    await down.perform(
      { op: 'apply', batch: { type: 'MeshService', offers, removals: [], absent: [] }, nowMs: Date.now() },
      { signal },
    )
    const { offered } = await down.perform({ op: 'standing' }, { signal })
    const mark: Mark = { cursor, digest: offered }
    await down.perform({ op: 'verify', mark }, { signal })
    await countWrites(database.url)
    counter.reset()
    await idleReconnect(store, mark)
    seen.push({ statements: counter.byName, rows: await rowsWritten(database.url) })
  }
  expect(seen[0]).toEqual(seen[1])
  expect(seen[0]).toMatchObject({ rows: {} })
}, 120_000)

test('the same batch again writes no row, and a mark that agrees writes a cursor only', async () => {
  await using opened = await zoneWith(new Counter())
  const { store, database } = opened
  const down = store.channel({ channel: 'down', peer: '' })
  const offers = Array.from({ length: 50 }, (_, i) => offerOf(service({ name: `their-${i}`, zone: 'west' })))
  const batch = { type: 'MeshService', offers, removals: [], absent: [] }
  const apply = () => down.perform({ op: 'apply', batch, nowMs: Date.now() }, { signal })
  await apply()
  const { offered } = await down.perform({ op: 'standing' }, { signal })
  await countWrites(database.url)
  expect(await apply()).toMatchObject({ writtenRows: 0, refused: [] })
  expect(await rowsWritten(database.url, { including: 'all' })).toEqual({})
  const mark = { cursor: { epoch: 'ab'.repeat(16), revision: 9, tag: '0123456789abcdef' }, digest: offered }
  await down.perform({ op: 'verify', mark }, { signal })
  await down.perform({ op: 'verify', mark }, { signal })
  // The first agreement with global is remembered once.
  expect(await rowsWritten(database.url, { including: 'all' })).toEqual({ cursors: 2, zones: 1, store_head: 1 })
})
