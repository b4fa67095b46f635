import type { ChannelContext } from '@holdfast/kds'
import { sumOfDigests } from '@holdfast/model'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isHeldByHook } from '../plan/forms.js'
import { knownPools } from '../plan/index.js'
import { copyOf } from './image.js'
import { LiveImage } from './live-image.js'
import type { MemoryStore } from './memory-store.js'
import { Offered } from './offered.js'
import { isKept } from './settled.js'
import { MemoryTable, TableIndex, UndoLog } from './table.js'
import { View } from './views.js'
import { type Move, World } from './world.js'

// What a store in memory keeps on write has to be what a look at everything finds.

const zone = fc.constantFrom('east', 'west')
const name = fc.constantFrom('a', 'b', 'c', 'd')
const channel = fc.constantFrom('up', 'down')
const batches = fc.integer({ min: 0, max: 6 })
const move: fc.Arbitrary<Move> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ move: fc.constant('put'), zone, name, spec: fc.integer({ min: 0, max: 3 }) }) },
  { weight: 2, arbitrary: fc.record({ move: fc.constant('delete'), zone, name }) },
  { weight: 2, arbitrary: fc.record({ move: fc.constant('lease'), zone }) },
  { weight: 6, arbitrary: fc.record({ move: fc.constant('sync'), zone, channel, batches }) },
  { weight: 3, arbitrary: fc.record({ move: fc.constant('torn'), zone, channel, batches }) },
  { weight: 1, arbitrary: fc.record({ move: fc.constant('mesh'), there: fc.boolean() }) },
)

const contexts: readonly ChannelContext[] = ['east', 'west', ''].flatMap((peer) =>
  (['up', 'down', 'status'] as const).map((of): ChannelContext => ({ channel: of, peer })),
)

function isAsLookedAt(store: MemoryStore, image: LiveImage): void {
  const whole = { level: 0, prefixes: [0] }
  const types = [...new Set([...image.rows.values()].map((row) => row.type))]
  for (const context of contexts) {
    const view = new View(image, store.identity, context)
    const looked = types.flatMap((type) =>
      view.buckets(type, whole.level, whole.prefixes).map(({ digest }) => ({ type, digest })),
    )
    const byType = (a: { type: string }, b: { type: string }): number => (a.type < b.type ? -1 : 1)
    expect(view.typeDigests().toSorted(byType)).toEqual(looked.toSorted(byType))
    expect(view.digest()).toEqual(sumOfDigests(looked.map(({ digest }) => digest)))
    const offered = new Offered(image, store.identity, context)
    expect(offered.digest()).toEqual(sumOfDigests(offered.types().map(({ digest }) => digest)))
  }
  const rows = [...image.rows]
  const keysOf = (isOne: (row: (typeof rows)[number][1]) => boolean): readonly string[] =>
    rows.flatMap(([key, row]) => (isOne(row) ? key : [])).sort()
  const { revision } = image.head
  for (const from of [0, 1, Math.floor(revision / 2), revision, revision + 1]) {
    expect([...image.rowsByRevision.from(from)].sort()).toEqual(
      keysOf((row) => row.revision > 0 && row.revision >= from),
    )
    expect([...image.rowsByStatusRevision.from(from)].sort()).toEqual(
      keysOf((row) => row.statusRevision > 0 && row.statusRevision >= from),
    )
  }
  for (const type of types)
    expect([...image.rowsByType.keys(type)].sort()).toEqual(keysOf((row) => !row.deleted && row.type === type))
  const marked = (marker: Parameters<LiveImage['marked']>[0]) => [...image.rowsByMarker.keys(marker)].sort()
  expect(marked('pending')).toEqual(keysOf((row) => !row.deleted && row.pendingReason !== undefined))
  expect(marked('held by a hook')).toEqual(keysOf(isHeldByHook))
  for (const origin of ['', 'east', 'west'])
    expect(marked(`kept of ${origin}`)).toEqual(keysOf((row) => row.origin === origin && isKept(row)))
  for (const origin of ['', 'east', 'west'])
    for (const family of [4, 6] as const)
      expect(image.activeAddresses(origin, 'MeshService', family)).toBe(
        [...image.ledger.values()].filter(
          (row) =>
            row.origin === origin && row.kind === 'MeshService' && row.family === family && row.state === 'active',
        ).length,
      )
  expect(knownPools([...image.ofType('VipPool')].map(({ spec }) => spec)).length).toBe(
    keysOf((row) => !row.deleted && row.type === 'VipPool').length,
  )
}

