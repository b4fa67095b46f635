import { Problem } from '@holdfast/model'
import { beforeEach, expect, test } from 'vitest'
import type { PeerSync } from '../sync/sync-view.js'
import { FakeStore, startMs } from '../testing/fake-store.js'
import { harness, ok, problem } from '../testing/harness.js'
import { createAnswerer } from '../vips/questions.js'

const time = new Date(startMs).toISOString()
const spec = Buffer.from('{"selector":{}}')

function serviceRow(store: FakeStore, name: string, origin: string, address: string, labels = {}): void {
  const stored = store.origin === origin ? name : `${name}-x`
  store.put({
    type: 'MeshService',
    mesh: 'default',
    name: stored,
    labels: { 'kuma.io/display-name': name, ...labels },
    displayName: name,
    spec,
    origin,
    vips: { addresses: [address], generation: 0 },
  })
  const row = store.rows.get(`MeshService\u0000default\u0000${stored}`)
  if (row !== undefined) store.allot(row, address)
}

const zones = new Map<string, FakeStore>()
/** What zones were asked. */
const asked: { readonly zone: string; readonly question: string; readonly body: unknown }[] = []
const peers: PeerSync[] = []
const { call, store } = harness('global', {
  sync: {
    peers: () => peers,
    askZone: async (zone, question, body) => {
      const own = zones.get(zone)
      if (own === undefined) throw new Problem('unavailable', `zone ${zone} is not connected`)
      asked.push({ zone, question, body })
      const answer = createAnswerer({ store: own.port(), mode: 'federated', zoneName: zone })
      // As it would travel.
      return JSON.parse(JSON.stringify(await answer(question, JSON.parse(JSON.stringify(body)))))
    },
  },
})

beforeEach(() => {
  store.clear()
  zones.clear()
  asked.length = 0
  store.zoneRecords = []
  for (const zone of ['east', 'west']) {
    const own = new FakeStore(zone)
    zones.set(zone, own)
    store.zoneRecords.push({ name: zone, storeId: `store-${zone}`, everInStep: true })
  }
  for (const each of [store, ...zones.values()]) {
    serviceRow(each, 'web', 'east', '241.16.0.1')
    serviceRow(each, 'db', 'west', '241.32.0.1')
  }
})

const ledgerRow = (name: string, zone: string, address: string) => ({
  kind: 'MeshService',
  mesh: 'default',
  zone,
  namespace: '',
  name,
  address,
  family: 4,
  scope: 'canonical',
  state: 'active',
  generation: 0,
  block: 'east-1',
  allocatedAt: time,
  tombstonedAt: null,
})
const event = (name: string, zone: string, address: string) => ({
  at: time,
  event: 'allocated',
  address,
  kind: 'MeshService',
  mesh: 'default',
  zone,
  namespace: '',
  name,
  scope: 'canonical',
  generation: 0,
  why: '',
})

test('the ledger in pages', async () => {
  expect(await call('GET', '/_holdfast/vips?size=1')).toEqual(
    ok({ items: [ledgerRow('web', 'east', '241.16.0.1')], next: 'http://localhost/_holdfast/vips?after=1&size=1' }),
  )
  expect(await call('GET', '/_holdfast/vips?after=1&size=1')).toEqual(
    ok({ items: [ledgerRow('db', 'west', '241.32.0.1')], next: null }),
  )
  expect(await call('GET', '/_holdfast/vips?zone=west&kind=msvc&name=db&mesh=default')).toEqual(
    ok({ items: [ledgerRow('db', 'west', '241.32.0.1')], next: null }),
  )
})

test('what is asked for wrongly is refused with every reason', async () => {
  const title = 'Could not tell about a VIP'
  expect(await call('GET', '/_holdfast/vips?kind=mesh&address=x')).toEqual(
    problem(
      400,
      title,
      'Resource is not valid',
      ['address', '"x" is not an IP address'],
      ['kind', '"mesh" has no VIPs; use MeshService, MeshExternalService or MeshMultiZoneService'],
    ),
  )
  expect(await call('GET', '/_holdfast/vips/explain')).toEqual(
    problem(400, title, 'Resource is not valid', ['', 'say an address or a name to look for']),
  )
  expect(await call('GET', '/_holdfast/vips?size=0')).toEqual(
    problem(400, title, 'Resource is not valid', ['size', 'must be a number between 1 and 1000, not "0"']),
  )
})

test('an address is explained', async () => {
  const revision = store.rows.get('MeshService\u0000default\u0000web-x')?.revision
  const told = await call('GET', '/_holdfast/vips/explain?address=241.16.0.1')
  expect(told).toEqual(
    ok({
      matches: [
        {
          owner: { kind: 'MeshService', mesh: 'default', zone: 'east', namespace: '', name: 'web' },
          state: 'active',
          addresses: [ledgerRow('web', 'east', '241.16.0.1')],
          service: { name: 'web-x', shown: ['241.16.0.1'], revision },
          because: [`241.16.0.1 was allocated here at ${time}, from block 241.16.0.0/20 of zone east, generation 0`],
          history: [{ ...event('web', 'east', '241.16.0.1'), revision }],
        },
      ],
      because: [],
    }),
  )
  expect((await call('GET', '/_holdfast/vips/explain?name=web&zone=east')).body).toEqual(told.body)
})

