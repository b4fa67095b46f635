import { setImmediate } from 'node:timers/promises'
import { type ChannelStore, endOf, type LogItem, type Position, startOfLog } from '@holdfast/kds'
import { jsonSpec, typeOf, wireKey } from '@holdfast/model'
import pg from 'pg'
import { expect, test } from 'vitest'
import { deleteOf, putMesh } from '../conformance/fixtures.js'
import type { LocalChange } from '../port.js'
import { tellEveryMs } from './history.js'
import type { PgStore } from './store.js'
import { Counter, freshStore, openOn } from './testing.js'

const { signal } = new AbortController()

const specOf = (value: number) => ({
  to: [{ targetRef: { kind: 'MeshService', name: `s${value}` }, default: { connectionTimeout: '1s' } }],
})

/** A resource of global's that all zones see. */
const put = (name: string, value: number): LocalChange => ({
  change: 'put',
  key: { type: 'MeshTimeout', mesh: 'default', name },
  content: { labels: {}, ...jsonSpec(typeOf('MeshTimeout'), specOf(value)) },
  namespace: '',
  displayName: name,
  wantsVip: false,
})

const apply = (store: PgStore, ...changes: readonly LocalChange[]) =>
  store.local.apply({ changes, atomic: true, actor: 'test' }, { signal })

const bodyOf = ({ change }: LogItem): string =>
  'offer' in change ? Buffer.from(change.offer.resource.spec).toString() : 'gone'
const keyOf = ({ change }: LogItem): string =>
  'offer' in change ? wireKey(change.offer.resource.mesh, change.offer.resource.name) : change.removal.key

/** A zone's sender as it reads the log: on every hint from where it stands, believing what it has read. */
class Tailing {
  readonly held = new Map<string, string>()
  readonly #channel: ChannelStore
  readonly #stop: () => void
  position: Position = startOfLog
  #reading: Promise<void> | undefined
  #again = false

  constructor(store: PgStore, peer: string) {
    this.#channel = store.channel({ channel: 'down', peer })
    this.#stop = store.onAdvanced(() => this.read())
    this.read()
  }

