import { expect, test } from 'vitest'
import { offerOf, putMesh, removalOf, Subject, service } from '../conformance/fixtures.js'
import type { HookCover } from '../plan/forms.js'
import type { HookWork, Verdict } from '../plan/judged.js'
import { byHand, countWrites, freshDatabase, rowsWritten, sumOfRows, type TestDatabase } from '../testing/index.js'
import type { PgStore } from './store.js'
import { openOn } from './testing.js'

const cover = (fingerprint: string): HookCover => ({
  names: [fingerprint],
  firstHook: ({ type }) => (type === 'MeshService' ? fingerprint : undefined),
  fingerprint,
})
const claim = (hook: string) =>
  ({ hook, states: ['waiting', 'refused', 'bypassed'], limit: 10, claimMs: 10_000, fingerprint: hook }) as const
const labelled = (work: HookWork): Verdict => ({
  key: work.row,
  version: work.version,
  judgement: {
    kind: 'publish',
    content: { ...work.authored, labels: { ...work.authored.labels, reviewed: 'yes' } },
  },
})
const of = (name: string, port = 80) => service({ name, zone: 'east', port })

async function processOf(database: TestDatabase, fingerprint = 'policy', clock = { nowMs: 1_700_000_000_000 }) {
  const store = await openOn(database.url, { role: 'global', hooks: cover(fingerprint), clock: () => clock.nowMs })
  await store.initialise({ actor: 'test', random: Uint8Array.of(1, 2, 3, 4, 5) })
  const subject = new Subject({ store, close: () => store.close() }, clock)
  return { store, clock, subject, up: subject.channel({ channel: 'up', peer: 'east' }) }
}

const sweep = async (store: PgStore, fingerprint = 'policy'): Promise<void> => {
  while ((await store.hooks.sweep(cover(fingerprint), ['MeshService'], 100)).more);
}

test('two processes never claim the same; what a dead one has claimed is due again', async () => {
  await using database = await freshDatabase()
  const a = await processOf(database)
  const b = await processOf(database, 'policy', a.clock)
  await sweep(a.store)
  await a.up.apply({ type: 'MeshService', offers: Array.from({ length: 40 }, (_, n) => offerOf(of(`s${n}`))) })
  const claimed = await Promise.all([1, 2, 3, 4].map((n) => (n % 2 === 0 ? a : b).store.hooks.claim(claim('policy'))))
  const names = claimed.flat().map(({ row }) => row.name)
  expect(names).toHaveLength(40)
  expect(new Set(names).size).toBe(40)
  expect(await b.store.hooks.claim(claim('policy'))).toEqual([])
  await a.store.close()
  a.clock.nowMs += 10_001
  const again = await b.store.hooks.claim(claim('policy'))
  expect(again).toHaveLength(10)
  // Both have asked about the same: the second answer is about something that is settled.
  expect(await b.store.hooks.settle(again.map(labelled))).toEqual(again.map(() => 'published'))
  expect(await b.store.hooks.settle(again.map((work) => ({ ...labelled(work), version: 'older' })))).toEqual(
    again.map(() => 'outdated'),
  )
  await b.store.close()
})

test('RO: with hooks and nothing changed the same offers write no row of any table', async () => {
  await using database = await freshDatabase()
  const { store, up } = await processOf(database)
  await sweep(store)
  const offers = ['web', 'cart'].map((name) => offerOf(of(name)))
  await up.apply({ type: 'MeshService', offers })
  await store.hooks.settle((await store.hooks.claim(claim('policy'))).map(labelled))
  await countWrites(database.url)
  expect((await up.apply({ type: 'MeshService', offers })).writtenRows).toBe(0)
  expect(await store.hooks.claim(claim('policy'))).toEqual([])
  expect(await store.hooks.adopt(cover('policy'), 10)).toBe(0)
  await sweep(store)
  expect(sumOfRows(await rowsWritten(database.url, { including: 'all' }))).toBe(0)
  await store.close()
})

