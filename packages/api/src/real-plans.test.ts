import { asControlPlane, type ControlPlaneStore, MemoryStore } from '@holdfast/store'
import { pino } from 'pino'
import { beforeEach, expect, test } from 'vitest'
import { createApi } from './create-api.js'
import type { Mode } from './options.js'
import { noSync } from './sync/sync-view.js'

/** The API over the store's real plans, in memory: what an operator sees of a zone that was given a block. */
async function open(mode: Mode, blocks: readonly string[]) {
  let chance = 0
  const name = mode === 'global' ? '' : 'east'
  const store: ControlPlaneStore = asControlPlane(
    new MemoryStore({
      identity: { role: mode === 'global' ? 'global' : 'zone', name, storeId: '00000000-0000-4000-8000-000000000001' },
      nowMs: () => 1_000_000,
      hexDigits: (length) => (++chance).toString(16).padStart(length, '0'),
    }),
  )
  await store.initialise({ actor: 'test', random: Uint8Array.from({ length: 16 }, (_, i) => i) })
  expect(await store.vip.adoptBlocks(blocks)).toEqual([])
  const app = createApi({
    store,
    mode,
    zoneName: name,
    server: { product: 'Kuma', version: 'preview', hostname: 'h', instanceId: 'i' },
    sync: noSync,
    config: () => ({}),
    log: pino({ level: 'silent' }),
    nowMs: () => 1_000_000,
  })
  const call = async (method: 'GET' | 'PUT' | 'POST' | 'DELETE', url: string, payload?: object) => {
    const response = await app.inject({ method, url, ...(payload === undefined ? {} : { payload }) })
    return { status: response.statusCode, body: response.json() }
  }
  return { store, call }
}

const labels = { 'kuma.io/origin': 'zone' }
const service = (name: string, more: Readonly<Record<string, unknown>> = {}) => ({
  type: 'MeshService',
  mesh: 'default',
  name,
  labels,
  spec: { ports: [{ port: 80 }] },
  ...more,
})
const url = (name: string) => `/meshes/default/meshservices/${name}`

let zone: Awaited<ReturnType<typeof open>>
beforeEach(async () => {
  zone = await open('federated', ['241.64.0.0/20'])
})
const vipOf = async (name: string): Promise<string> => (await zone.call('GET', url(name))).body.status.vips?.[0]?.ip

test('VIP-2: deleted and created again a service has its address again, and what was read changes nothing', async () => {
  expect(await zone.call('PUT', url('web'), service('web'))).toEqual({ status: 201, body: {} })
  const address = await vipOf('web')
  expect(address).toMatch(/^241\.64\./)
  const { revision } = (await zone.store.status()).head
  expect((await zone.call('PUT', url('web'), (await zone.call('GET', url('web'))).body)).status).toBe(200)
  expect((await zone.store.status()).head.revision).toBe(revision)
  expect((await zone.call('DELETE', url('web'))).status).toBe(200)
  const ledger = async (query: string) => (await zone.call('GET', `/_holdfast/vips${query}`)).body.items
  expect(await ledger('')).toEqual([])
  expect((await ledger('?deleted=true'))[0]).toMatchObject({ address, state: 'tombstoned', name: 'web' })
  await zone.call('PUT', url('web'), service('web'))
  expect(await vipOf('web')).toBe(address)
  const { body } = await zone.call('GET', `/_holdfast/vips/history?name=web&address=${address}`)
  expect(body.items.map(({ event }: { event: string }) => event)).toEqual(['revived', 'tombstoned', 'allocated'])
})

test('a pin that is taken is a conflict that names the holder; one outside every block is refused; nothing changes', async () => {
  await zone.call('PUT', url('web'), service('web'))
  const address = await vipOf('web')
  const { revision } = (await zone.store.status()).head
  const pinned = (name: string, vip: string) => service(name, { labels: { ...labels, 'holdfast.io/vip': vip } })
  const taken = await zone.call('PUT', url('api'), pinned('api', address))
  expect([taken.status, taken.body.title]).toEqual([409, 'Conflict'])
  expect(JSON.stringify(taken.body)).toContain('web')
  const outside = await zone.call('PUT', url('api'), pinned('api', '10.0.0.1'))
  expect(outside.status).toBe(400)
  expect(outside.body.detail).not.toBe('Internal Server Error')
  const bulk = await zone.call('POST', '/_apply', { items: [service('db'), pinned('api', address)] })
  expect([bulk.status, bulk.body.invalid_parameters.map((p: { field: string }) => p.field.slice(0, 8))]).toEqual([
    409,
    ['items[1]'],
  ])
  expect((await zone.store.status()).head.revision).toBe(revision)
})