test('what nobody has is explained as well', async () => {
  expect(await call('GET', '/_holdfast/vips/explain?address=241.16.15.9')).toEqual(
    ok({
      matches: [],
      because: [
        '241.16.15.9 was never given to anyone here',
        'it lies in block 241.16.0.0/20 (MeshService) of zone east',
      ],
    }),
  )
  expect(await call('GET', '/_holdfast/vips/explain?address=fd00::1')).toEqual(
    ok({
      matches: [],
      because: ['fd00::1 was never given to anyone here', 'it lies in no block that this control plane knows'],
    }),
  )
})

test('a service that nobody knows is named, with where to look', async () => {
  expect(await call('GET', '/_holdfast/vips/explain?name=nope')).toEqual(
    ok({
      matches: [],
      because: [
        'no service "nope" is known here, and the ledger does not remember one: "holdfastctl vip list" shows those that have an address',
      ],
    }),
  )
})

test('a service that waits is explained by what it waits for', async () => {
  store.put({ type: 'MeshService', mesh: 'default', name: 'slow', spec, pendingReason: 'pool full' })
  const { body } = await call('GET', '/_holdfast/vips/explain?name=slow')
  expect(
    (body as { matches: { state: string; because: string[] }[] }).matches.map((m) => [m.state, m.because]),
  ).toEqual([['pending', ['MeshService "slow" in mesh "default" of global has no address: pool full']]])
})

test('history', async () => {
  const { body } = await call('GET', '/_holdfast/vips/history?address=241.32.0.1')
  const revision = store.rows.get('MeshService\u0000default\u0000db-x')?.revision
  expect(body).toEqual({ items: [{ ...event('db', 'west', '241.32.0.1'), revision }] })
})

const verify = async () => (await call('GET', '/_holdfast/vips/verify')).body as Record<string, unknown>
const verified = (controlPlane: string) => ({ controlPlane, result: 'verified', services: 2 })

test('VIP-4: verify asks ledger and API here and in every zone', async () => {
  expect(await verify()).toEqual({
    agree: true,
    complete: true,
    scope: 'global and every zone',
    checked: [verified('global'), verified('east'), verified('west')],
    disagreements: [],
  })
})

test('VIP-4: verify tells what a zone says otherwise', async () => {
  const west = zones.get('west')
  west?.put({
    ...[...west.rows.values()][0],
    type: 'MeshService',
    mesh: 'default',
    name: 'web-x',
    vips: { addresses: ['241.16.0.7'], generation: 0 },
  })
  const told = await verify()
  expect(told.agree).toBe(false)
  expect(
    (told.disagreements as { problem: string; owner: unknown }[]).map(({ owner, problem: text }) => [owner, text]),
  ).toEqual([
    [
      { kind: 'MeshService', mesh: 'default', zone: 'east', namespace: '', name: 'web' },
      'MeshService "web" in mesh "default" of zone east: ledger and API of zone west differ',
    ],
  ])
})

test('VIP-4: of a zone that says what global says sums are read, of another one the rows in which they differ', async () => {
  const [east, west] = [zones.get('east'), zones.get('west')]
  for (let i = 0; i < 200; i++)
    for (const each of [store, east, west])
      if (each !== undefined) serviceRow(each, `many-${i}`, 'east', `241.16.1.${i}`)
  expect((await verify()).checked).toEqual([
    { controlPlane: 'global', result: 'verified', services: 202 },
    { controlPlane: 'east', result: 'verified', services: 202 },
    { controlPlane: 'west', result: 'verified', services: 202 },
  ])
  const read = (zone: string): readonly string[] =>
    [...new Set(asked.flatMap((one) => (one.zone === zone ? one.question : [])))].sort()
  expect([read('east'), read('west')]).toEqual([
    ['vip-findings', 'vip-sums'],
    ['vip-findings', 'vip-sums'],
  ])
  asked.length = 0
  // One row of the ledger is another one, and one resource is not there.
  if (west !== undefined) {
    const row = west.ledger.findIndex(({ displayName }) => displayName === 'many-7')
    west.ledger[row] = { ...(west.ledger[row] as (typeof west.ledger)[number]), address: '241.16.9.9' }
    west.rows.delete('MeshService\u0000default\u0000many-8-x')
  }
  const told = await verify()
  expect((told.disagreements as { problem: string }[]).map(({ problem: text }) => text)).toEqual([
    'MeshService "many-7" in mesh "default" of zone east: ledger and API of zone west differ',
    'MeshService "many-8" in mesh "default" of zone east: the ledger of zone west gives it an address, and there is no such service',
  ])
  expect(told.checked).toMatchObject([{ services: 202 }, { services: 202 }, { services: 201 }])
  expect([read('east'), read('west')]).toEqual([
    ['vip-findings', 'vip-sums'],
    ['vip-findings', 'vip-rows', 'vip-sums'],
  ])
  const [buckets] = asked.flatMap(({ body }) => (body as { readonly buckets?: readonly number[] }).buckets ?? [])
  expect(buckets).toBeDefined()
  for (const { body } of asked) {
    const some = (body as { readonly buckets?: readonly number[] }).buckets
    if (some !== undefined) expect(some.length).toBeLessThanOrEqual(2)
  }
})

