import type { MemoryStore, Row } from '@holdfast/store'
import { expect, test } from 'vitest'
import { LawBroken } from './broken.js'
import { Losses } from './losses.js'

const web = { type: 'MeshService', mesh: 'default', name: 'web', exportName: 'web', origin: 'east' } as unknown as Row
const mesh = { type: 'Mesh', mesh: '', name: 'default', exportName: 'default', origin: '' } as unknown as Row
const storeOf = (name: string, ...rows: readonly Row[]) =>
  ({
    identity: { name },
    image: { head: { revision: 3 }, rows: new Map(rows.map((row) => [row.name, row])) },
  }) as unknown as MemoryStore

/** Global was put back to where it had no "web", which zone west has; the copy goes by what a session says. */
function goes(saidIn: number | undefined): () => void {
  const [west, global] = [storeOf('west', web, mesh), storeOf('', mesh)]
  const losses = new Losses()
  losses.putBack(
    global,
    { rows: [web, mesh], revision: 16 },
    { witnesses: [{ store: west, through: 15 }], interrupted: [] },
    false,
  )
  expect(losses.lifeOf('')).toBe(1)
  const gone = [{ key: 'web', before: web, after: { ...web, deleted: true } }]
  return () => losses.checkGone(west, gone, { senderOf: () => global, saidIn })
}

test('EMPTY: a copy may go by what was on its way when its sender was put back, and by nothing that is said since', () => {
  expect(goes(0)).not.toThrow()
  expect(goes(1)).toThrow(LawBroken)
  expect(goes(1)).toThrow(/web.* of east went, because global was put back to before it was there/)
  expect(goes(undefined)).toThrow(LawBroken)
})

test('DUR: nobody owes what somebody further on remembers as gone, although that one was in the middle of a range; that it lacks it says nothing', () => {
  const own = { ...web, origin: '' } as Row
  const owes = (from: number, ...ofNorth: readonly Row[]) => {
    const [west, north, global] = [storeOf('west', own, mesh), storeOf('north', mesh, ...ofNorth), storeOf('', mesh)]
    return () => {
      const losses = new Losses()
      const heard = { witnesses: [{ store: west, through: 15 }], interrupted: [{ store: north, through: from }] }
      losses.putBack(global, { rows: [own, mesh], revision: 16 }, heard, false)
      losses.check([global])
    }
  }
  const gone = { ...own, deleted: true }
  expect(owes(15, gone)).toThrow(/never got back MeshService web/)
  expect(owes(16, gone)).not.toThrow()
  expect(owes(16)).toThrow(/never got back MeshService web/)
})

test('DUR: a store that is put back twice owes nobody what somebody remembers as gone from before the first time, unless it has written since', () => {
  const own = { ...web, origin: '' } as Row
  const owes = (endedAt: number) => () => {
    const [west, north] = [storeOf('west', own, mesh), storeOf('north', mesh, { ...own, deleted: true })]
    const losses = new Losses()
    const first = { witnesses: [{ store: north, through: 26 }], interrupted: [] }
    losses.putBack(storeOf('', own, mesh), { rows: [mesh], revision: 27 }, first, false)
    const second = { witnesses: [{ store: west, through: 3 }], interrupted: [] }
    const global = { ...storeOf('', mesh), image: { head: { revision: 1 }, rows: new Map([['default', mesh]]) } }
    losses.putBack(global as unknown as MemoryStore, { rows: [own, mesh], revision: endedAt }, second, false)
    losses.check([global as unknown as MemoryStore])
  }
  expect(owes(3)).not.toThrow()
  expect(owes(4)).toThrow(/never got back MeshService web/)
})

test('DUR: a zone whose people have let go what its origin lacked has nothing to give back, and another one may have', () => {
  const own = { ...web, origin: '' } as Row
  const [held, gone] = [
    { ...own, holdId: 'hold' },
    { ...own, deleted: true },
  ]
  const owes = (before: Row, ...others: readonly string[]) => {
    const losses = new Losses()
    const heard = ['west', ...others].map((name) => ({ store: storeOf(name, own, mesh), through: 15 }))
    const global = storeOf('', mesh)
    losses.putBack(global, { rows: [own, mesh], revision: 16 }, { witnesses: heard, interrupted: [] }, false)
    losses.letGo('west', [{ key: 'web', before, after: gone }])
    return () => losses.check([global])
  }
  expect(owes(held)).not.toThrow()
  expect(owes(own)).toThrow(/never got back MeshService web/)
  expect(owes(held, 'north')).toThrow(/never got back MeshService web/)
})

test('DUR: a new store that does not know what it stands for owes nothing, nor does a backup of it, until it is found out', () => {
  const own = { ...web, origin: '' } as Row
  const global = (epoch: string) =>
    ({
      identity: { name: '' },
      image: { head: { revision: 3, epoch }, rows: new Map([['default', mesh]]) },
    }) as unknown as MemoryStore
  const losses = new Losses()
  const lost = { rows: [own, mesh], revision: 16 }
  const heard = { witnesses: [{ store: storeOf('west', own, mesh), through: 15 }], interrupted: [] }
  const owes = () => losses.check([global('any')])
  losses.putBack(global('new'), lost, heard, true)
  expect(owes).not.toThrow()
  losses.foundOut('')
  expect(owes).toThrow(/never got back MeshService web/)
  const nobody = { witnesses: [], interrupted: [] }
  losses.putBack(global('new'), { rows: [mesh], revision: 3 }, nobody, false)
  expect(owes).not.toThrow()
  losses.putBack(global('other'), { rows: [mesh], revision: 3 }, nobody, true)
  losses.foundOut('')
  losses.putBack(global('first'), { rows: [mesh], revision: 3 }, nobody, false)
  expect(owes).toThrow(/never got back MeshService web/)
})