test('without a block services wait and say why', async () => {
  const bare = await open('federated', [])
  const told = await bare.call('PUT', url('web'), service('web'))
  expect([told.status, told.body.warnings.length]).toEqual([201, 1])
  const { status } = (await bare.call('GET', url('web'))).body
  expect([status.vips, status.conditions[0].reason]).toEqual([undefined, 'Pending'])
  const explained = (await bare.call('GET', '/_holdfast/vips/explain?name=web')).body
  expect(explained.matches[0].state).toBe('pending')
  expect((await bare.call('GET', '/_holdfast/vips/verify')).body).toMatchObject({ agree: true, complete: true })
})

test('a headless service gets no VIP and is not said to wait for one', async () => {
  const headless = service('db', { labels: { ...labels, 'k8s.kuma.io/is-headless-service': 'true' } })
  expect(await zone.call('PUT', url('db'), headless)).toEqual({ status: 201, body: {} })
  const { status } = (await zone.call('GET', url('db'))).body
  expect([status.vips, status.conditions[0].reason]).toEqual([undefined, 'Headless'])
})

test('VIP-4: after many changes ledger and API agree', async () => {
  const names = Array.from({ length: 40 }, (_, i) => `s${i}`)
  expect((await zone.call('POST', '/_apply', { items: names.map((name) => service(name)) })).status).toBe(200)
  for (const name of names.slice(0, 10)) await zone.call('DELETE', url(name))
  const { body } = await zone.call('GET', '/_holdfast/vips/verify')
  expect(body).toMatchObject({ agree: true, complete: true, disagreements: [] })
  expect(body.checked).toEqual([{ controlPlane: 'east', result: 'verified', services: 30 }])
})

test('a mesh that does not exist, in every way to write', async () => {
  const global = await open('global', [])
  const retry = { type: 'MeshRetry', mesh: 'nope', name: 'r', spec: {} }
  expect((await global.call('PUT', '/meshes/nope/meshretries/r', retry)).status).toBe(404)
  const bulk = await global.call('POST', '/_apply', { items: [retry] })
  expect([bulk.status, bulk.body.invalid_parameters]).toEqual([
    404,
    [{ field: 'items[0].mesh', reason: 'mesh of name nope is not found' }],
  ])
  const both = [retry, { type: 'Mesh', name: 'nope' }]
  expect((await global.call('POST', '/_apply', { items: both })).status).toBe(200)
})

test('the namespace is part of the identity: it is not changed', async () => {
  const inNamespace = (namespace: string) =>
    service('web.shop', { labels: { ...labels, 'k8s.kuma.io/namespace': namespace, 'kuma.io/display-name': 'web' } })
  expect((await zone.call('PUT', url('web.shop'), inNamespace('shop'))).status).toBe(201)
  const told = await zone.call('PUT', url('web.shop'), inNamespace('bar'))
  expect([told.status, told.body.invalid_parameters]).toEqual([
    400,
    [
      {
        field: 'labels["k8s.kuma.io/namespace"]',
        reason: 'is immutable, cannot be changed from "shop" to "bar"',
      },
    ],
  ])
})

test('every write is audited with who did it', async () => {
  await zone.call('PUT', url('web'), service('web'))
  await zone.call('DELETE', url('web'))
  const { items } = (await zone.call('GET', '/_holdfast/audit')).body
  expect(
    items
      .slice(0, 2)
      .map((row: { actor: string; action: string; subject: string }) => [row.actor, row.action, row.subject]),
  ).toEqual([
    ['mesh-system:admin', 'deleted', 'MeshService "web" in mesh "default" of zone east'],
    ['mesh-system:admin', 'created', 'MeshService "web" in mesh "default" of zone east'],
  ])
})

const claim = (address: string, more: Readonly<Record<string, unknown>> = {}) => ({
  ...{ kind: 'MeshService', mesh: 'default', zone: 'east', namespace: '', name: 'web', inZone: 'east', address },
  ...more,
})
const bring = (claims: unknown, apply = true) => zone.call('POST', '/_holdfast/vips/import', { claims, apply })

test('VIP-2, VIP-4: an address that a service had in this zone is shown behind everybody’s, explained, and nobody’s doubt', async () => {
  expect(await bring([claim('241.0.0.4')], false)).toMatchObject({
    status: 200,
    body: { applied: false, items: [{ name: 'web', verdict: 'alias' }] },
  })
  expect(await bring([claim('241.0.0.4'), claim('241.0.0.4', { name: 'api' })])).toMatchObject({
    body: {
      applied: true,
      items: [{ verdict: 'alias' }, { verdict: 'refused', reason: expect.stringContaining('has it') }],
    },
  })
  await zone.call('PUT', url('web'), service('web'))
  const { vips } = (await zone.call('GET', url('web'))).body.status
  expect(vips).toEqual([{ ip: expect.stringMatching(/^241\.64\./) }, { ip: '241.0.0.4' }])
  const [listed] = (await zone.call('GET', '/meshservices')).body.items
  expect(listed.status.vips).toEqual(vips)
  const { matches } = (await zone.call('GET', '/_holdfast/vips/explain?address=241.0.0.4')).body
  expect(matches[0].because).toContainEqual(
    expect.stringMatching(/^241\.0\.0\.4 holds in zone east alone, since .*: imported/),
  )
  // It is no part of what control planes have to agree on.
  expect((await zone.call('GET', '/_holdfast/vips/verify')).body).toMatchObject({ agree: true })
  const { revision } = (await zone.store.status()).head
  expect((await bring([claim('241.0.0.4')])).body.items).toMatchObject([{ verdict: 'here' }])
  expect((await zone.store.status()).head.revision).toBe(revision)
  expect((await zone.call('GET', '/_holdfast/audit')).body.items).toContainEqual(
    expect.objectContaining({
      action: 'VIPs imported',
      detail: { aliases: 1, canonical: 0, zones: ['east'], from: '127.0.0.1' },
    }),
  )
})

