import type { Changes, ChangesQuery, ControlPlaneStore, Row } from '@holdfast/store'
import { expect, test } from 'vitest'
import { FakeStore } from '../testing/fake-store.js'
import { Followed, type Kept } from './followed.js'

/** Names of the living; a generator asks for a new beginning. */
class KeptNames implements Kept {
  readonly names = new Set<string>()

  apply(rows: readonly Row[]): boolean {
    for (const { name, deleted } of rows)
      if (deleted) this.names.delete(name)
      else this.names.add(name)
    return rows.every(({ type }) => type !== 'HostnameGenerator')
  }
}

class Stand {
  readonly store = new FakeStore('east')
  readonly reads: { readonly from: number; readonly rows: number }[] = []
  begun = 0
  failure: Error | undefined
  /** Done each time that a page was read, before it is given back. */
  meanwhile: (() => void) | undefined
  /** A page of one revision comes in two, and its rows with the second. */
  inHalves = false
  #held: Changes | undefined
  head: { epoch?: string; revision?: number; tag?: string } = {}
  readonly followed: Followed<KeptNames>

  constructor() {
    const port = this.store.port()
    const store: Pick<ControlPlaneStore, 'status' | 'read'> = {
      status: async () => {
        const status = await port.status()
        return { ...status, head: { ...status.head, ...this.head } }
      },
      read: { ...port.read, changes: (query) => this.#changes(port, query) },
    }
    this.followed = new Followed(store, ['MeshService', 'HostnameGenerator'], async () => {
      this.begun++
      return new KeptNames()
    })
  }

  put(name: string, type = 'MeshService'): void {
    this.store.put({ type, mesh: 'default', name })
  }

  remove(name: string): void {
    this.store.put({ type: 'MeshService', mesh: 'default', name, deleted: true })
  }

  async names(): Promise<string> {
    return [...(await this.followed.now()).names].sort().join(' ')
  }

  async #changes(port: ControlPlaneStore, query: ChangesQuery): Promise<Changes | undefined> {
    if (this.failure !== undefined) throw this.failure
    if (this.#held !== undefined) {
      const held = this.#held
      this.#held = undefined
      return held
    }
    const page = await port.read.changes(query)
    if (this.inHalves && page !== undefined) {
      this.inHalves = false
      this.#held = page
      this.meanwhile?.()
      return { ...page, rows: [], through: { ...page.through, typeOrder: 1 }, complete: false }
    }
    this.reads.push({ from: query.after?.position.revision ?? 0, rows: page?.rows.length ?? 0 })
    this.meanwhile?.()
    return page
  }
}

test('what has not changed is not read, and what has changed is all that is read', async () => {
  const stand = new Stand()
  for (const name of ['a', 'b', 'c']) stand.put(name)
  expect(await stand.names()).toBe('a b c')
  expect(await stand.names()).toBe('a b c')
  expect(stand.reads).toEqual([{ from: 0, rows: 3 }])
  stand.put('d')
  stand.remove('b')
  expect(await stand.names()).toBe('a c d')
  // What is of another type moves the head, and nothing else.
  stand.put('x', 'MeshTimeout')
  expect(await stand.names()).toBe('a c d')
  expect(stand.reads.slice(1)).toEqual([
    { from: 3, rows: 2 },
    { from: 5, rows: 0 },
  ])
  expect(stand.begun).toBe(1)
})

test('everything is read in pages', async () => {
  const stand = new Stand()
  for (let i = 0; i < 2_500; i++) stand.put(`s${i}`)
  expect((await stand.followed.now()).names.size).toBe(2_500)
  expect(stand.reads.map(({ rows }) => rows)).toEqual([1_000, 1_000, 500])
})

test('questions of one moment are one look, and one that comes later is never told what was before it', async () => {
  const stand = new Stand()
  stand.put('a')
  expect(await Promise.all([stand.names(), stand.names(), stand.names()])).toEqual(['a', 'a', 'a'])
  expect(stand.reads).toHaveLength(1)
  stand.put('b')
  let late: Promise<string> | undefined
  stand.meanwhile = () => {
    stand.meanwhile = undefined
    stand.put('c')
    late = stand.names()
  }
  expect(await stand.names()).toMatch(/^a b/)
  expect(await late).toBe('a b c')
})