test('what is kept on write is what a look at everything finds, torn writes included', () => {
  let rows = 0
  fc.assert(
    fc.property(fc.array(move, { minLength: 5, maxLength: 40 }), (moves) => {
      const world = new World()
      for (const one of moves) {
        world.do(one)
        for (const store of world.stores()) isAsLookedAt(store, store.image)
      }
      for (const store of world.stores()) {
        rows += store.image.rows.size
        isAsLookedAt(store, new LiveImage(copyOf(store.image)))
      }
    }),
    { seed: 20_261_129, numRuns: 20 },
  )
  expect(rows).toBeGreaterThan(300)
})

test('stores that begin with one image share it: each changes as if it were alone, and the others do not notice', () => {
  fc.assert(
    fc.property(
      fc.array(move, { minLength: 5, maxLength: 30 }),
      fc.array(move, { minLength: 5, maxLength: 30 }),
      (earlier, later) => {
        const [shared, alone] = [new World(), new World()]
        for (const world of [shared, alone]) for (const one of earlier) world.do(one)
        const bases = shared.stores().map((store) => new LiveImage(store.snapshot()))
        const before = bases.map((image) => JSON.stringify(plain(copyOf(image))))
        shared.stores().forEach((store, at) => {
          store.restore(bases[at] as LiveImage)
        })
        for (const one of later) {
          shared.do(one)
          alone.do(one)
          for (const store of shared.stores()) isAsLookedAt(store, store.image)
        }
        const images = (world: World) => world.stores().map((store) => plain(store.snapshot()))
        expect(images(shared)).toEqual(images(alone))
        expect(bases.map((image) => JSON.stringify(plain(copyOf(image))))).toEqual(before)
      },
    ),
    { seed: 20_261_129, numRuns: 15 },
  )
})

/** Maps as lists, so that their order counts too. */
const plain = (image: object): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    Object.entries(image).map(([key, value]) => [
      key,
      value instanceof Map || value instanceof Set ? [...value] : value,
    ]),
  )

describe('a table over another one', () => {
  const key = fc.constantFrom('a', 'b', 'c', 'd', 'e')
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant('set' as const), key, value: fc.integer() }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('delete' as const), key }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('torn' as const), key, value: fc.integer() }) },
  )
  const steps = fc.array(step, { maxLength: 30 })

  test('is a map', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(key, fc.integer())), steps, (entries, some) => {
        const [base, map] = [new Map<string, number>(entries), new Map<string, number>(entries)]
        const undo = new UndoLog()
        const heard = new Map<string, number>(entries)
        const table = new MemoryTable<number>(
          undo,
          [(of, _, after) => (after === undefined ? heard.delete(of) : heard.set(of, after))],
          base,
        )
        for (const one of some) {
          if (one.do === 'set') {
            table.set(one.key, one.value)
            map.set(one.key, one.value)
          }
          if (one.do === 'delete') expect(table.delete(one.key)).toBe(map.delete(one.key))
          if (one.do === 'torn' && map.has(one.key)) {
            undo.begin()
            table.set(one.key, one.value)
            undo.takeBack()
          }
          expect([...table]).toEqual([...map])
          expect([...table.keys()]).toEqual([...map.keys()])
          expect([...table.values()]).toEqual([...map.values()])
          expect(table.size).toBe(map.size)
          expect(table.has(one.key)).toBe(map.has(one.key))
          expect(table.get(one.key)).toBe(map.get(one.key))
          expect([...heard].sort()).toEqual([...map].sort())
        }
        expect([...base]).toEqual([...new Map(entries)])
      }),
      { seed: 20_261_129, numRuns: 300 },
    )
  })

  test('an index too', () => {
    const base = new TableIndex()
    base.add('red', 'a')
    base.add('red', 'b')
    const index = new TableIndex(base)
    index.remove('red', 'a')
    index.remove('red', 'b')
    index.add('blue', 'c')
    expect([...index.keys('red')]).toEqual([])
    expect([...index.keys('blue')]).toEqual(['c'])
    expect([...base.keys('red')]).toEqual(['a', 'b'])
    expect([...base.keys('blue')]).toEqual([])
  })
})
