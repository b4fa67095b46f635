import { addEntry, digestEquals, emptyDigest } from '@holdfast/model'
import { expect, test } from 'vitest'
import { keyOf, offerOf, type ServiceFacts, Subject, service } from '../conformance/fixtures.js'
import { byHand, freshDatabase } from '../testing/index.js'
import { openOn } from './testing.js'

const names = ['cart', 'web'] as const
const of = (name: string, facts: Partial<ServiceFacts> = {}) => service({ name, zone: 'east', ...facts })

test.each([
  { damage: 'spec edited', text: "update resources set spec = '{}'::bytea where display_name = 'web'" },
  { damage: 'labels edited', text: "update resources set labels_canonical = '{}'::bytea where display_name = 'web'" },
  { damage: 'VIPs edited', text: "update resources set vips = '\\x00'::bytea where display_name = 'web'" },
  {
    damage: 'marked as deleted',
    text: "update resources set deleted = true, deleted_at = now() where display_name = 'web'",
  },
])(
  'HEAL: $damage by hand: the copy does not count as offered until it is offered again, and then is written',
  async ({ text }) => {
    await using database = await freshDatabase()
    await using global = new Subject(
      { store: await openOn(database.url, { role: 'global' }), close: async () => {} },
      { nowMs: 1_700_000_000_000 },
    )
    await global.store.initialise({ actor: 'test', random: Uint8Array.of(1, 2, 3, 4, 5) })
    const up = global.channel({ channel: 'up', peer: 'east' })
    await up.apply({ type: 'MeshService', offers: names.map((name) => offerOf(of(name))) })
    const whole = await up.perform({ op: 'standing' })
    expect(whole.offered.count).toBe(2)

    await byHand(database.url, text)
    const entryOf = async (name: string) => (await global.store.read.get(of(name)))?.offeredEntry ?? ''
    const left = addEntry(emptyDigest, Buffer.from(await entryOf('cart'), 'hex'))
    const damaged = await up.perform({ op: 'standing' })
    expect([damaged.offered.count, digestEquals(damaged.offered, left)]).toEqual([1, true])
    expect(await up.perform({ op: 'offered-types' })).toEqual([{ type: 'MeshService', digest: left }])
    const entries = await up.perform({ op: 'offered-entries', resourceType: 'MeshService', buckets: [] })
    expect(entries.map(({ key }) => key)).toEqual([keyOf(of('cart'))])

    expect(await up.apply({ type: 'MeshService', offers: [offerOf(of('web'))] })).toMatchObject({
      refused: [],
      writtenRows: 1,
    })
    expect((await up.perform({ op: 'standing' })).offered).toEqual(whole.offered)
    await global.store.close()
  },
)

test('what was refused differs from what is kept, and still counts as offered', async () => {
  await using database = await freshDatabase()
  await using global = new Subject(
    { store: await openOn(database.url, { role: 'global' }), close: async () => {} },
    { nowMs: 1_700_000_000_000 },
  )
  await global.store.initialise({ actor: 'test', random: Uint8Array.of(1, 2, 3, 4, 5) })
  const up = global.channel({ channel: 'up', peer: 'east' })
  await up.apply({ type: 'MeshService', offers: names.map((name) => offerOf(of(name))) })
  const broken = { ...of('web'), spec: Uint8Array.of(1) }
  const { refused } = await up.apply({ type: 'MeshService', offers: [offerOf(broken)] })
  expect(refused.map(({ key }) => key)).toEqual([keyOf(broken)])
  expect((await up.perform({ op: 'standing' })).offered.count).toBe(2)
  await global.store.close()
})