test('claims that are none are told all at once, by place', async () => {
  expect(await bring('x')).toMatchObject({ status: 400, body: { detail: '"claims" must be a list' } })
  expect(await bring([claim('241.0.0.4', { name: 7 }), null])).toMatchObject({
    status: 400,
    body: {
      title: 'Could not import VIPs',
      invalid_parameters: [
        { field: 'claims[0].name' },
        { field: 'claims[1].kind' },
        { field: 'claims[1].mesh' },
        { field: 'claims[1].name' },
        { field: 'claims[1].inZone' },
        { field: 'claims[1].address' },
      ],
    },
  })
})

const copy = (name: string, more: Readonly<Record<string, unknown>> = {}) => ({
  type: 'MeshService',
  mesh: 'default',
  name,
  labels: {
    'kuma.io/display-name': 'web',
    'kuma.io/mesh': 'default',
    'kuma.io/origin': 'zone',
    'kuma.io/zone': 'zone-1',
  },
  spec: { selector: {}, ports: [{ port: 80, targetPort: 80, appProtocol: 'http' }] },
  ...more,
})

test('ATTR: what a zone has not told yet is kept as if it had, and no more once it has a session', async () => {
  const global = await open('global', [])
  await global.call('PUT', '/meshes/default', { type: 'Mesh', name: 'default' })
  await global.call('PUT', '/zones/zone-1', { type: 'Zone', name: 'zone-1', enabled: true })
  // Its own name whatever the other global called it, and only what that zone owns.
  const objects = [copy('zone-1.web-d49779wdwbz7wb7d'), copy('x', { labels: {} }), { type: 'Mesh', name: 'm' }]
  const ask = (apply: boolean) => global.call('POST', '/_holdfast/import/copies', { zone: 'zone-1', objects, apply })
  const reasons = [expect.stringContaining('kuma.io/zone'), expect.stringContaining('no type that zones send')]
  const verdicts = (first: string) => [{ verdict: first }, ...reasons.map((reason) => ({ verdict: 'refused', reason }))]
  expect((await ask(false)).body).toEqual({ applied: false, items: verdicts('create') })
  expect((await global.call('GET', '/meshservices')).body.total).toBe(0)
  expect((await ask(true)).body).toEqual({ applied: true, items: verdicts('create') })
  const [kept] = (await global.call('GET', '/meshservices')).body.items
  expect(kept).toMatchObject({
    name: 'web-d49779wdwbz7wb7d',
    labels: { 'kuma.io/origin': 'zone', 'kuma.io/zone': 'zone-1' },
  })
  const { revision } = (await global.store.status()).head
  expect((await ask(true)).body.items[0]).toEqual({ verdict: 'here' })
  expect((await global.store.status()).head.revision).toBe(revision)
  // Who brought it, once: the plan and the second time leave no trace.
  expect(await global.store.read.audit(10, { action: 'copies imported' })).toMatchObject([
    {
      actor: expect.stringMatching(/./),
      subject: 'MeshService of zone zone-1',
      detail: { resources: 1, names: ['web-d49779wdwbz7wb7d.default'], from: expect.stringMatching(/./) },
    },
  ])
  // It is everybody else's to see, and not its own.
  const seen = async (zone: string) =>
    global.store
      .channel({ channel: 'down', peer: zone })
      .perform(
        { op: 'keys', resourceType: 'MeshService', keys: ['web-d49779wdwbz7wb7d.default'] },
        { signal: new AbortController().signal },
      )
  expect([(await seen('zone-2')).offers.length, (await seen('zone-1')).offers.length]).toEqual([1, 0])
  await global.store.sessions.open({
    ...{
      sessionId: 's',
      peer: 'zone-1',
      instanceId: 'g',
      peerInstanceId: 'z',
      peerVersion: '2.14.3',
      extension: false,
    },
  })
  expect((await ask(true)).body).toEqual({ applied: false, items: objects.map(() => ({ verdict: 'met' })) })
})
