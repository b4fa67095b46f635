import { headlessLabel, namespaceLabel } from '@holdfast/model'
import { expect, test } from 'vitest'
import { deleteOf, type OpenStore, putService, Subject, serviceKey } from './fixtures.js'

/** What a control plane's own changes do: rows, revisions, refusals, meshes. */
export function localConformance(open: OpenStore): void {
  test('a put is created, then unchanged, then updated; only what changes takes a revision', async () => {
    await using zone = await Subject.ready(open, 'zone')
    expect((await zone.apply(putService('web'))).map((o) => o.outcome)).toEqual(['created'])
    const revision = await zone.revision()
    expect((await zone.apply(putService('web'))).map((o) => o.outcome)).toEqual(['unchanged'])
    expect(await zone.revision()).toBe(revision)
    expect((await zone.apply(putService('web', { port: 81 }))).map((o) => o.outcome)).toEqual(['updated'])
    expect(await zone.revision()).toBe(revision + 1)
    const row = await zone.store.read.get(serviceKey('web'))
    expect(row).toMatchObject({ origin: 'east', displayName: 'web', audience: 'all', revision: revision + 1 })
  })

  test('what is written before anybody has said that this is no loss is told to nobody, and the writer learns it', async () => {
    await using zone = await Subject.open(open, 'zone', 'east')
    expect(await zone.apply(putService('web'))).toMatchObject([{ outcome: 'created', waitsForInit: true }])
    await zone.store.initialise({ actor: 'operator', random: Uint8Array.of(1, 2, 3, 4, 5) })
    const [after] = await zone.apply(putService('web', { port: 81 }))
    expect([after?.outcome, after !== undefined && 'waitsForInit' in after]).toEqual(['updated', false])
  })

  test('what says the same in other bytes keeps the stored bytes', async () => {
    await using zone = await Subject.ready(open, 'zone')
    await zone.apply(putService('web'))
    const put = putService('web')
    const other = { ...put, content: { ...put.content, spec: Buffer.from('{"other":"bytes"}') }, sameAs: () => true }
    const before = await zone.store.read.get(serviceKey('web'))
    expect((await zone.apply(other)).map((o) => o.outcome)).toEqual(['unchanged'])
    expect(await zone.store.read.get(serviceKey('web'))).toEqual(before)
  })

  test('a mesh that does not exist is named; a zone that was never in step has the provisional one', async () => {
    await using zone = await Subject.ready(open, 'zone')
    const [outcome] = await zone.apply(putService('web', { mesh: 'shop' }))
    expect(outcome).toMatchObject({ outcome: 'refused', problem: { kind: 'missing' } })
    expect(outcome?.outcome === 'refused' ? outcome.problem.message : '').toContain('"shop"')
    expect((await zone.apply(putService('web'))).map((o) => o.outcome)).toEqual(['created'])
    await using global = await Subject.ready(open, 'global')
    const said = [...(await global.apply(putService('web', { mesh: 'shop' }))), outcome].map((one) =>
      one?.outcome === 'refused' ? one.problem.message : '',
    )
    expect(said).toEqual([
      'mesh "shop" does not exist; create it first',
      'mesh "shop" does not exist; create it at global first',
    ])
  })

  test('an atomic request is all or nothing', async () => {
    await using zone = await Subject.ready(open, 'zone')
    const revision = await zone.revision()
    const outcomes = await zone.applyAtomically(putService('web'), putService('api', { mesh: 'shop' }))
    expect(outcomes.map((o) => o.outcome)).toEqual(['unchanged', 'refused'])
    expect(await zone.store.read.get(serviceKey('web'))).toBeUndefined()
    expect(await zone.revision()).toBe(revision)
    const fine = await zone.applyAtomically(putService('web'), putService('api'))
    expect(fine.map((o) => o.outcome)).toEqual(['created', 'created'])
    expect(await zone.revision()).toBe(revision + 1)
  })

  test('otherwise each change stands alone', async () => {
    await using zone = await Subject.ready(open, 'zone')
    const outcomes = await zone.apply(putService('web'), putService('api', { mesh: 'shop' }))
    expect(outcomes.map((o) => o.outcome)).toEqual(['created', 'refused'])
    expect(await zone.store.read.get(serviceKey('web'))).toBeDefined()
  })

  test('one key twice in a request: the later change sees the earlier one', async () => {
    await using zone = await Subject.ready(open, 'zone')
    const outcomes = await zone.applyAtomically(
      putService('web'),
      deleteOf(serviceKey('web')),
      putService('web', { port: 82 }),
    )
    expect(outcomes.map((o) => o.outcome)).toEqual(['created', 'deleted', 'created'])
    const row = await zone.store.read.get(serviceKey('web'))
    expect(Buffer.from(row?.spec ?? []).toString()).toContain('82')
  })

  test('labels that are part of the identity cannot be changed', async () => {
    await using zone = await Subject.ready(open, 'zone')
    await zone.apply(putService('web', { namespace: 'shop' }))
    const put = putService('web', { namespace: 'shop' })
    const labels = { ...put.content.labels, [namespaceLabel]: 'other' }
    const [outcome] = await zone.apply({ ...put, content: { ...put.content, labels } })
    expect(outcome).toMatchObject({
      outcome: 'refused',
      problem: { kind: 'invalid', violations: [{ path: `labels["${namespaceLabel}"]` }] },
    })
  })

  test('two resources of one display name in one namespace are one too many', async () => {
    await using zone = await Subject.ready(open, 'zone')
    await zone.apply(putService('web'))
    const [outcome] = await zone.apply({ ...putService('web-2'), displayName: 'web' })
    expect(outcome).toMatchObject({ outcome: 'refused', problem: { kind: 'conflict' } })
  })

  test('deleting what is not there is said; what is there leaves a tombstone and can be made anew', async () => {
    await using zone = await Subject.ready(open, 'zone')
    const [missing] = await zone.apply(deleteOf(serviceKey('web')))
    expect(missing).toMatchObject({ outcome: 'refused', problem: { kind: 'missing' } })
    await zone.apply(putService('web'))
    expect((await zone.apply(deleteOf(serviceKey('web')))).map((o) => o.outcome)).toEqual(['deleted'])
    expect(await zone.store.read.get(serviceKey('web'))).toBeUndefined()
    expect((await zone.apply(putService('web'))).map((o) => o.outcome)).toEqual(['created'])
  })

  test('a list is paged, counted and filtered', async () => {
    await using zone = await Subject.ready(open, 'zone')
    await zone.apply(...['a', 'b', 'c'].map((name) => putService(name)))
    const page = await zone.store.read.list({ type: 'MeshService', offset: 1, limit: 1 })
    expect({ total: page.total, names: page.items.map((row) => row.name) }).toEqual({ total: 3, names: ['b'] })
    const [first] = (await zone.store.read.list({ type: 'MeshService', offset: 0, limit: 1 })).items
    const behind = await zone.store.read.list({ type: 'MeshService', after: first, offset: 0, limit: 1 })
    expect([behind.total, behind.items.map(({ name }) => name)]).toEqual([
      page.total,
      page.items.map(({ name }) => name),
    ])
    const named = await zone.store.read.list({ type: 'MeshService', nameContains: 'c', offset: 0, limit: 10 })
    expect(named.items.map((row) => row.name)).toEqual(['c'])
    const labelled = await zone.store.read.list({
      type: 'MeshService',
      labels: { 'kuma.io/display-name': 'a' },
      offset: 0,
      limit: 10,
    })
    expect(labelled.items.map((row) => row.name)).toEqual(['a'])
  })

  test('a headless service gets no VIP and says why', async () => {
    await using zone = await Subject.ready(open, 'zone')
    const [outcome] = await zone.apply(putService('web', { labels: { [headlessLabel]: 'true' }, wantsVip: false }))
    expect(outcome).toMatchObject({ outcome: 'created', pendingReason: expect.stringContaining('headless') })
    expect((await zone.store.read.get(serviceKey('web')))?.vips).toBeUndefined()
    // Nothing is asked for on its behalf.
    const demand = await zone.store.vip.demand()
    expect(demand.map(({ kind, pending }) => ({ kind, pending }))).toEqual([
      { kind: 'MeshService', pending: 0 },
      { kind: 'MeshExternalService', pending: 0 },
    ])
  })
}
