import { endOf, type Mark, type Offer, type Removal } from '@holdfast/kds'
import pg from 'pg'
import { expect, test } from 'vitest'
import { hello, keyOf, offerOf, putMesh, putService, service, serviceKey } from '../conformance/fixtures.js'
import type { LocalChange } from '../port.js'
import type { PgStore } from './store.js'
import { freshStore, type OpenedStore } from './testing.js'
import { fillTables } from './testing-fill.js'
import { looksOf, neededIndexes, pretendMany, type Sent, scansIn, statementsOf } from './testing-plans.js'

const { signal } = new AbortController()
/** By hand (`pnpm plans`) with so many services in the tables; in every run with few, of which the planner believes that they are many. */
const services = Number(process.env.HOLDFAST_PLANS_AT ?? 0)
const [timeoutMs, byHandTimeoutMs] = [120_000, 600_000]
const byHand = test.skipIf(services === 0)
/** Each so many services more out of those that there are: enough for a distribution. */
const few = 400
const big = new Set(['resources', 'vip_ledger', 'vip_history', 'revisions', 'audit'])

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

const offered = (name: string, port = 80): Offer =>
  offerOf(service({ name, zone: 'west', port, vips: { addresses: [`241.200.0.${name.length}`], generation: 1 } }))

const apply = (store: PgStore, ...changes: readonly LocalChange[]) =>
  store.local.apply({ changes, atomic: true, actor: 'test' }, { signal })

/** As a zone receives from global, and global from a zone. */
const receive = (store: PgStore, peer: string, offers: readonly Offer[], removals: readonly Removal[] = []) =>
  store
    .channel({ channel: peer === '' ? 'down' : 'up', peer })
    .perform(
      { op: 'apply', batch: { type: 'MeshService', offers, removals, absent: [] }, nowMs: Date.now() },
      { signal },
    )

/** What a control plane does when a peer comes back and nothing has changed, and when it has. */
async function reconnect(store: PgStore, peer: string): Promise<void> {
  const sessionId = `session-${peer}`
  const { fence } = await store.sessions.open({
    ...{ sessionId, peer, instanceId: 'i', peerInstanceId: 'p', peerVersion: '0.1.0', extension: true },
  })
  const { head } = await store.status()
  const isGlobal = store.identity.role === 'global'
  const sends = isGlobal ? (['down'] as const) : (['up', 'status'] as const)
  const receives = isGlobal ? (['up', 'status'] as const) : (['down'] as const)
  const of = (channel: 'down' | 'up' | 'status') => store.channel({ channel, peer, fence: { sessionId, fence } })
  if (isGlobal)
    await store
      .channel({ channel: 'down', peer })
      .perform(
        { op: 'admit', hello: hello('11111111-2222-4333-8444-555555555555'), nowMs: Date.now(), instanceId: 'p' },
        { signal },
      )
  for (const channel of sends) {
    const { cursor, digest } = await of(channel).perform({ op: 'mark' }, { signal })
    await of(channel).perform({ op: 'compare', standing: { cursor, offered: digest } }, { signal })
    await of(channel).perform({ op: 'acked', cursor }, { signal })
    // A peer that stood one change behind, from memory; and one that stood further back than memory reaches.
    for (const from of [head.revision - 1, 0])
      await of(channel).perform(
        { op: 'changes', from: endOf(from), limitBytes: 100_000, withRemovals: true },
        { signal },
      )
    await of(channel).perform({ op: 'settled' }, { signal })
  }
  for (const channel of receives) {
    const { offered } = await of(channel).perform({ op: 'standing' }, { signal })
    const mark: Mark = { cursor: { epoch: 'ab'.repeat(16), revision: 7, tag: '0123456789abcdef' }, digest: offered }
    await of(channel).perform({ op: 'verify', mark }, { signal })
    await of(channel).perform({ op: 'due-refusals', nowMs: Date.now() }, { signal })
    await of(channel).perform({ op: 'offered-types' }, { signal })
  }
  // A position that our history does not have: nothing more is shown after that.
  for (const channel of sends) {
    const { cursor, digest } = await of(channel).perform({ op: 'mark' }, { signal })
    const before = { ...cursor, revision: cursor.revision - 1 }
    await of(channel).perform({ op: 'compare', standing: { cursor: before, offered: digest } }, { signal })
  }
  await store.read.cursors()
  await store.vip.demand()
  await store.vip.ownBlocks()
  await store.sessions.heartbeats([{ sessionId, peer, ackedRevision: 1, counters: {} }])
  await store.sessions.close(sessionId, 'over')
}