test('a Kuma zone is not asked: it knows only addresses of its own, and nothing is missing without it', async () => {
  store.zoneRecords.push({ name: 'kuma', everInStep: false })
  const told = await verify()
  expect(told.complete).toBe(true)
  expect((told.checked as readonly object[]).at(-1)).toEqual({
    controlPlane: 'kuma',
    result: 'not asked',
    reason: 'a Kuma zone: its own addresses are aliases in its scope, everybody else has those of the ledger',
  })
})

test('F32: a zone that was taken out of service is not asked, and nothing is missing without it', async () => {
  store.zoneRecords.push({ name: 'north', storeId: 'store-north', everInStep: true, decommissionedAtMs: 1 })
  const told = await verify()
  expect(told.complete).toBe(true)
  expect((told.checked as readonly { controlPlane: string }[]).map(({ controlPlane }) => controlPlane)).not.toContain(
    'north',
  )
})

test('a zone that cannot be asked is listed as not verified', async () => {
  zones.delete('west')
  store.zoneRecords.push({ name: 'north', storeId: 'store-north', everInStep: false })
  expect(await verify()).toEqual({
    agree: true,
    complete: false,
    scope: 'global and every zone',
    checked: [
      verified('global'),
      verified('east'),
      { controlPlane: 'north', result: 'not verified', reason: 'zone north is not connected' },
      { controlPlane: 'west', result: 'not verified', reason: 'zone west is not connected' },
    ],
    disagreements: [],
  })
})

test.each([
  ['sums', { sums: Array.from({ length: 1_024 }, () => ''), count: 1, next: 'there is more' }],
  ['pages', { items: [], total: 1, next: 'there is more' }],
])('a zone whose %s never end is not waited for, and is listed as not verified', async (what, answer) => {
  const { call: ask, store: own } = harness('global', {
    limits: { zoneAnswerTimeoutMs: 10 },
    sync: {
      peers: () => [],
      // Not at once: whoever answers without end leaves time for what else there is.
      askZone: (_, question) =>
        new Promise((resolve, reject) => {
          setImmediate(() =>
            what === 'pages' && question === 'vip-sums'
              ? reject(
                  new Problem('unavailable', 'zone east answered: zone east does not know the question "vip-sums"'),
                )
              : resolve(question === 'vip-findings' ? { items: [] } : answer),
          )
        }),
    },
  })
  own.zoneRecords = [{ name: 'east', storeId: 'store-east', everInStep: true }]
  expect((await ask('GET', '/_holdfast/vips/verify')).body).toMatchObject({
    complete: false,
    checked: [
      { controlPlane: 'global', result: 'verified' },
      { controlPlane: 'east', result: 'not verified', reason: 'it did not answer in time' },
    ],
  })
})

test('a change that arrives between two looks is no disagreement', async () => {
  const west = zones.get('west')
  if (west === undefined) throw new Error('west is there')
  west.rows.delete('MeshService\u0000default\u0000web-x')
  const row = west.ledger.splice(0, 1)
  // The first look finds it missing; by the second it has come.
  const findings = west.port().vip.verifyLocal
  let looks = 0
  const port = west.port.bind(west)
  west.port = () => {
    const real = port()
    return {
      ...real,
      vip: {
        ...real.vip,
        verifyLocal: () => {
          if (++looks === 1) {
            west.ledger.push(...row)
            serviceRow(west, 'web', 'east', '241.16.0.1')
            west.ledger.pop()
          }
          return findings()
        },
      },
    }
  }
  expect((await verify()).agree).toBe(true)
})

test('what the database finds out of order is a disagreement', async () => {
  store.findings = [{ subject: 'vip_ledger 241.16.0.1', problem: 'has no service' }]
  const told = await verify()
  store.findings = []
  expect(told.disagreements).toEqual([
    { owner: null, problem: 'global: vip_ledger 241.16.0.1: has no service', claims: [] },
  ])
})

test('a zone verifies itself and says so', async () => {
  const own = harness('federated')
  serviceRow(own.store, 'web', 'zone-1', '241.16.0.1')
  expect((await own.call('GET', '/_holdfast/vips/verify')).body).toEqual({
    agree: true,
    complete: true,
    scope: 'this zone only; ask the global control plane to compare all zones',
    checked: [{ controlPlane: 'zone-1', result: 'verified', services: 1 }],
    disagreements: [],
  })
})

test('a question that a zone does not know is refused with those it knows', async () => {
  const answer = createAnswerer({ store: new FakeStore('east').port(), mode: 'federated', zoneName: 'east' })
  await expect(answer('weather', {})).rejects.toThrow(
    'zone east does not know the question "weather"; it knows vip-ledger, vip-shown, vip-findings',
  )
})
