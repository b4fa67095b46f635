import { appendFile, mkdir, mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { FakeLog } from '../testing/fake-log.js'
import { Feed, type FeedHealth, recalledPicture } from './feed.js'
import { JournalFile } from './journal-file.js'
import { Picture } from './picture.js'

const svc = '{{ .DisplayName }}.svc.mesh.local'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-dns-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const path = () => join(folder, 'names', 'last-good')

/** A process: what was kept is recalled, then the store is followed. */
async function start(log: FakeLog, { isWhole = async () => true, keeps = true } = {}) {
  const journal = keeps ? new JournalFile(path(), 'east') : undefined
  const health: FeedHealth[] = []
  const failures: unknown[] = []
  const { picture, standing, reason } = await recalledPicture('east', journal)
  const feed = new Feed(
    {
      zone: 'east',
      store: log,
      journal,
      onHealth: (each) => health.push(each),
      onJournalFailure: (error) => failures.push(error),
      isWhole,
      onServices: () => undefined,
    },
    picture,
    standing,
  )
  const where = (name: string) => feed.picture.served.table.find(`${name}.svc.mesh.local`)?.service.addresses[0]
  const settled = async () => {
    const looks = log.looks
    feed.look()
    await vi.waitUntil(() => log.looks > looks && health.length > 0, { timeout: 10_000 })
    await feed.idle()
  }
  return {
    feed,
    health,
    failures,
    where,
    settled,
    recalled: standing,
    reason,
    [Symbol.asyncDispose]: () => feed.close(),
  }
}

function aLog(...names: readonly string[]): FakeLog {
  const log = new FakeLog()
  log.generator('own', svc)
  for (const [at, name] of names.entries()) log.put({ name, addresses: [`241.16.0.${at + 1}`] })
  return log
}

test('VIP-4: after any history the names are those of the generators over what the store holds, and only changes were read', async () => {
  const step = fc.record({
    name: fc.constantFrom('a', 'b', 'c', 'd'),
    act: fc.constantFrom('put', 'remove', 'suspend', 'pending', 'generator', 'cut'),
    last: fc.integer({ min: 1, max: 250 }),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), fc.integer({ min: 1, max: 3 }), async (steps, pageMax) => {
      const log = aLog()
      log.pageMax = pageMax
      await using zone = await start(log, { keeps: false })
      await zone.settled()
      const want = new Map<string, string>()
      let template = 'svc'
      for (const { name, act, last } of steps) {
        const address = `241.16.0.${last}`
        if (act === 'put') {
          log.put({ name, addresses: [address] })
          want.set(name, address)
        } else if (act === 'generator') {
          template = template === 'svc' ? 'other' : 'svc'
          log.generator('own', `{{ .DisplayName }}.${template}.mesh.local`)
        } else if (act === 'cut') {
          log.failure = new Error('gone')
          await zone.settled()
          log.failure = undefined
        } else {
          if (act === 'remove') log.remove({ name })
          if (act === 'suspend') log.put({ name }, { audience: 'suspended' })
          if (act === 'pending') log.put({ name }, { vips: undefined, pendingReason: 'no block yet' })
          want.delete(name)
        }
        if (last % 3 === 0) await zone.settled()
      }
      await zone.settled()
      const { table } = zone.feed.picture.served
      const found = ['a', 'b', 'c', 'd'].flatMap((name) => {
        const at = table.find(`${name}.${template}.mesh.local`)?.service.addresses[0]
        return at === undefined ? [] : [[name, at]]
      })
      expect(found).toEqual([...want].sort())
      expect(table.hostnames).toBe(want.size)
      const read = log.itemsRead
      await zone.settled()
      expect(log.itemsRead).toBe(read)
    }),
    { numRuns: 60 },
  )
})

test('LKG: a store that does not answer changes nothing, and says so once', async () => {
  const log = aLog('web')
  await using zone = await start(log)
  await zone.settled()
  log.failure = new Error('connect ECONNREFUSED')
  log.remove({ name: 'web' })
  await zone.settled()
  await zone.settled()
  expect(zone.where('web')).toBe('241.16.0.1')
  log.failure = undefined
  await zone.settled()
  expect(zone.where('web')).toBeUndefined()
  expect(zone.health).toEqual([
    { following: true },
    { following: false, reason: 'connect ECONNREFUSED' },
    { following: true },
  ])
})

