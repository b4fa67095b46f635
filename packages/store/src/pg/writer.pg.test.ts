import { emptyDigest, vipPoolKind } from '@holdfast/model'
import pg from 'pg'
import { expect, test } from 'vitest'
import { offerOf, putMesh, putService, service, serviceKey } from '../conformance/fixtures.js'
import { freshDatabase } from '../testing/index.js'
import type { PgStore } from './store.js'
import { Counter, freshStore, openOn } from './testing.js'

const { signal } = new AbortController()
const apply = (store: PgStore, ...changes: Parameters<PgStore['local']['apply']>[0]['changes']) =>
  store.local.apply({ changes, atomic: false, actor: 'test' }, { signal })

const session = (sessionId: string, peer: string) => ({
  ...{ sessionId, peer, instanceId: 'here', peerInstanceId: 'there', peerVersion: '0.1.0', extension: true },
})

/** Holds the head's row, so that whatever is planned meanwhile is committed only when it lets go. */
async function holdHead(url: string): Promise<{ release(): Promise<void>; waiting(): Promise<number> }> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query('begin')
  await client.query('select from store_head for update')
  const observer = new pg.Client({ connectionString: url })
  await observer.connect()
  return {
    release: async () => {
      await client.query('commit')
      await client.end()
      await observer.end()
    },
    /** Transactions that wait for a lock now. */
    waiting: async () => {
      const { rows } = await observer.query<{ count: string }>(
        "select count(*) as count from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
      )
      return Number(rows[0]?.count)
    },
  }
}

async function whenWaiting(hold: { waiting(): Promise<number> }): Promise<void> {
  while ((await hold.waiting()) === 0) await new Promise((resolve) => setImmediate(resolve))
}

test('OWN, ONE: a session that is superseded between its plan and its commit writes nothing, and only it is told', async () => {
  await using opened = await freshStore({ role: 'global', listen: false })
  const { store, database } = opened
  await apply(store, putMesh('default'))
  const { fence } = await store.sessions.open(session('older', 'east'))
  const older = store.channel({ channel: 'up', peer: 'east', fence: { sessionId: 'older', fence } })
  const hold = await holdHead(database.url)
  const batch = {
    type: 'MeshService',
    offers: [offerOf(service({ name: 'web', zone: 'east' }))],
    removals: [],
    absent: [],
  }
  const applied = older.perform({ op: 'apply', batch, nowMs: 1_700_000_000_000 }, { signal }).then(
    () => 'written',
    (error: unknown) => (error instanceof Error ? error.name : 'failed'),
  )
  // In the same group, of nobody's session.
  const own = apply(store, putMesh('other'))
  await whenWaiting(hold)
  await store.sessions.open(session('newer', 'east'))
  await hold.release()
  expect([await applied, await own]).toEqual(['Fenced', [expect.objectContaining({ outcome: 'created' })]])
  expect((await store.read.list({ type: 'MeshService', offset: 0, limit: 10 })).total).toBe(0)
  await expect(
    older.perform({ op: 'diverged', types: [], nowMs: 1_700_000_000_000 }, { signal }),
  ).rejects.toMatchObject({ name: 'Fenced' })
})

test('what one session acked is not written once another has taken its place', async () => {
  await using opened = await freshStore({ role: 'global', listen: false })
  const { store } = opened
  const { fence } = await store.sessions.open(session('older', 'east'))
  const { head } = await store.status()
  const older = store.channel({ channel: 'down', peer: 'east', fence: { sessionId: 'older', fence } })
  await older.perform({ op: 'acked', cursor: head }, { signal })
  await store.sessions.open(session('newer', 'east'))
  expect(await store.read.cursors()).toEqual([])
})

test('a plan that was overtaken by another control plane on the same database is made again', async () => {
  await using opened = await freshStore({ role: 'zone', listen: false })
  const { store, database } = opened
  const rival = await openOn(database.url, { role: 'zone', listen: false })
  await store.vip.adoptBlocks(['241.16.0.0/20'])
  const hold = await holdHead(database.url)
  const both = [apply(store, putService('web', { port: 80 })), apply(rival, putService('web', { port: 81 }))]
  while ((await hold.waiting()) < 2) await new Promise((resolve) => setImmediate(resolve))
  await hold.release()
  const outcomes = (await Promise.all(both)).map(([first]) => first?.outcome)
  expect(outcomes.sort()).toEqual(['created', 'updated'])
  expect(await store.vip.verifyLocal()).toEqual([])
  await rival.close()
})

