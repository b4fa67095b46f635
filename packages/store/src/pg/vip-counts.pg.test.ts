import { expect, test } from 'vitest'
import { putService, serviceKey } from '../conformance/fixtures.js'
import { byHand } from '../testing/index.js'
import type { PgStore } from './store.js'
import { freshStore } from './testing.js'

const { signal } = new AbortController()
const names = Array.from({ length: 30 }, (_, i) => `s${i}`)

const apply = (store: PgStore, changes: Parameters<PgStore['local']['apply']>[0]['changes']) =>
  store.local.apply({ changes, atomic: true, actor: 'test' }, { signal })

/** As a disk rots: no trigger runs. */
const unseen = (text: string): string =>
  `set session_replication_role = replica; ${text}; set session_replication_role = origin`

const counted = async (url: string): Promise<unknown> => ({
  blocks: await byHand(
    url,
    'select used::integer, (select count(*)::integer from vip_ledger l where l.block_id = b.id) as rows from vip_blocks b',
  ),
  active: await byHand(url, 'select kind, family, active::integer from vip_counts where origin = $1 order by family', [
    'east',
  ]),
})

test('what is taken and what is in force is counted on write, whoever writes', async () => {
  await using opened = await freshStore({ role: 'zone', listen: false, pollEveryMs: 600_000 })
  const { store, database } = opened
  await store.vip.adoptBlocks(['241.16.0.0/24'])
  const said = (used: number, active: number): unknown => ({
    blocks: [{ used, rows: used }],
    active: [{ kind: 'MeshService', family: 4, active }],
  })

  await apply(
    store,
    names.map((name) => putService(name)),
  )
  expect(await counted(database.url)).toEqual(said(30, 30))
  // Who is deleted keeps its address and has none in force.
  await apply(
    store,
    names.slice(0, 10).map((name) => ({ change: 'delete' as const, key: serviceKey(name) })),
  )
  expect(await counted(database.url)).toEqual(said(30, 20))
  await apply(
    store,
    names.slice(0, 4).map((name) => putService(name)),
  )
  expect(await counted(database.url)).toEqual(said(30, 24))
  expect(await store.vip.verifyLocal()).toEqual([])

  // By hand, in the ways in which a count might be missed.
  await byHand(database.url, "delete from vip_ledger where state = 'tombstoned'")
  expect(await counted(database.url)).toEqual(said(24, 24))
  await byHand(
    database.url,
    "update vip_ledger set block_id = null, block_cidr = null where display_name in ('s0', 's1')",
  )
  expect(await counted(database.url)).toEqual(said(22, 24))
  await byHand(database.url, "update vip_ledger set scope = 'zone:east' where display_name = 's2'")
  expect(await counted(database.url)).toEqual(said(22, 23))
  await byHand(database.url, 'truncate vip_ledger')
  expect(await counted(database.url)).toEqual({ blocks: [{ used: 0, rows: 0 }], active: [] })
})

test('a count that is wrong is told by vip verify, mended by the scrub, and until then allocates nothing twice', async () => {
  await using opened = await freshStore({ role: 'zone', listen: false, pollEveryMs: 600_000 })
  const { store, database } = opened
  await store.vip.adoptBlocks(['241.16.0.0/24'])
  await apply(
    store,
    names.map((name) => putService(name)),
  )
  await byHand(database.url, unseen('update vip_blocks set used = 3; update vip_counts set active = 29'))
  expect(await store.vip.verifyLocal()).toEqual([
    { subject: 'IPv4 addresses in force of MeshService of zone east', problem: 'it said 29, and there are 30' },
    { subject: 'addresses taken in block 241.16.0.0/24', problem: 'it said 3, and there are 30' },
  ])
  const [more] = await apply(store, [putService('more')])
  expect(more).toMatchObject({ outcome: 'created' })
  const addresses = await byHand<{ n: number }>(
    database.url,
    'select count(distinct address)::integer as n from vip_ledger',
  )
  expect(addresses).toEqual([{ n: 31 }])

  const found: string[] = []
  for (let ended = false; !ended; ) {
    const step = await store.scrub({ rows: 100, everyMs: 0, roundEveryMs: 0 })
    found.push(...step.found.map(({ subject, problem, outcome }) => `${outcome}: ${subject}: ${problem}`))
    ended = step.roundEnded
  }
  expect(found).toEqual([
    'mended: IPv4 addresses in force of MeshService of zone east: it said 30, and there are 31',
    'mended: addresses taken in block 241.16.0.0/24: it said 4, and there are 31',
  ])
  expect(await store.vip.verifyLocal()).toEqual([])
})