test('HEAL: a published form that was changed by hand does not count as offered, and is judged again when it is', async () => {
  await using database = await freshDatabase()
  const { store, up } = await processOf(database)
  await sweep(store)
  await up.apply({ type: 'MeshService', offers: [offerOf(of('web')), offerOf(of('cart'))] })
  await store.hooks.settle((await store.hooks.claim(claim('policy'))).map(labelled))
  const whole = await up.perform({ op: 'standing' })
  expect(whole.offered.count).toBe(2)
  await byHand(database.url, "update resources set spec = '{}'::bytea where display_name = 'web'")
  expect((await up.perform({ op: 'standing' })).offered.count).toBe(1)
  await up.apply({ type: 'MeshService', offers: [offerOf(of('web'))] })
  expect((await up.perform({ op: 'standing' })).offered).toEqual(whole.offered)
  const works = await store.hooks.claim(claim('policy'))
  expect(works.map(({ row }) => row.displayName)).toEqual(['web'])
  await store.hooks.settle(works.map(labelled))
  const web = await store.read.get(of('web'))
  expect(Buffer.from(web?.spec ?? []).toString('utf8')).toContain('"port":80')
  expect(web?.labels.reviewed).toBe('yes')
  await store.close()
})

test('a process with older hooks publishes nothing that may be covered; one with the newest takes it over and publishes', async () => {
  await using database = await freshDatabase()
  const old = await processOf(database, 'old')
  await sweep(old.store, 'old')
  const fresh = await processOf(database, 'new', old.clock)
  await sweep(fresh.store, 'new')
  await old.up.apply({ type: 'MeshService', offers: [offerOf(of('web'))] })
  expect(await old.store.hooks.claim(claim('old'))).toEqual([])
  expect(await old.store.hooks.counts()).toMatchObject([{ hook: '', state: 'waiting', count: 1 }])
  expect(await fresh.store.hooks.adopt(cover('new'), 10)).toBe(1)
  await fresh.store.hooks.settle((await fresh.store.hooks.claim(claim('new'))).map(labelled))
  expect((await old.store.read.get(of('web')))?.audience).toBe('all')
  await old.store.close()
  await fresh.store.close()
})

test('a form goes with its row, when the log forgets it too', async () => {
  await using database = await freshDatabase()
  const { store, up, clock } = await processOf(database)
  await sweep(store)
  await up.apply({ type: 'MeshService', offers: [offerOf(of('web')), offerOf(of('cart'))] })
  await store.hooks.settle((await store.hooks.claim(claim('policy'))).map(labelled))
  await up.apply({ type: 'MeshService', removals: [removalOf(of('web'), clock.nowMs)] })
  const forms = async () => byHand<{ name: string }>(database.url, 'select name from hook_forms')
  expect(await forms()).toHaveLength(1)
  await byHand(database.url, "delete from resources where display_name = 'cart'")
  expect(await forms()).toEqual([])
  await store.close()
})

test('HEAL, LKG: no round of the scrub shows what a hook has not let out, whatever somebody makes of its row', async () => {
  await using database = await freshDatabase()
  const { store, subject, up } = await processOf(database)
  await sweep(store)
  await subject.apply(putMesh('default'))
  await up.apply({ type: 'MeshService', offers: [offerOf(of('web')), offerOf(of('cart'))] })
  const [first] = await store.hooks.claim({ ...claim('policy'), limit: 1 })
  if (first === undefined) throw new Error('nothing was claimed')
  await store.hooks.settle([labelled(first)])
  const round = async (): Promise<readonly string[]> => {
    const found: string[] = []
    for (;;) {
      const step = await store.scrub({ rows: 1_000, everyMs: 0, roundEveryMs: 0 })
      found.push(...step.found.map(({ outcome, problem }) => `${outcome}: ${problem}`))
      if (step.roundEnded) return found
    }
  }
  const audiences = async () =>
    (
      await byHand<{ words: string }>(
        database.url,
        "select display_name || ' ' || audience || ' ' || exposed as words from resources where type = 'MeshService' order by 1",
      )
    ).map(({ words }) => words)
  const before = await audiences()
  expect(before.map((words) => words.split(' ')[1]).sort()).toEqual(['all', 'none'])
  expect(await round()).toEqual([])
  expect(await audiences()).toEqual(before)
  await byHand(database.url, "update resources set audience = 'all' where type = 'MeshService'")
  expect(await round()).toEqual([expect.stringMatching(/^mended: audience says "all", and it should be "none"/)])
  expect((await audiences()).map((words) => words.split(' ')[1]).sort()).toEqual(['all', 'none'])
  await store.close()
})