test('what the database refuses is told to the one who asked for it, and the rest of the group is written', async () => {
  await using opened = await freshStore({ role: 'zone', listen: false })
  const { store, database } = opened
  const hold = await holdHead(database.url)
  // A NUL cannot be stored; validation keeps it out, and this is what happens where validation forgot.
  const bad = putService('bad')
  const spoilt = { ...bad, content: { ...bad.content, labels: { ...bad.content.labels, team: 'a\u0000b' } } }
  const works = [apply(store, putService('before')), apply(store, spoilt), apply(store, putService('after'))]
  await new Promise((resolve) => setImmediate(resolve))
  await hold.release()
  const settled = await Promise.allSettled(works)
  expect(settled.map((one) => one.status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect((await store.read.list({ type: 'MeshService', offset: 0, limit: 10 })).items.map((row) => row.name)).toEqual([
    'after',
    'before',
  ])
  const together = await apply(store, putService('one'), { ...spoilt, key: serviceKey('two') }, putService('three'))
  expect(together.map((outcome) => outcome.outcome)).toEqual(['created', 'refused', 'created'])
})

test('requests of one moment are one transaction', async () => {
  const counter = new Counter()
  await using opened = await freshStore({ role: 'zone', listen: false, pollEveryMs: 60_000, onStatement: counter.note })
  const { store } = opened
  await store.vip.adoptBlocks(['241.16.0.0/20'])
  const { revision } = (await store.status()).head
  counter.reset()
  await Promise.all(Array.from({ length: 64 }, (_, i) => apply(store, putService(`s${i}`))))
  expect([counter.byName.commit, (await store.status()).head.revision - revision]).toEqual([1, 1])
})

test('a write that changes nothing takes no lock and no transaction', async () => {
  const counter = new Counter()
  await using opened = await freshStore({ role: 'zone', listen: false, pollEveryMs: 60_000, onStatement: counter.note })
  const { store } = opened
  await apply(store, putService('web'))
  counter.reset()
  expect(await apply(store, putService('web'))).toMatchObject([{ outcome: 'unchanged' }])
  expect(counter.byName).not.toHaveProperty('begin')
})

test('a store that is closed finishes what it was asked and takes no more', async () => {
  await using opened = await freshStore({ role: 'zone', listen: false })
  const { store, database } = opened
  const asked = apply(store, putService('web'))
  await store.close()
  expect(await asked).toMatchObject([{ outcome: 'created' }])
  await expect(apply(store, putService('late'))).rejects.toThrow(/closing/)
  const again = await openOn(database.url, { role: 'zone', listen: false })
  expect(await again.read.get(serviceKey('web'))).toBeDefined()
  await again.close()
})

test('DUR: a connection that dies in the middle of a commit loses nothing and doubles nothing', async () => {
  await using opened = await freshStore({ role: 'zone', listen: false })
  const { store, database } = opened
  await store.vip.adoptBlocks(['241.16.0.0/20'])
  const hold = await holdHead(database.url)
  const asked = apply(store, putService('web'))
  await whenWaiting(hold)
  const killer = new pg.Client({ connectionString: database.url })
  await killer.connect()
  await killer.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
  )
  await killer.end()
  await hold.release()
  expect(await asked).toMatchObject([{ outcome: 'created' }])
  const history = await store.vip.history({ displayName: 'web' }, 10)
  expect(history.map((row) => row.event)).toEqual(['allocated'])
})

test('initialising twice at once makes one set of pools', async () => {
  await using database = await freshDatabase()
  const [first, second] = await Promise.all([1, 2].map(() => openOn(database.url, { role: 'global', listen: false })))
  const results = await Promise.all(
    [first, second].map((store, i) => store?.initialise({ actor: 'test', random: Uint8Array.of(i, 2, 3, 4, 5) })),
  )
  expect(results.map((result) => result?.changed).sort()).toEqual([false, true])
  const pools = await first?.read.list({ type: 'VipPool', offset: 0, limit: 100 })
  expect(
    pools?.items
      .map((row) => vipPoolKind.read(row.spec))
      .map((pool) => `${pool?.kind} ${pool?.family}`)
      .sort(),
  ).toEqual(
    ['MeshExternalService', 'MeshMultiZoneService', 'MeshService'].flatMap((kind) => [`${kind} 4`, `${kind} 6`]),
  )
  await Promise.all([first?.close(), second?.close()])
})

test('a transaction of somebody else that holds the head: whoever waits is told in time who it is, and goes on when it is gone', async () => {
  await using opened = await freshStore({ role: 'global', listen: false, lockTimeoutMs: 300 })
  const { store, database } = opened
  const url = new URL(database.url)
  url.searchParams.set('application_name', 'a forgotten psql')
  const hold = await holdHead(url.href)
  await expect(apply(store, putMesh('default'))).rejects.toMatchObject({
    kind: 'unavailable',
    message: expect.stringMatching(
      /kept us waiting for a lock .*that of "a forgotten psql" from .*, idle in transaction, begun \d+ s ago; end it with: select pg_terminate_backend\(\d+\)/,
    ),
  })
  expect(await store.read.list({ type: 'Mesh', offset: 0, limit: 1 })).toMatchObject({ total: 0 })
  // Those who come while one waits do not wait for their own turn: all are told when the first is.
  const counted: string[] = []
  const first = apply(store, putMesh('first')).catch(() => counted.push('first'))
  await whenWaiting(hold)
  const second = apply(store, putMesh('second')).catch(() => counted.push('second'))
  await first
  await second
  expect(counted.sort()).toEqual(['first', 'second'])
  await hold.release()
  expect(await apply(store, putMesh('default'))).toMatchObject([{ outcome: 'created' }])
})

test('a database of another control plane is refused by name', async () => {
  await using opened = await freshStore({ role: 'zone', listen: false })
  await expect(openOn(opened.database.url, { role: 'global' })).rejects.toMatchObject({
    kind: 'conflict',
    message: expect.stringMatching(/belongs to zone east, this is the global control plane/),
  })
  await expect(openOn(opened.database.url, { role: 'zone', name: 'west' })).rejects.toThrow(/this is zone west/)
})

test('an empty standing is in step with an empty store', async () => {
  await using opened = await freshStore({ role: 'zone', listen: false })
  const up = opened.store.channel({ channel: 'up', peer: '' })
  const facts = await up.perform({ op: 'compare', standing: { offered: emptyDigest } }, { signal })
  expect([facts.cursor, facts.head.digest, facts.typeDigests]).toEqual(['none', emptyDigest, []])
})
