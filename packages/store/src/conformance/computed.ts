import { endOf } from '@holdfast/kds'
import { equalBytes, sameAuthored, typeOf, utf8, withComputed } from '@holdfast/model'
import { expect, test } from 'vitest'
import type { Row } from '../plan/types.js'
import type { ChangesQuery, LocalChange } from '../port.js'
import { deleteOf, type OpenStore, offerOf, putService, Subject, service, serviceKey } from './fixtures.js'

const type = typeOf('MeshService')
const available = { state: 'Available', identities: [{ type: 'ServiceTag', value: 'web' }] } as const
const status = utf8('{"tls":{"status":"NotReady"},"dataplaneProxies":{"healthy":1,"total":1}}')

const compute = (name: string, ifRevision: number): LocalChange => ({
  change: 'compute',
  key: serviceKey(name),
  computed: available,
  status,
  ifRevision,
})

async function webOf(zone: Subject): Promise<Row> {
  const row = await zone.store.read.get(serviceKey('web'))
  if (row === undefined) throw new Error('there is no web')
  return row
}

/** What a control plane computes of what it owns, and how it follows its own log to do so. */
export function computedConformance(open: OpenStore): void {
  test('VIP-2: what is computed goes into spec and status, is a change once, and leaves labels and VIP alone', async () => {
    await using zone = await Subject.ready(open, 'zone')
    await zone.store.vip.adoptBlocks(['241.16.0.0/20'])
    await zone.apply(putService('web'))
    const before = await webOf(zone)
    expect((await zone.apply(compute('web', before.revision))).map((o) => o.outcome)).toEqual(['updated'])
    const after = await webOf(zone)
    expect(Buffer.from(after.spec).toString()).toContain('"state":"Available"')
    expect(after).toMatchObject({ status, labels: before.labels, vips: before.vips, revision: before.revision + 1 })
    const head = await zone.revision()
    expect((await zone.apply(compute('web', after.revision))).map((o) => o.outcome)).toEqual(['unchanged'])
    expect(await zone.revision()).toBe(head)
  })

  test('applying what was read writes nothing, and an apply of something else keeps what is computed', async () => {
    await using zone = await Subject.ready(open, 'zone')
    await zone.apply(putService('web'))
    await zone.apply(compute('web', (await webOf(zone)).revision))
    const read = await webOf(zone)
    const again: LocalChange = { ...putService('web'), sameAs: (row) => sameAuthored(type, row.spec, read.spec) }
    const head = await zone.revision()
    expect((await zone.apply(again)).map((o) => o.outcome)).toEqual(['unchanged'])
    expect(await zone.revision()).toBe(head)
    await zone.apply(putService('web', { port: 81 }))
    const changed = await webOf(zone)
    const wanted = withComputed(type, putService('web', { port: 81 }).content.spec, available)
    expect(equalBytes(changed.spec, wanted)).toBe(true)
    expect(changed.status).toEqual(read.status)
  })

  test('whoever applies a state does not decide it', async () => {
    await using zone = await Subject.ready(open, 'zone')
    const put = putService('web')
    const claimed = { ...put, content: { ...put.content, spec: withComputed(type, put.content.spec, available) } }
    expect((await zone.apply(claimed)).map((o) => o.outcome)).toEqual(['created'])
    expect(equalBytes((await webOf(zone)).spec, put.content.spec)).toBe(true)
  })

  test('OWN: what was computed for a row that is another one by now does nothing', async () => {
    await using zone = await Subject.ready(open, 'zone')
    await zone.apply(putService('web'))
    const { revision } = await webOf(zone)
    await zone.apply(putService('web', { port: 81 }))
    const generated: LocalChange = { ...putService('web'), generated: { status, ifRevision: revision } }
    const remove: LocalChange = { ...deleteOf(serviceKey('web')), change: 'delete', ifRevision: revision }
    const create: LocalChange = { ...putService('web'), generated: { status, ifRevision: 0 } }
    const before = await webOf(zone)
    for (const change of [compute('web', revision), generated, remove, create, compute('gone', 7)])
      expect((await zone.apply(change)).map((o) => o.outcome)).toEqual(['stale'])
    expect(await webOf(zone)).toEqual(before)
  })

  test('OWN: of two computed changes in one commit the second one finds the row changed', async () => {
    await using zone = await Subject.ready(open, 'zone')
    const create: LocalChange = { ...putService('web'), generated: { status, ifRevision: 0 } }
    const outcomes = await Promise.all([zone.apply(create), zone.apply(create)])
    expect(outcomes.flat().map((o) => o.outcome)).toEqual(['created', 'stale'])
  })

  test('the log is followed page by page: changes and tombstones in their order, foreign ones left out', async () => {
    await using zone = await Subject.ready(open, 'zone')
    for (const name of ['a', 'b', 'c']) await zone.apply(putService(name))
    await zone
      .channel({ channel: 'down', peer: '' })
      .apply({ type: 'MeshService', offers: [offerOf(service({ name: 'theirs', zone: 'west' }))] })
    const query = { types: ['Dataplane'], ownTypes: ['MeshService'], limit: 2 }
    const first = await zone.store.read.changes({ ...query, after: undefined })
    expect(first).toMatchObject({ complete: false, rows: [{ name: 'a' }, { name: 'b' }] })
    if (first === undefined) throw new Error('the log has no start')
    const second = await zone.store.read.changes({
      ...query,
      after: { epoch: first.epoch, position: first.through },
    })
    expect(second).toMatchObject({ complete: true, rows: [{ name: 'c' }] })
    if (second === undefined) throw new Error('the log has no end')
    await zone.apply(deleteOf(serviceKey('a')))
    const third = await zone.store.read.changes({
      ...query,
      after: { epoch: second.epoch, position: second.through },
    })
    expect(third?.rows.map(({ name, deleted }) => [name, deleted])).toEqual([['a', true]])
    const isLost = (after: { readonly epoch: string; readonly position: ReturnType<typeof endOf> }) =>
      zone.store.read.changes({ ...query, after })
    expect(await isLost({ epoch: 'another', position: second.through })).toBeUndefined()
    expect(await isLost({ epoch: second.epoch, position: endOf(1_000_000) })).toBeUndefined()
  })

  test('who follows statuses is told of each row once, where the newer of its revisions stands', async () => {
    await using zone = await Subject.ready(open, 'zone')
    for (const name of ['a', 'b', 'c']) await zone.apply(putService(name))
    const write = (name: string, ready: string) =>
      zone.store.local.writeStatus(serviceKey(name), utf8(JSON.stringify({ tls: { status: ready } })))
    const pages = async (statuses: boolean, limit: number) => {
      const read: string[][] = []
      for (let after: ChangesQuery['after']; ; ) {
        const page = await zone.store.read.changes({ types: ['MeshService'], ownTypes: [], statuses, after, limit })
        if (page === undefined) throw new Error('the log is gone')
        read.push(page.rows.map(({ name }) => name))
        after = { epoch: page.epoch, position: page.through }
        if (page.complete) return { read, after }
      }
    }
    const { after } = await pages(true, 10)
    await write('b', 'Ready')
    await write('a', 'Ready')
    expect(await pages(true, 2)).toMatchObject({ read: [['c', 'b'], ['a']] })
    expect(await pages(false, 2)).toMatchObject({ read: [['a', 'b'], ['c']] })
    const since = (statuses: boolean) =>
      zone.store.read.changes({ types: ['MeshService'], ownTypes: [], statuses, after, limit: 10 })
    expect((await since(true))?.rows.map(({ name }) => name)).toEqual(['b', 'a'])
    expect((await since(false))?.rows).toEqual([])
    // What has gone since comes as gone, at its newest place.
    await zone.apply(deleteOf(serviceKey('b')))
    await zone.apply(putService('a', { port: 81 }))
    expect((await since(true))?.rows.map(({ name, deleted }) => [name, deleted])).toEqual([
      ['b', true],
      ['a', false],
    ])
  })
}
