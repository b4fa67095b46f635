import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { digestEquals } from '@holdfast/model'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { offerOf, putMesh, Subject, service } from '../conformance/fixtures.js'
import { policyOf } from '../conformance/producers.js'
import { byHand, freshDatabase } from '../testing/index.js'
import type { PgStore } from './store.js'
import { openOn } from './testing.js'

// HEAL: what has changed without a write that the triggers saw is found by the scrub, at a global that keeps copies of
// east's services and statuses, and something of its own.
const nowMs = 1_700_000_000_000
const names = Array.from({ length: 40 }, (_, i) => `s${i}`)
const status = Buffer.from('{"state":"Available"}')
const offers = names.map((name, i) =>
  offerOf(service({ name, zone: 'east', vips: { addresses: [`241.200.0.${i + 1}`], generation: 1 } })),
)

const acrossFile = fileURLToPath(new URL('../../../../migrations/0018_policies_across.sql', import.meta.url))

let store: PgStore
let global: Subject
beforeAll(async () => {
  const database = await freshDatabase()
  store = await openOn(database.url, { role: 'global', clock: () => nowMs })
  global = new Subject({ store, close: () => store.close() }, { nowMs })
  await store.initialise({ actor: 'test', random: Uint8Array.of(1, 2, 3, 4, 5) })
  await global.apply(putMesh('default'))
  await offerAgain()
  await run(
    "insert into vip_blocks values ('stray', 'MeshService', 4, '241.240.0.0/24', 'north', gen_random_uuid(), 1, now())",
  )
})
afterAll(() => store?.close())

/** What a repair brings of east: everything that it has. */
async function offerAgain(): Promise<void> {
  await global.channel({ channel: 'up', peer: 'east' }).apply({ type: 'MeshService', offers })
  const withStatus = offers.map((offer) => ({ ...offer, resource: { ...offer.resource, status } }))
  await global.channel({ channel: 'status', peer: 'east' }).apply({ type: 'MeshService', offers: withStatus })
}

const run = (text: string): Promise<readonly Readonly<Record<string, unknown>>[]> => byHand(store.database.url, text)
/** As a replica applies it, or as a disk rots: no trigger runs. */
const unseen = (text: string) =>
  run(`set session_replication_role = replica; ${text}; set session_replication_role = origin`)

/** A whole round in small steps. Answers what it has found. */
async function round(rows = 7): Promise<readonly string[]> {
  const found: string[] = []
  for (let step = 0; step < 500; step++) {
    const done = await store.scrub({ rows, everyMs: 0, roundEveryMs: 0 })
    found.push(...done.found.map(({ subject, problem, outcome }) => `${outcome}: ${subject}: ${problem}`))
    if (done.roundEnded) return found
  }
  throw new Error('a round that does not end')
}

/** Everything that counts, but the revision: a repair writes a row anew. */
async function whole(): Promise<unknown> {
  const columns =
    'type, mesh, name, type_order, export_name, origin, namespace, display_name, audience, bucket, identity, labels, ' +
    'labels_canonical, type_url, spec, vips, content, entry, offered_entry, deleted, exposed, status, status_entry, offered_status_entry'
  return {
    rows: await run(`select ${columns} from resources order by type, mesh, name`),
    sums: await run('select * from digests where count <> 0 order by part, type, origin, audience'),
    ledger: await run('select * from vip_ledger order by address'),
    counts: await run('select * from vip_counts where active <> 0 order by origin, kind, family'),
    blocks: await run('select * from vip_blocks order by id'),
  }
}

/** What is compared with the marks of east. */
async function proven(): Promise<readonly [boolean, boolean]> {
  const of = async (channel: 'up' | 'status') =>
    (await global.channel({ channel, peer: 'east' }).perform({ op: 'standing' })).offered
  return [digestEquals(await of('up'), wholeUp), digestEquals(await of('status'), wholeStatus)]
}
let wholeUp: Awaited<ReturnType<typeof offeredOf>>
let wholeStatus: typeof wholeUp
const offeredOf = async (channel: 'up' | 'status') =>
  (await global.channel({ channel, peer: 'east' }).perform({ op: 'standing' })).offered
