import { type DescribedType, describedTypes, typeSetHash, utf8, zoneLabel } from '@holdfast/model'
import { expect, test } from 'vitest'
import { hello, keyOf, type OpenStore, offerOf, otherStoreId, removalOf, Subject, service } from './fixtures.js'
import { policyOf } from './producers.js'

/** What a newer program knows, and this one does not. */
const gadget: DescribedType = {
  name: 'MeshGadget',
  scope: 'mesh',
  order: 905,
  encoding: 'json',
  emptyStatus: '',
  hashed: false,
  globalToZones: true,
  zoneToGlobal: true,
  acrossZones: true,
  policy: false,
}
const setOf = (...types: readonly DescribedType[]) => ({ typeSet: typeSetHash(types), types })

const thing = (zone: string, name = 'thing', text = '{"b":2,"a":[1]}') => ({
  type: 'MeshGadget',
  mesh: 'default',
  name,
  labels: zone === '' ? {} : { [zoneLabel]: zone },
  typeUrl: '',
  spec: utf8(text),
})
const up = (zone: string) => ({ channel: 'up', peer: zone }) as const
const down = (zone: string) => ({ channel: 'down', peer: zone }) as const

/** Types that this program does not know: kept raw, passed on as they are described, refused alone. */
export function typesConformance(open: OpenStore): void {
  test('UNKNOWN: a raw resource is shown to nobody before its type is described, and then to whom it is for', async () => {
    await using global = await Subject.ready(open, 'global')
    const east = global.channel(up('east'))
    await east.apply({ type: 'MeshGadget', offers: [offerOf(thing('east'))] })
    const seen = async (zone: string) =>
      (await global.channel(down(zone)).perform({ op: 'keys', resourceType: 'MeshGadget', keys: ['thing.default'] }))
        .offers
    const countOf = async (zone: string) => (await global.channel(down(zone)).perform({ op: 'mark' })).digest.count
    const before = await countOf('west')
    expect([await seen('west'), await seen('east')]).toEqual([[], []])
    const revision = await global.revision()
    expect(await global.store.types.learn('east', setOf(gadget))).toEqual({ learned: ['MeshGadget'], refused: [] })
    // A change of views is an entry of the log: nobody who was away resumes past it.
    expect(await global.revision()).toBe(revision + 1)
    const [offer] = await seen('west')
    expect(Buffer.from(offer?.resource.spec ?? [])).toEqual(Buffer.from(thing('east').spec))
    expect([await seen('east'), await countOf('west')]).toEqual([[], before + 1])
    const page = await global
      .channel(down('west'))
      .perform({ op: 'changes', from: endOf(revision), limitBytes: 1e6, withRemovals: true })
    expect(page.items.map(({ type }) => type)).toEqual(['MeshGadget'])
    // EQ: it counts as offered, whether it is known or not.
    expect((await east.perform({ op: 'standing' })).offered.count).toBe(1)
    // Said again it writes nothing (RO), and it is remembered.
    const after = await global.revision()
    await global.store.types.learn('east', setOf(gadget))
    expect(await global.revision()).toBe(after)
    expect(await global.store.types.learned()).toEqual([
      { peer: 'east', ...setOf(gadget), against: typeSetHash(), refused: [] },
    ])
    const admitted = await global
      .channel(down('east'))
      .perform({ op: 'admit', hello: { ...hello(otherStoreId), typeSet: setOf(gadget).typeSet }, nowMs: global.nowMs })
    expect(admitted).toMatchObject({ admitted: true, typesKnown: true })
    // Its end is said as well.
    await east.apply({ type: 'MeshGadget', removals: [removalOf(thing('east'), global.nowMs)] })
    const gone = await global
      .channel(down('west'))
      .perform({ op: 'keys', resourceType: 'MeshGadget', keys: ['thing.default'] })
    expect(gone).toMatchObject({ offers: [], removals: [{ key: 'thing.default' }] })
  })

  test.each([
    ['does not cross zones', { acrossZones: false }],
    ['is a policy of its zone', { policy: true }],
  ])('UNKNOWN: a type that %s stays at global', async (_, flags) => {
    await using global = await Subject.ready(open, 'global')
    await global.store.types.learn('east', setOf({ ...gadget, ...flags }))
    await global.channel(up('east')).apply({ type: 'MeshGadget', offers: [offerOf(thing('east'))] })
    const west = await global
      .channel(down('west'))
      .perform({ op: 'keys', resourceType: 'MeshGadget', keys: ['thing.default'] })
    expect([west.offers, west.removals]).toEqual([[], []])
    expect(await global.store.read.get(thing('east'))).toMatchObject({ audience: 'none' })
  })

  test('UNKNOWN: a policy for clients of its zone’s services goes on to where they are', async () => {
    await using global = await Subject.ready(open, 'global')
    await global.store.types.learn('east', setOf({ ...gadget, policy: true }))
    const { labels, spec } = policyOf('east', 'producer', { kind: 'MeshService', name: 'web' })
    await global
      .channel(up('east'))
      .apply({ type: 'MeshGadget', offers: [offerOf({ ...thing('east'), labels, spec })] })
    const west = await global
      .channel(down('west'))
      .perform({ op: 'keys', resourceType: 'MeshGadget', keys: ['thing.default'] })
    expect(west.offers.map(({ resource }) => resource.name)).toEqual(['thing'])
  })

  test('ATTR: a described type is checked like one of ours: scope, direction, owner and name', async () => {
    await using global = await Subject.ready(open, 'global')
    await global.store.types.learn('east', setOf({ ...gadget, hashed: true }))
    const east = global.channel(up('east'))
    const refusals = async (resource: ReturnType<typeof thing>) =>
      (await east.apply({ type: resource.type, offers: [offerOf(resource)] })).refused.map(({ reason }) => reason)
    expect(await refusals({ ...thing('east'), mesh: '' })).toEqual([expect.stringContaining('lives in a mesh')])
    expect(await refusals(thing('west'))).toEqual([expect.stringContaining('says "west"')])
    expect(await refusals(thing('east'))).toEqual([expect.stringContaining('does not follow from the labels')])
    await global.store.types.learn('east', setOf({ ...gadget, zoneToGlobal: false, acrossZones: false }))
    expect(await refusals(thing('east', 'other'))).toEqual([expect.stringContaining('is not synced this way')])
  })

  test('SKEW: two zones that describe one type differently: the second is refused that type alone, by name', async () => {
    await using global = await Subject.ready(open, 'global')
    await global.store.types.learn('east', setOf(gadget))
    const other = setOf({ ...gadget, scope: 'global' }, { ...gadget, name: 'MeshGizmo' })
    const outcome = await global.store.types.learn('west', other)
    expect(outcome).toMatchObject({
      learned: ['MeshGizmo'],
      refused: [{ name: 'MeshGadget', reason: expect.stringMatching(/zone east.*scope "global" against "mesh"/) }],
    })
    const west = global.channel(up('west'))
    const refused = await west.apply({ type: 'MeshGadget', offers: [offerOf({ ...thing('west'), mesh: '' })] })
    expect(refused.refused).toMatchObject([
      { key: 'thing.', reason: expect.stringContaining('is not taken from zone west') },
    ])
    // It counts as offered, east's stays as it was, and everything else of west flows.
    expect((await west.perform({ op: 'standing' })).offered.count).toBe(1)
    await global.channel(up('east')).apply({ type: 'MeshGadget', offers: [offerOf(thing('east'))] })
    expect(await global.store.read.get(thing('east'))).toMatchObject({ audience: 'all' })
    const web = service({ name: 'web', zone: 'west' })
    expect((await west.apply({ type: 'MeshService', offers: [offerOf(web)] })).refused).toEqual([])
    // Upgraded, it says the same, and may.
    expect(await global.store.types.learn('west', setOf(gadget))).toEqual({ learned: ['MeshGadget'], refused: [] })
    expect((await west.apply({ type: 'MeshGadget', offers: [offerOf(thing('west', 'more'))] })).refused).toEqual([])
  })

  test('a peer’s descriptions are untrusted: what is malformed, too many or redefines a type of ours is not taken', async () => {
    await using global = await Subject.ready(open, 'global')
    const bad: readonly DescribedType[] = [
      { ...gadget, name: 'bad name' },
      { ...gadget, name: `X${'x'.repeat(100)}` },
      { ...gadget, name: 'NoOrder', order: 0 },
      { ...gadget, name: 'NoEncoding', encoding: 'yaml' },
      { ...gadget, name: 'NoStatus', emptyStatus: '[' },
      { ...gadget, name: 'Nowhere', globalToZones: false, zoneToGlobal: false, acrossZones: false },
      { ...gadget, name: 'Twice' },
      { ...gadget, name: 'Twice' },
    ]
    const ours = describedTypes().map((type) => (type.name === 'MeshService' ? { ...type, acrossZones: false } : type))
    const outcome = await global.store.types.learn('east', setOf(...bad, ...ours))
    expect(outcome.learned).toEqual(['Twice'])
    expect(outcome.refused.map(({ name }) => name.slice(0, 12))).toEqual([
      'bad name',
      'Xxxxxxxxxxxx',
      'NoOrder',
      'NoEncoding',
      'NoStatus',
      'Nowhere',
      'Twice',
      'MeshService',
    ])
    // A type of ours is what it was, whatever is said of it.
    const web = service({ name: 'web', zone: 'east' })
    await global.channel(up('east')).apply({ type: 'MeshService', offers: [offerOf(web)] })
    const west = await global
      .channel(down('west'))
      .perform({ op: 'keys', resourceType: 'MeshService', keys: [keyOf(web)] })
    expect(west.offers.length).toBe(1)
    const many = Array.from({ length: 100 }, (_, i) => ({ ...gadget, name: `Many${i}` }))
    const full = await global.store.types.learn('west', setOf(...many))
    expect([full.learned.length, full.refused.length]).toEqual([63, 37])
    expect(full.refused[0]?.reason).toContain('64 types that are not known here are kept at most')
  })

  test('UNKNOWN: a zone that knows less keeps what global sends, and what of it is other zones’', async () => {
    await using zone = await Subject.ready(open, 'zone')
    await zone.store.types.learn('', setOf(gadget))
    const fromGlobal = zone.channel(down(''))
    const resources = [thing('', 'rule'), thing('west', 'theirs'), thing('east', 'mine')]
    const outcome = await fromGlobal.apply({ type: 'MeshGadget', offers: resources.map(offerOf) })
    // What this zone owns is written here and nowhere else, whatever its type.
    expect(outcome.refused).toMatchObject([{ key: 'mine.default', reason: expect.stringContaining('own') }])
    expect((await zone.store.read.get(thing('', 'rule')))?.origin).toBe('')
    expect((await zone.store.read.get(thing('', 'theirs')))?.origin).toBe('west')
    expect((await zone.channel(up('')).perform({ op: 'mark' })).digest.count).toBe(0)
  })
}

const endOf = (revision: number) => ({ revision, typeOrder: 2_147_483_647, mesh: '', name: '' })