test('in the middle of a revision nothing is told as if it were whole, neither to others nor after a failure', async () => {
  const stand = new Stand()
  stand.put('a')
  await stand.names()
  stand.put('b')
  stand.inHalves = true
  let other: Promise<string> | undefined
  stand.meanwhile = () => {
    stand.meanwhile = undefined
    other = Promise.resolve().then(() => stand.names())
  }
  expect(await stand.names()).toBe('a b')
  expect(await other).toBe('a b')
  stand.put('c')
  stand.inHalves = true
  stand.meanwhile = () => {
    stand.meanwhile = undefined
    stand.failure = new Error('the database does not answer')
  }
  await expect(stand.names()).rejects.toThrow('does not answer')
  stand.failure = undefined
  expect(await stand.names()).toBe('a b c')
  expect(stand.begun).toBe(1)
})

test.each([
  [
    'began anew',
    (stand: Stand) => {
      stand.store.clear()
      stand.put('z')
    },
    'z',
  ],
  [
    'was put back to before',
    (stand: Stand) => {
      stand.store.rows.delete('MeshService\u0000default\u0000b')
      stand.store.revision = 1
    },
    'a',
  ],
])('a log that %s is read from its start', async (_what, change, names) => {
  const stand = new Stand()
  for (const name of ['a', 'b']) stand.put(name)
  expect(await stand.names()).toBe('a b')
  change(stand)
  expect(await stand.names()).toBe(names)
  expect(stand.begun).toBe(2)
})

test('a store that was put back in place stands at the same revision with another tag', async () => {
  const stand = new Stand()
  stand.put('a')
  expect(await stand.names()).toBe('a')
  stand.store.put({ type: 'MeshService', mesh: 'default', name: 'other', revision: 1 })
  stand.store.revision = 1
  stand.head = { tag: 'b'.repeat(16) }
  expect(await stand.names()).toBe('a other')
  expect(await stand.names()).toBe('a other')
  expect([stand.begun, stand.reads.length]).toEqual([2, 2])
})

test('what it was begun with has changed: it is begun anew, once for each question', async () => {
  const stand = new Stand()
  stand.put('a')
  await stand.names()
  stand.put('g', 'HostnameGenerator')
  expect(await stand.names()).toBe('a g')
  expect(stand.begun).toBe(2)
  // Changed again while everything was read: who has asked has an answer, and the next one has the right one.
  expect(await stand.names()).toBe('a g')
  expect(stand.begun).toBe(3)
})

test('a store that cannot be read is told to whoever asks, and nothing is lost of what comes later', async () => {
  const stand = new Stand()
  stand.put('a')
  stand.failure = new Error('the database does not answer')
  await expect(stand.names()).rejects.toThrow('does not answer')
  stand.failure = undefined
  expect(await stand.names()).toBe('a')
  stand.put('b')
  stand.failure = new Error('the database does not answer')
  await expect(stand.names()).rejects.toThrow('does not answer')
  stand.failure = undefined
  stand.put('c')
  expect(await stand.names()).toBe('a b c')
  expect(stand.reads.at(-1)).toEqual({ from: 1, rows: 2 })
})

test('a log that becomes another one again and again is an error that says so, and no loop', async () => {
  const stand = new Stand()
  for (let i = 0; i < 1_001; i++) stand.put(`s${i}`)
  stand.meanwhile = () => stand.store.rows.delete('nobody')
  await expect(stand.names()).rejects.toThrow('the log became another one 3 times while MeshService')
  expect(stand.reads.map(({ rows }) => rows)).toEqual([1_000, 0, 1_000, 0, 1_000, 0])
  stand.meanwhile = undefined
  expect((await stand.followed.now()).names.size).toBe(1_001)
})