beforeAll(async () => {
  wholeUp = await offeredOf('up')
  wholeStatus = await offeredOf('status')
})

test('a round finds nothing where nothing is wrong, changes nothing and takes no revision', async () => {
  const before = [await global.revision(), await whole()]
  expect(await round()).toEqual([])
  expect(await round(1000)).toEqual([])
  expect([await global.revision(), await whole()]).toEqual(before)
  const state = await store.read.scrub()
  expect(state).toMatchObject({ round: 2, findings: [] })
  expect(state.rows).toBeGreaterThan(160)
})

const s3 = "type = 'MeshService' and display_name = 's3'"
const s4 = "type = 'MeshService' and display_name = 's4'"
const forged = `update resources set spec = '{"ports":[]}'::bytea where ${s3}`

interface Damage {
  readonly what: string
  readonly text: string
  /** Of what the scrub says of it. */
  readonly found: RegExp
  /** Its origin has to offer it again: until then the proof fails. */
  readonly asks: 'content' | 'status' | 'both' | 'no'
}

const damages: readonly Damage[] = [
  { what: 'its spec', text: forged, found: /asked: .*is not what its origin offered/, asks: 'content' },
  {
    what: 'its spec, and what was offered of it to match',
    text: `${forged}; update resources set offered_entry = entry where ${s3}`,
    found: /mended: digest of MeshService of zone east \(offered\): its sum was not that of the 40 rows/,
    asks: 'content',
  },
  {
    what: 'what was offered of it',
    text: `update resources set offered_entry = sha256('x')::bytea where false; update resources set offered_entry = substring(sha256('x') from 1 for 16) where ${s3}`,
    found: /asked: .*is not what its origin offered/,
    asks: 'content',
  },
  {
    what: 'its VIPs',
    text: `update resources set vips = (select vips from resources where ${s4}) where ${s3}`,
    found: /asked: /,
    asks: 'content',
  },
  {
    what: 'bytes that are no VIPs',
    text: `update resources set vips = '\\xff' where ${s3}`,
    found: /asked: /,
    asks: 'content',
  },
  {
    what: 'its labels, canonical',
    text: `update resources set labels_canonical = '{}' where ${s3}`,
    found: /asked: /,
    asks: 'content',
  },
  {
    what: 'its labels, as they are sent',
    text: `update resources set labels = labels || '{"team": "evil"}' where ${s3}`,
    found: /asked: .*labels are not those that its digest was made of/,
    asks: 'content',
  },
  {
    what: 'that it is deleted',
    text: `update resources set deleted = true, deleted_at = now() where ${s3}`,
    found: /asked: .*marked as deleted, and its origin offers it/,
    asks: 'content',
  },
  {
    what: 'it, by a delete',
    text: `delete from resources where ${s3}`,
    found: /mended: digest .*\(offered\): it said 40 rows, and there are 39/,
    asks: 'both',
  },
  {
    what: 'its origin',
    text: `update resources set origin = 'north' where ${s3}`,
    found: /mended: .*origin says "north", and it should be "east"/,
    asks: 'no',
  },
  {
    what: 'its audience',
    text: `update resources set audience = 'none' where ${s3}`,
    found: /mended: .*audience says "none", and it should be "all"/,
    asks: 'no',
  },
  {
    what: 'that it was shown',
    text: `update resources set exposed = false where ${s3}`,
    found: /mended: .*it was shown/,
    asks: 'no',
  },
  {
    what: 'its bucket',
    text: `update resources set bucket = (bucket + 5) % 32768 where ${s3}`,
    found: /mended: .*bucket says/,
    asks: 'no',
  },
  {
    what: 'its order',
    text: `update resources set type_order = 0 where ${s3}`,
    found: /mended: .*type order says 0/,
    asks: 'no',
  },
  {
    what: 'its hashed identity',
    text: `update resources set identity = '\\x00' where ${s3}`,
    found: /asked: .*|mended: .*identity/,
    asks: 'no',
  },
  {
    what: 'its display name',
    text: `update resources set display_name = 's3x' where ${s3}`,
    found: /mended: .*display name says "s3x"/,
    asks: 'no',
  },
  {
    what: 'its status',
    text: `update resources set status = 'x' where ${s3}`,
    found: /asked: .*its status is not what its origin offered/,
    asks: 'status',
  },
  {
    what: 'its status away',
    text: `update resources set status = null where ${s3}`,
    found: /asked: .*its status/,
    asks: 'status',
  },
  {
    what: 'a sum of what is held',
    text: "update digests set lane0 = (lane0 + 1) % 4294967296 where part = 'held' and type = 'MeshService'",
    found: /mended: digest of MeshService of zone east \(held, audience all\)/,
    asks: 'no',
  },
  {
    what: 'a sum that nobody has',
    text: "insert into digests values ('held', 'MeshTimeout', 'ghost', 'all', 1, 2, 3, 4, 9)",
    found: /mended: digest of MeshTimeout of zone ghost \(held, audience all\): it said 9 rows, and there are 0/,
    asks: 'no',
  },
  {
    what: 'how many addresses are in force',
    text: "update vip_counts set active = active + 3 where origin = 'east'",
    found: /mended: IPv4 addresses in force of MeshService of zone east: it said 43, and there are 40/,
    asks: 'no',
  },
  {
    what: 'how much of a block is taken',
    text: "update vip_blocks set used = 7 where id = 'stray'",
    found: /mended: addresses taken in block 241\.240\.0\.0\/24: it said 7, and there are 0/,
    asks: 'no',
  },
  {
    what: 'its address in the ledger',
    text: "update vip_ledger set address = '241.200.9.9' where display_name = 's3'",
    found: /mended: .*it has 241\.200\.0\.4, and the ledger 241\.200\.9\.9/,
    asks: 'no',
  },
  {
    what: 'it in the ledger, by a delete',
    text: "delete from vip_ledger where display_name = 's3'",
    found: /mended: .*and the ledger none/,
    asks: 'no',
  },
  {
    what: 'it in the ledger, as released',
    text: "update vip_ledger set state = 'tombstoned', tombstoned_at = now() where display_name = 's3'",
    found: /mended: .*and the ledger none/,
    asks: 'no',
  },
]