  read(): void {
    this.#again = true
    this.#reading ??= this.#run().finally(() => {
      this.#reading = undefined
    })
  }

  async #run(): Promise<void> {
    while (this.#again) {
      this.#again = false
      const page = await this.#channel.perform(
        { op: 'changes', from: this.position, limitBytes: 20_000, withRemovals: true },
        { signal },
      )
      for (const item of page.items) {
        if (item.position.revision < this.position.revision) throw new Error('the log went back')
        this.held.set(keyOf(item), bodyOf(item))
      }
      this.position = page.through
      if (page.head === undefined) this.#again = true
    }
  }

  /** What it holds once it has been told of everything up to a revision. Hints come by themselves. */
  async reaching(store: PgStore, revision: number): Promise<ReadonlyMap<string, string>> {
    while (this.position.revision < revision || this.#reading !== undefined)
      await new Promise<void>((resolve) => {
        const stop = store.onAdvanced(() => {
          stop()
          void setImmediate().then(resolve)
        })
        if (this.#reading !== undefined) void this.#reading.then(() => resolve())
      })
    return this.held
  }

  stop(): void {
    this.#stop()
  }
}

/** Everything that a view has now, read from the start in one page. */
async function wholeView(store: PgStore, peer: string): Promise<ReadonlyMap<string, string>> {
  const page = await store
    .channel({ channel: 'down', peer })
    .perform({ op: 'changes', from: startOfLog, limitBytes: 1e9, withRemovals: true }, { signal })
  return new Map(page.items.map((item) => [keyOf(item), bodyOf(item)]))
}

/** Numbers that look random and are the same every time. */
function* numbers(seed: number): Generator<number, never> {
  let state = seed
  for (;;) {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    yield state / 2_147_483_648
  }
}

async function write(store: PgStore, writer: number, rounds: number): Promise<void> {
  const random = numbers(writer + 1)
  for (let round = 0; round < rounds; round++) {
    const name = `t${Math.floor(random.next().value * 40)}`
    if (random.next().value < 0.2) await apply(store, deleteOf({ type: 'MeshTimeout', mesh: 'default', name }))
    else await apply(store, put(name, writer * 1_000 + round), put(`own-${writer}`, round))
    // So that groups are made of other requests every time.
    for (let turns = Math.floor(random.next().value * 4); turns > 0; turns--) await setImmediate()
  }
}

test.each([
  { hints: 'heard', listen: true },
  { hints: 'lost', listen: false },
])(
  '64 writers on two control planes over one database: no reader misses a change, hints $hints',
  async ({ listen }) => {
    await using opened = await freshStore({ role: 'global', listen, pollEveryMs: 50 })
    const first = opened.store
    const second = await openOn(opened.database.url, { role: 'global', listen, pollEveryMs: 50 })
    await apply(first, putMesh('default'))
    const readers = [new Tailing(first, 'east'), new Tailing(second, 'west')]
    await Promise.all(Array.from({ length: 64 }, (_, i) => write(i % 2 === 0 ? first : second, i, 4)))
    const { revision } = (await first.status()).head
    const views = await Promise.all([wholeView(first, 'east'), wholeView(second, 'west')])
    for (const [i, store] of [first, second].entries()) {
      const held = await readers[i]?.reaching(store, revision)
      expect(new Map([...(held ?? [])].sort())).toEqual(new Map([...(views[i] ?? [])].sort()))
      readers[i]?.stop()
    }
    const { rows } = await first.database.run<{ revisions: number; highest: number }>(
      'count',
      'select count(*) as revisions, max(revision) as highest from revisions',
    )
    expect(rows).toEqual([{ revisions: revision, highest: revision }])
    await second.close()
  },
)

test('the same reader does miss a writer that takes its number first and commits last', async () => {
  await using opened = await freshStore({ role: 'global', listen: false, pollEveryMs: 60_000 })
  const { store, database } = opened
  await apply(store, putMesh('default'), put('slow', 1))
  const reader = new Tailing(store, 'east')
  const { revision } = (await store.status()).head
  await reader.reaching(store, revision)
  // What a plain sequence allows: number taken, row written, and the commit comes when others have passed it.
  const slow = new pg.Client({ connectionString: database.url })
  await slow.connect()
  await slow.query('begin')
  // Triggers would take a lock that the others wait for: the sums alone would keep such a writer from being passed.
  await slow.query('set local session_replication_role = replica')
  await slow.query(`update resources set revision = $1, spec = 'changed' where name = 'slow'`, [revision + 1])
  await apply(store, put('fast', 1))
  await apply(store, put('fast', 2))
  await reader.reaching(store, revision + 2)
  await slow.query('commit')
  await slow.end()
  await apply(store, put('fast', 3))
  const held = await reader.reaching(store, revision + 3)
  const truth = await wholeView(store, 'east')
  const key = [...truth.keys()].find((name) => name.startsWith('slow')) ?? ''
  expect([truth.get(key), held.get(key)]).toEqual(['changed', JSON.stringify(specOf(1))])
  reader.stop()
})

test('one change is read once, and its offer is one object, however many zones look', async () => {
  const counter = new Counter()
  await using opened = await freshStore({
    role: 'global',
    listen: false,
    pollEveryMs: 60_000,
    onStatement: counter.note,
  })
  const { store } = opened
  await apply(store, putMesh('default'), put('a', 1))
  const { revision } = (await store.status()).head
  const zones = Array.from({ length: 50 }, (_, i) => store.channel({ channel: 'down', peer: `zone-${i}` }))
  const changes = async (from: number) =>
    Promise.all(
      zones.map((zone) =>
        zone.perform({ op: 'changes', from: endOf(from), limitBytes: 1_000_000, withRemovals: true }, { signal }),
      ),
    )
  await changes(revision)
  await apply(store, put('a', 2))
  counter.reset()
  const pages = await changes(revision)
  expect(counter.byName).toEqual({ 'read tail': 1 })
  const offers = new Set(pages.flatMap((page) => page.items.map(({ change }) => 'offer' in change && change.offer)))
  expect([pages.length, offers.size]).toEqual([50, 1])
})

test('however often the log grows, who listens is told once in a while, and of the last commit as well', async () => {
  await using opened = await freshStore({ role: 'global', listen: false, pollEveryMs: 60_000 })
  const { store } = opened
  await apply(store, putMesh('default'))
  const reader = new Tailing(store, 'east')
  let told = 0
  const startedMs = performance.now()
  const stop = store.onAdvanced(() => {
    told++
  })
  for (let i = 0; i < 100; i++) await apply(store, put('a', i))
  // It reads when it is told, and is told by nobody else: were the last commit not told of, this would not end.
  const held = await reader.reaching(store, (await store.status()).head.revision)
  expect([...held.values()]).toContain(JSON.stringify(specOf(99)))
  // A timer may come a millisecond early.
  expect(told).toBeLessThanOrEqual(1 + (performance.now() - startedMs) / (tellEveryMs - 1))
  reader.stop()
  stop()
})

test('a page out of memory is the page out of the table', async () => {
  await using opened = await freshStore({ role: 'global', listen: false, pollEveryMs: 60_000 })
  const { store, database } = opened
  await apply(store, putMesh('default'))
  const from = (await store.status()).head.revision
  const channel = store.channel({ channel: 'down', peer: 'east' })
  const read = (reader: ChannelStore, limitBytes: number) =>
    reader.perform({ op: 'changes', from: endOf(from), limitBytes, withRemovals: true }, { signal })
  await read(channel, 1)
  for (let i = 0; i < 30; i++) await apply(store, put(`t${i % 20}`, i), put(`u${i}`, i))
  for (let i = 0; i < 10; i++) await apply(store, deleteOf({ type: 'MeshTimeout', mesh: 'default', name: `t${i}` }))
  await apply(store, putMesh('later'))
  // A store that has just been opened has nothing in memory yet.
  const cold = await openOn(database.url, { role: 'global', listen: false })
  for (const limitBytes of [1, 3_000, 1_000_000])
    expect(await read(channel, limitBytes)).toEqual(
      await read(cold.channel({ channel: 'down', peer: 'east' }), limitBytes),
    )
  await cold.close()
})

test('a commit that is larger than the tail in memory is read to its end, page by page', async () => {
  await using opened = await freshStore({ role: 'global', listen: false, pollEveryMs: 60_000 })
  const { store } = opened
  await apply(store, putMesh('default'))
  const channel = store.channel({ channel: 'down', peer: 'east' })
  const { cursor } = await channel.perform({ op: 'mark' }, { signal })
  const names = Array.from({ length: 2_100 }, (_, i) => `t-${String(i).padStart(4, '0')}`)
  await apply(store, ...names.map((name, i) => put(name, i)))

  const seen: string[] = []
  let from: Position = endOf(cursor.revision)
  for (let complete = false; !complete; ) {
    const op = { op: 'changes', from, limitBytes: 200_000, withRemovals: true } as const
    const page = await channel.perform(op, { signal })
    seen.push(...page.items.map(bodyOf))
    from = page.through
    complete = page.head !== undefined
  }
  expect(seen.sort()).toEqual(names.map((_, i) => JSON.stringify(specOf(i))).sort())
})
