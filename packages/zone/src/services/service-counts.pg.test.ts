import { type ControlPlaneStore, openStore } from '@holdfast/store'
import { byHand, countWrites, freshDatabase, rowsWritten } from '@holdfast/store/testing'
import pino from 'pino'
import { expect, test } from 'vitest'
import { dataplaneChange, meshChange, until } from '../testing/service-stand.js'
import { ServiceRuntime } from './service-runtime.js'

const log = pino({ level: 'silent' })
const zone = 'east'
const key = (name: string) => ({ type: 'MeshService', mesh: 'default', name })

/** The store, and how far its log has been read by whoever follows it here: nothing while a read is under way. */
function followed(store: ControlPlaneStore) {
  let underWay = 0
  let through: number | undefined
  const changes: ControlPlaneStore['read']['changes'] = async (query) => {
    underWay++
    try {
      const page = await store.read.changes(query)
      through = page?.complete === true ? page.through.revision : undefined
      return page
    } finally {
      underWay--
    }
  }
  return {
    store: {
      read: { ...store.read, changes },
      local: store.local,
      onAdvanced: (listener: () => void) => store.onAdvanced(listener),
    },
    readThrough: () => (underWay === 0 ? through : undefined),
  }
}

/** What one change of a Dataplane costs among so many services that are generated, and among others made by hand. */
async function costAmong(count: number) {
  const statements = new Map<string, number>()
  const database = await freshDatabase()
  const store: ControlPlaneStore = await openStore({
    ...{ databaseUrl: database.url, role: 'zone', name: zone, programVersion: '9999.0.0', log },
    ...{ listen: false, pollEveryMs: 600_000 },
    onStatement: ({ name }) => statements.set(name, (statements.get(name) ?? 0) + 1),
  })
  const generator = followed(store)
  const services = new ServiceRuntime({
    store: generator.store,
    zone,
    graceMs: 3_600_000,
    propagated: [],
    log,
    nowMs: Date.now,
  })
  try {
    await store.initialise({ actor: 'test', random: Uint8Array.of(1, 2, 3, 4, 5) })
    await store.vip.adoptBlocks(['241.16.0.0/16'])
    const apply = (...changes: Parameters<ControlPlaneStore['local']['apply']>[0]['changes']) =>
      store.local.apply({ changes, atomic: true, actor: 'test' }, { signal: AbortSignal.timeout(60_000) })
    await apply(
      meshChange('Exclusive'),
      ...Array.from({ length: count }, (_, i) => dataplaneChange(`dp-${i}`, `web-${i}`, 80)),
    )
    // As autovacuum does within a minute; until then the planner knows nothing of so many rows.
    await byHand(database.url, 'analyze resources')
    services.start()
    // Not through the store, whose statements are counted.
    const isAtEnd = async () => {
      const [head] = await byHand<{ readonly revision: number }>(
        database.url,
        'select revision::float8 as revision from store_head',
      )
      return head !== undefined && generator.readThrough() === head.revision
    }
    const generated = async () =>
      (await store.read.list({ type: 'MeshService', labels: { 'kuma.io/zone': zone }, offset: 0, limit: 0 })).total
    await until(`${count} services`, async () => (await generated()) === count, 120_000)
    // The last batch has been looked at once more when a service that comes after it is there.
    await apply(dataplaneChange('dp-last', 'last', 80))
    await until('the last service', async () => (await store.read.get(key('last'))) !== undefined, 60_000)
    await until('the log read to its end', isAtEnd, 60_000)
    await countWrites(database.url)
    statements.clear()
    const last = `web-${count - 1}`
    await apply(dataplaneChange(`dp-${count - 1}`, last, 80, 81))
    await until('its second port', async () => {
      const [row] = await byHand<{ readonly spec: string }>(
        database.url,
        "select convert_from(spec, 'UTF8') as spec from resources where type = 'MeshService' and name = $1",
        [last],
      )
      return row?.spec.includes('"port":81') === true
    })
    // What it has written is in the log, which it reads once more; a closing before that would cut this off, or not.
    await until('its own write read', isAtEnd, 60_000)
    // Closing waits for what is under way.
    await services.close()
    // What the many rows before have left to be told to the planner is told with whatever is written next: it is theirs, and
    // counted in counts.pg.test.ts.
    statements.delete('analyze')
    return { statements: Object.fromEntries([...statements].sort()), rows: await rowsWritten(database.url) }
  } finally {
    await services.close()
    await store.close()
    await database.drop()
  }
}

test('a change of one Dataplane costs the same statements and rows among 100 services as among 10,000', async () => {
  const few = await costAmong(100)
  const many = await costAmong(10_000)
  expect(many.rows).toEqual(few.rows)
  expect(many.rows).toMatchObject({ resources: 2 })
  expect(many.statements).toEqual(few.statements)
}, 300_000)