test.each(damages)(
  'HEAL: somebody changes $what unseen: found, and whole again',
  { timeout: 30_000 },
  async ({ text, found, asks }) => {
    const before = await whole()
    await unseen(text)
    const said = await round()
    expect(said.filter((line) => found.test(line)).length, said.join('\n')).toBeGreaterThan(0)
    expect(said.filter((line) => line.startsWith('alarm'))).toEqual([])
    expect(await proven()).toEqual([asks !== 'content' && asks !== 'both', asks !== 'status' && asks !== 'both'])
    if (asks !== 'no') await offerAgain()
    expect(await round()).toEqual([])
    expect(await whole()).toEqual(before)
    expect((await store.read.scrub()).findings).toEqual([])
  },
)

test('HEAL: a row of another origin that nobody has offered counts as offered, so that the proof brings it up', async () => {
  await unseen(`insert into resources (type, mesh, name, type_order, export_name, origin, namespace, display_name, audience,
      bucket, identity, labels, labels_canonical, type_url, spec, vips, revision, exposed, created_at, modified_at)
    select type, mesh, name || 'x', type_order, export_name || 'x', origin, namespace, display_name || 'x', audience, bucket,
      identity, labels, labels_canonical, type_url, spec, '', revision, exposed, created_at, modified_at
    from resources where ${s3}`)
  const said = await round()
  expect(said.join('\n')).toMatch(/asked: .*nobody has offered it/)
  expect(await proven()).toEqual([false, true])
  await run("delete from resources where display_name = 's3x'")
  expect(await round()).toEqual([])
})