test('LKG: a zone that starts without its database answers what it answered before, from its file', async () => {
  const log = aLog('web', 'api', 'gone')
  {
    await using before = await start(log)
    await before.settled()
    log.remove({ name: 'gone' })
    log.put({ name: 'late', addresses: ['241.16.0.9'] })
    await before.settled()
  }
  log.failure = new Error('no database')
  await using zone = await start(log)
  await zone.settled()
  expect(['web', 'api', 'late', 'gone'].map(zone.where)).toEqual(['241.16.0.1', '241.16.0.2', '241.16.0.9', undefined])
  // When it is back, only what has changed since is read.
  log.failure = undefined
  log.put({ name: 'api', addresses: ['241.16.0.2', 'fd00::2'] })
  const read = log.itemsRead
  await zone.settled()
  expect(log.itemsRead - read).toBe(1)
  expect(zone.feed.picture.served.table.find('api.svc.mesh.local')?.service.addresses).toHaveLength(2)
})

test('EMPTY: a new or restored store takes no name away before it can be believed; an explicit removal does', async () => {
  const log = aLog('web', 'api', 'old')
  let whole = true
  await using zone = await start(log, { isWhole: async () => whole })
  await zone.settled()
  whole = false
  log.replace('second')
  await zone.settled()
  expect(['web', 'api', 'old'].map(zone.where)).toEqual(['241.16.0.1', '241.16.0.2', '241.16.0.3'])
  expect(zone.feed.kept).toBe(3)
  // It fills: one is there again, one was deleted meanwhile, of one nothing is said.
  log.generator('own', svc)
  log.put({ name: 'web', addresses: ['241.16.0.1'] })
  log.remove({ name: 'old' })
  await zone.settled()
  expect(['web', 'api', 'old'].map(zone.where)).toEqual(['241.16.0.1', '241.16.0.2', undefined])
  whole = true
  await zone.settled()
  expect(['web', 'api', 'old'].map(zone.where)).toEqual(['241.16.0.1', undefined, undefined])
  expect(zone.feed.kept).toBe(0)
})

test('a store that speaks of everything that is answered is read once, also where it cannot be believed yet', async () => {
  const log = aLog('web', 'api')
  let whole = false
  await using zone = await start(log, { isWhole: async () => whole, keeps: false })
  await zone.settled()
  const read = log.itemsRead
  whole = true
  log.put({ name: 'late', addresses: ['241.16.0.9'] })
  await zone.settled()
  expect(log.itemsRead - read).toBe(1)
  expect(['web', 'api', 'late'].map(zone.where)).toEqual(['241.16.0.1', '241.16.0.2', '241.16.0.9'])
})

test('LKG: what came since a backup that was put back stays until the store can be believed, over a restart as well', async () => {
  const log = aLog('web', 'since')
  {
    await using before = await start(log)
    await before.settled()
  }
  log.lose({ name: 'since' })
  log.revision--
  {
    await using unsure = await start(log, { isWhole: async () => false })
    await unsure.settled()
    expect([unsure.where('web'), unsure.where('since'), unsure.feed.kept]).toEqual(['241.16.0.1', '241.16.0.2', 1])
  }
  await using sure = await start(log)
  expect(sure.where('since')).toBe('241.16.0.2')
  await sure.settled()
  expect([sure.where('web'), sure.where('since'), sure.feed.kept]).toEqual(['241.16.0.1', undefined, 0])
})

test('a removal that the log has forgotten is noticed: who was away for too long begins anew', async () => {
  const log = aLog('web', 'gone')
  {
    await using before = await start(log)
    await before.settled()
  }
  log.lose({ name: 'gone' })
  log.put({ name: 'new' })
  log.logFrom = log.revision
  log.put({ name: 'newer' })
  await using zone = await start(log)
  await zone.settled()
  expect([zone.where('web'), zone.where('gone')]).toEqual(['241.16.0.1', undefined])
})