/** Changes at their origin, and changes that another control plane has sent; what the API reads. */
async function changes(store: PgStore, peer: string): Promise<void> {
  await apply(store, putService('fresh'))
  await apply(store, putService('fresh', { port: 81 }))
  await apply(store, { change: 'delete', key: serviceKey('fresh') })
  await apply(store, putMesh('another'))
  await receive(store, peer, [offered('incoming')])
  await receive(store, peer, [offered('incoming', 81)])
  const removals = [{ key: keyOf(offered('incoming').resource), deletedAtMs: Date.now() }]
  await receive(store, peer, [], removals)
  await store.read.get(serviceKey('web'))
  await store.read.byDisplayName('MeshService', 'default', 'web', '')
  await store.read.list({ type: 'MeshService', offset: 0, limit: 100 })
  await store.read.shown({ type: 'MeshService', mesh: 'default', name: 'web' })
}

/** One level of a repair, and what is said at its end. */
async function repair(store: PgStore, peer: string): Promise<void> {
  const isGlobal = store.identity.role === 'global'
  const sender = store.channel({ channel: isGlobal ? 'down' : 'up', peer })
  const receiver = store.channel({ channel: isGlobal ? 'up' : 'down', peer })
  const type = { resourceType: 'MeshService' }
  await receiver.perform({ op: 'offered-buckets', ...type, level: 2, prefixes: [5] }, { signal })
  await receiver.perform({ op: 'offered-entries', ...type, buckets: [5, 6] }, { signal })
  await sender.perform({ op: 'buckets', ...type, level: 2, prefixes: [5] }, { signal })
  const { head: followed } = await store.status()
  await sender.perform({ op: 'repair', ...type, buckets: [5, 6], entries: [], followed }, { signal })
  await sender.perform({ op: 'keys', ...type, keys: ['web.default'] }, { signal })
}

/** Every statement of a change, a reconnect and a repair, in tables of so many services. */
async function statementsAt(store: PgStore, client: pg.Client, peer: string, times: number): Promise<readonly Sent[]> {
  await fillTables(client, times)
  const statements = await statementsOf(async () => {
    await changes(store, peer)
    await repair(store, peer)
    await reconnect(store, peer)
  })
  // A test that has seen no statement finds no scan in any.
  expect(statements.length).toBeGreaterThan(25)
  return statements
}

async function zoneStore(): Promise<OpenedStore> {
  const opened = await freshStore({ role: 'zone', listen: false, pollEveryMs: 600_000 })
  await opened.store.vip.adoptBlocks(['241.16.0.0/14'])
  await apply(opened.store, putService('web'))
  await receive(opened.store, '', [offered('their-web')])
  return opened
}

async function globalStore(): Promise<OpenedStore> {
  const opened = await freshStore({ role: 'global', listen: false, pollEveryMs: 600_000 })
  await apply(opened.store, putMesh('default'))
  await receive(opened.store, 'west', [offered('their-web')])
  return opened
}

const everything: Sent = { text: 'select count(*) from resources where revision >= 0', values: [] }

/** Indexes without which a statement of either role goes through a table. */
const neededByBoth = [
  'resources_bucket',
  'resources_display_name',
  'resources_exceptional',
  'resources_export_name',
  'resources_export_name_deleted',
  'resources_log',
  'resources_pkey',
  'resources_status_log',
  'revisions_epoch',
  'revisions_pkey',
  'vip_history_owner',
]

const roles = [
  ['zone', zoneStore, '', [...neededByBoth, 'resources_pending']],
  ['global', globalStore, 'west', [...neededByBoth, 'resources_absent']],
] as const

test.each(roles)(
  'the planner has an index for every statement of a change or a reconnect, and would miss it: %s',
  async (_, open, peer, needed) => {
    await using opened = await open()
    await withClient(opened.database.url, async (client) => {
      const statements = await statementsAt(opened.store, client, peer, few)
      await client.query('begin')
      await pretendMany(client, big)
      const looks = await looksOf(client, statements, big)
      expect(scansIn(looks)).toEqual([])
      expect(scansIn(await looksOf(client, statements, big, { kept: true }))).toEqual([])
      // It would tell: without any of these a statement goes through the table.
      expect(await neededIndexes(client, looks, big)).toEqual(expect.arrayContaining([...needed]))
    })
  },
  timeoutMs,
)

byHand.each(roles)(
  'no statement of a change or a reconnect reads a big table from end to end: %s',
  async (_, open, peer) => {
    await using opened = await open()
    await withClient(opened.database.url, async (client) => {
      const statements = await statementsAt(opened.store, client, peer, services)
      expect(scansIn(await looksOf(client, [everything], big))).toHaveLength(1)
      expect(scansIn(await looksOf(client, statements, big))).toEqual([])
    })
  },
  byHandTimeoutMs,
)