test('HEAL: what is our own and what nobody can mend is an alarm, and stays one', async () => {
  await unseen(
    "update resources set labels = labels || '{\"team\": \"evil\"}' where type = 'VipPool' and name like 'meshservice-241%'",
  )
  expect((await round()).join('\n')).toMatch(/alarm: VipPool .* of global: .*labels are not those/)
  await round()
  expect((await store.read.scrub()).findings).toMatchObject([{ outcome: 'alarm' }])
  await unseen("update resources set labels = '{}' where type = 'VipPool' and name like 'meshservice-241%'")
  expect(await round()).toEqual([])
  expect((await store.read.scrub()).findings).toEqual([])
})

test('HEAL: a wrong sum that stops all writes stops none any more once a round has mended it', {
  timeout: 30_000,
}, async () => {
  await unseen("insert into digests values ('held', 'MeshTimeout', 'spectre', 'all', 1, 2, 3, 4, 9)")
  await vi.waitFor(async () => expect((await store.status()).state).toBe('recovering'), {
    timeout: 20_000,
    interval: 20,
  })
  await expect(offerAgain()).rejects.toThrow('the database is not whole: 0 rows for MeshTimeout, digest says 9')
  expect((await round()).join('\n')).toMatch(/mended: digest of MeshTimeout/)
  expect((await store.status()).state).toBe('ready')
  await offerAgain()
})

test('sums stay exact while others write: no round has anything to say of them', { timeout: 60_000 }, async () => {
  const up = global.channel({ channel: 'up', peer: 'west' })
  let stop = false
  const writing = (async () => {
    for (let n = 0; !stop; n++) {
      const some = Array.from({ length: 6 }, (_, i) =>
        service({ name: `w${(n + i) % 30}`, zone: 'west', port: 1 + (n % 9) }),
      )
      await up.apply({ type: 'MeshService', offers: some.map(offerOf) })
    }
  })()
  const said = []
  for (let i = 0; i < 4; i++) said.push(...(await round(3)))
  stop = true
  await writing
  expect(said).toEqual([])
})

test('HEAL: a copy whose mesh is not here is seen by nobody, whatever somebody makes of its row', async () => {
  const early = offerOf(service({ name: 'early', zone: 'east', mesh: 'later' }))
  await global.channel({ channel: 'up', peer: 'east' }).apply({ type: 'MeshService', offers: [...offers, early] })
  const before = await whole()
  expect(await round()).toEqual([])
  await unseen("update resources set audience = 'all' where display_name = 'early'")
  expect(await round()).toContainEqual(
    expect.stringMatching(/^mended: .*early.*audience says "all", and it should be "suspended"/),
  )
  expect(await whole()).toEqual(before)
})

test('policies that an older program showed to nobody are shown to those whom they are for, and no others', async () => {
  const policies = [
    ['east', policyOf('east', 'consumer', { kind: 'Mesh' })],
    ['north', policyOf('north', 'producer', { kind: 'MeshService', name: 'web' })],
    ['west', policyOf('west', 'producer', { kind: 'Mesh' })],
  ] as const
  for (const [peer, policy] of policies)
    await global.channel({ channel: 'up', peer }).apply({ type: policy.type, offers: [offerOf(policy)] })
  const audiences = () =>
    run("select origin, audience, exposed from resources where type = 'MeshTimeout' and origin <> '' order by origin")
  const wanted = await audiences()
  expect(wanted).toEqual([
    { origin: 'east', audience: 'none', exposed: false },
    { origin: 'north', audience: 'all', exposed: true },
    { origin: 'west', audience: 'none', exposed: false },
  ])
  await run("update resources set audience = 'all', exposed = true where type = 'MeshTimeout' and origin <> ''")
  await run(readFileSync(acrossFile, 'utf8'))
  expect((await audiences()).map(({ audience }) => audience)).toEqual(['none', 'all', 'all'])
  expect(await round()).toEqual([
    expect.stringMatching(/^mended: .*west: .*audience says "all", and it should be "none"/),
  ])
  expect(await round()).toEqual([])
})