async function asOf(zone: string): Promise<void> {
  const journal = new JournalFile(path(), zone)
  await journal.begin([], 'e', 1)
  await journal.close()
}

test.each([
  ['cut in the middle', async () => truncate(path(), (await stat(path())).size - 30), { web: true, api: false }],
  ['with half a line behind', () => appendFile(path(), '0123456789abcdef {"is":"chan'), { web: true, api: true }],
  [
    'with a change without its mark',
    async () => appendFile(path(), (await readFile(path(), 'utf8')).split('\n')[1] ?? ''),
    { web: true, api: true },
  ],
  ['empty', () => writeFile(path(), ''), undefined],
  ['of something else', () => writeFile(path(), 'hello\nworld\n'), undefined],
  ['of another zone', async () => asOf('west'), undefined],
  ['a folder', async () => rm(path()).then(() => mkdir(path())), undefined],
])(
  'a file of last good answers that is %s: what is whole in it is used, the rest is not',
  async (_what, damage, left) => {
    const log = aLog('web')
    {
      await using before = await start(log)
      await before.settled()
      log.put({ name: 'api' })
      await before.settled()
    }
    await damage()
    log.failure = new Error('no database')
    await using zone = await start(log)
    await zone.settled()
    expect(zone.recalled !== undefined).toBe(left !== undefined)
    if (left === undefined) expect(zone.reason).toMatch(/./)
    expect({ web: zone.where('web') !== undefined, api: zone.where('api') !== undefined }).toEqual(
      left ?? { web: false, api: false },
    )
  },
)

test('a changed byte in the file is found by its line', async () => {
  const log = aLog('web', 'api')
  {
    await using before = await start(log)
    await before.settled()
  }
  const text = await readFile(path(), 'utf8')
  await writeFile(path(), text.replace('241.16.0.2', '241.16.0.3'))
  log.failure = new Error('no database')
  await using zone = await start(log)
  await zone.settled()
  expect([zone.where('api'), zone.recalled]).toEqual([undefined, undefined])
})

test('a disk that refuses the file is told, and stops no answer', async () => {
  await writeFile(join(folder, 'names'), 'a file where the folder should be')
  const log = aLog('web')
  await using zone = await start(log)
  await zone.settled()
  log.put({ name: 'api' })
  await zone.settled()
  expect(zone.where('api')).toBeDefined()
  expect(zone.failures.length).toBeGreaterThan(0)
})

test('the file is written anew when it has grown, and is then as small as what it says', async () => {
  const journal = new JournalFile(path(), 'east')
  await journal.begin([], 'e', 1)
  const change = { change: 'pool', name: 'p'.repeat(2_000), cidr: '241.0.0.0/8' } as const
  for (let i = 0; !journal.isGrown; i++) {
    expect(i).toBeLessThan(1_000)
    await journal.append([change], 'e', i + 2)
  }
  const grown = (await stat(path())).size
  await journal.begin([change], 'e', 5_000)
  await journal.close()
  expect((await stat(path())).size).toBeLessThan(grown / 100)
  expect(await new JournalFile(path(), 'east').recall()).toMatchObject({
    outcome: 'recalled',
    changes: [change],
    revision: 5_000,
  })
})

test('a picture of many is renamed in slices, and no name is away meanwhile', async () => {
  const log = aLog(...Array.from({ length: 3_000 }, (_, i) => `s${i}`))
  await using zone = await start(log, { keeps: false })
  await zone.settled()
  log.generator('second', '{{ .DisplayName }}.too.mesh.local')
  let away = 0
  const looking = setInterval(() => {
    if (zone.where('s2999') === undefined) away++
  }, 0)
  await zone.settled()
  clearInterval(looking)
  expect([away, zone.feed.picture.served.table.hostnames]).toEqual([0, 6_000])
})

test('an empty picture says nothing about anything', () => {
  const { table, authority } = new Picture('east').served
  expect([table.hostnames, authority.apexes]).toEqual([0, []])
})
