import {
  displayNameLabel,
  encodeForZone,
  envLabel,
  exportName,
  type KumaResourceParts,
  kumaVersion,
  meshLabel,
  originLabel,
  toExported,
  typeOf,
  typesSentDownToKuma,
  typesSentUp,
  utf8,
  wireKey,
  zoneLabel,
} from '@holdfast/model'
import { type CrudeZone, type FakeKumaZone, startCrudeZone, startFakeKumaZone, wireResource } from '@holdfast/testkit'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { deletedOf, get } from '../testing/faults.js'
import {
  eager,
  type GlobalPlane,
  inStep,
  type Plane,
  putService,
  remove,
  startGlobal,
  startZone,
  until,
  type ZonePlane,
} from '../testing/mesh.js'

// A Kuma receives 10 MiB in one message and gets each first list whole, and some read slowly: that is its own bad luck, for
// that one type, as long as it lasts. Real ones are cut off for ever, or hold everybody up.
vi.setConfig({ testTimeout: 240_000 })

let global: GlobalPlane
let east: ZonePlane
const kumas: FakeKumaZone[] = []
const crudes: CrudeZone[] = []

beforeAll(async () => {
  global = await startGlobal()
  east = await startZone('east', global.port, { backoff: eager })
  await until('east to be in step', () => inStep(east), 60_000)
  await putService(east, 'web')
})
afterAll(async () => {
  for (const kuma of kumas) kuma.stop()
  for (const crude of crudes) crude.close()
  await east.close()
  await global.close()
})

const kumaZone = (zone: string): FakeKumaZone => {
  const kuma = startFakeKumaZone({ target: `127.0.0.1:${global.port}`, zone })
  kumas.push(kuma)
  return kuma
}

const crudeZone = (
  zone: string,
  more: { readonly gzip?: boolean; readonly paused?: boolean; readonly target?: string } = {},
): CrudeZone => {
  const crude = startCrudeZone({ target: `127.0.0.1:${global.port}`, zone, ...more })
  crudes.push(crude)
  return crude
}

interface Told {
  readonly peers: readonly {
    readonly peer: string
    readonly channels: readonly { readonly channel: string; readonly lastError: string | null }[]
  }[]
}
/** Of what global sends to a zone. */
const lastErrorOf = async (zone: string): Promise<string> =>
  (await get<Told>(global, '/_holdfast/sync')).peers
    .find(({ peer }) => peer === zone)
    ?.channels.find(({ channel }) => channel === 'down')?.lastError ?? ''

test('who reads one message now and then gets everything in its own time, and nobody waits for it', async () => {
  const slow = crudeZone('slow', { paused: true })
  const beside = kumaZone('beside')
  await until('the other one to have its lists', () => beside.held().size === typesSentDownToKuma.length, 60_000)
  for (const { name } of typesSentDownToKuma)
    slow.globalToZone.request({ node: { id: 'slow' }, typeUrl: name, resourceNamesSubscribe: ['*'] })
  const answered = new Set<string>()
  const answer = (): void => {
    for (const { typeUrl, nonce } of slow.globalToZone.responses)
      if (!answered.has(nonce)) {
        answered.add(nonce)
        slow.globalToZone.request({ node: { id: 'slow' }, typeUrl, responseNonce: nonce })
      }
  }
  for (const turn of [1, 2, 3]) {
    slow.globalToZone.readOne()
    await until('one message to be read', () => slow.globalToZone.responses.length === turn, 60_000)
    answer()
    await putService(east, 'web', 2_000 + turn)
    const spec = () =>
      [...(beside.held().get('MeshService')?.values() ?? [])].map((each) => `${Buffer.from(each.spec)}`)
    await until(
      'a change to reach the other one',
      () => spec().some((text) => text.includes(`"port":${2_000 + turn}`)),
      60_000,
    )
    // It has read no more meanwhile, however long that took.
    expect(slow.globalToZone.responses.length).toBe(turn)
  }
  slow.globalToZone.resume()
  await until('everything to be there', () => {
    answer()
    const types = new Set(slow.globalToZone.responses.map(({ typeUrl }) => typeUrl))
    const last = slow.globalToZone.responses.some(({ resources }) =>
      resources.some(({ resource }) => Buffer.from(resource?.value ?? []).includes('"port":2003')),
    )
    return types.size === typesSentDownToKuma.length && last
  })
  await until('east to be in step again', () => inStep(east))
  expect([slow.globalToZone.ended(), beside.ended()]).toEqual([undefined, undefined])
})

const secretBytes = 1 << 20
const secret = (name: string) => ({
  type: 'Secret',
  mesh: 'default',
  name,
  data: Buffer.alloc(secretBytes, name).toString('base64'),
})

test('ISO: a list that passes 10 MiB is left out by name, size and limit, with what to do; every other type goes on, and it comes when it fits', async () => {
  const names = Array.from({ length: 11 }, (_, i) => `large-${i}`)
  const { statusCode, body } = await global.api.inject({
    method: 'POST',
    url: '/_apply',
    headers: { 'content-type': 'application/json' },
    payload: JSON.stringify({ items: names.map(secret) }),
  })
  expect([statusCode, body.slice(0, 300)]).toEqual([200, expect.any(String)])
  // A zone of ours gets it in parts.
  const secretsIn = async (plane: Plane) => (await plane.store.read.list({ type: 'Secret', offset: 0, limit: 1 })).total
  const all = await secretsIn(global)
  await until('east to have all secrets', async () => (await secretsIn(east)) === all, 60_000)
  const south = kumaZone('south')
  await until(
    'it to have every other list',
    () => new Set(south.received().map(({ type }) => type)).size === typesSentDownToKuma.length - 1,
    30_000,
  )
  expect(south.held().has('Secret')).toBe(false)
  expect(south.held().get('MeshService')?.size).toBe(1)
  await until('global to say so', async () => (await lastErrorOf('south')) !== '', 60_000)
  expect(await lastErrorOf('south')).toMatch(
    /^all Secret together have 11\d{6} bytes and a Kuma receives 10\d{6} in one message: .*kuma\.io\/kds-sync: disabled/,
  )
  // What changes goes on, in that session.
  await putService(east, 'web', 81)
  const port = () =>
    [...(south.held().get('MeshService')?.values() ?? [])].map(({ spec }) => Buffer.from(spec).toString())
  await until('a change to arrive', () => port().some((spec) => spec.includes('"port":81')), 60_000)
  // Who says what it has is told the difference, and that may be sent.
  const returning = crudeZone('returning', { gzip: true })
  const { items } = await global.store.read.list({ type: 'Secret', offset: 0, limit: 100 })
  const had = items.filter(({ name }) => name !== 'large-1').map((row) => toExported(row))
  returning.globalToZone.request({
    node: { id: 'returning' },
    typeUrl: 'Secret',
    resourceNamesSubscribe: ['*'],
    initialResourceVersions: {
      ...Object.fromEntries(had.map((one) => [wireKey(one.mesh, one.name), kumaVersion(encodeForZone(one))])),
      'gone.default': 'of-old',
    },
  })
  await until('the difference', () => returning.globalToZone.responses.length === 1, 60_000)
  const told = returning.globalToZone.responses.map(({ resources, removedResources }) => [
    resources.map(({ name }) => name),
    removedResources,
  ])
  expect(told).toEqual([[['large-1.default'], ['gone.default']]])
  for (const name of names.slice(0, 3)) await remove(global, `/meshes/default/secrets/${name}`)
  expect(south.ended()).toBeUndefined()
  south.stop()
  // The same session would have it within a minute (plain-late.test.ts), the next one has it at once.
  const again = kumaZone('south')
  await until('the list to arrive', () => again.held().get('Secret')?.has('large-9.default') === true, 60_000)
})

/** A whole list of services that is easily compressed: each is mostly blanks. */
function largeList(zone: string, count: number, bytesEach: number): readonly KumaResourceParts[] {
  return Array.from({ length: count }, (_, i) => {
    const labels = {
      [originLabel]: 'zone',
      [zoneLabel]: zone,
      [meshLabel]: 'default',
      [envLabel]: 'universal',
      [displayNameLabel]: `s-${i}`,
    }
    const spec = `{"selector":{"dataplaneTags":{"app":"web"}},"ports":[{"port":80,"targetPort":80}]${' '.repeat(bytesEach)}}`
    const name = exportName(typeOf('MeshService'), 'default', `s-${i}`, labels)
    return { name, mesh: 'default', labels, typeUrl: '', spec: utf8(spec) }
  })
}

const offered = (zone: CrudeZone, resources: readonly KumaResourceParts[]): void =>
  zone.zoneToGlobal.response({ typeUrl: 'MeshService', nonce: '1', resources: resources.map((r) => wireResource(r)) })

test('gzip, as a Kuma sends: the limit is of what is in it; a list below it is kept, one above ends its stream with size and limit and deletes nothing', async () => {
  const fits = crudeZone('packed', { gzip: true })
  await until('global to ask', () => fits.zoneToGlobal.requests.length === typesSentUp.length, 60_000)
  offered(fits, largeList('packed', 9, secretBytes))
  // What is east's is there as well.
  const known = async () => (await global.store.read.list({ type: 'MeshService', offset: 0, limit: 1 })).total - 1
  await until('all to be here', async () => (await known()) === 9, 60_000)
  expect(fits.zoneToGlobal.ended()).toBeUndefined()
  fits.close()

  const bomb = crudeZone('packed', { gzip: true })
  await until('global to ask', () => bomb.zoneToGlobal.requests.length === typesSentUp.length, 60_000)
  offered(bomb, largeList('packed', 11, secretBytes))
  await until('its stream to end', () => bomb.zoneToGlobal.ended() !== undefined, 60_000)
  expect(bomb.zoneToGlobal.ended()).toMatchObject({ code: 8, details: expect.stringMatching(/10485760/) })
  bomb.globalToZone.request({ node: { id: 'packed' }, typeUrl: 'Mesh', resourceNamesSubscribe: ['*'] })
  await until('the other stream to be served', () => bomb.globalToZone.responses.length === 1, 60_000)
  // The nine of a megabyte each are still under way to it, when the machine is busy.
  await until('east to be in step again', () => inStep(east), 60_000)
  expect([await known(), await deletedOf(global)]).toEqual([9, 0])
})

test('where both were told to let more through, a list of a Kuma zone over 10 MiB is kept, and another one gets it whole', async () => {
  const roomy = await startGlobal({ messageBytesMax: 24 << 20 })
  try {
    const target = `127.0.0.1:${roomy.port}`
    const large = crudeZone('large', { gzip: true, target })
    await until('global to ask', () => large.zoneToGlobal.requests.length === typesSentUp.length, 60_000)
    offered(large, largeList('large', 11, secretBytes))
    const known = async () => (await roomy.store.read.list({ type: 'MeshService', offset: 0, limit: 1 })).total
    await until('all to be here', async () => (await known()) === 11, 60_000)
    const other = crudeZone('other', { gzip: true, target })
    other.globalToZone.request({ node: { id: 'other' }, typeUrl: 'MeshService', resourceNamesSubscribe: ['*'] })
    await until('the list', () => other.globalToZone.responses.length === 1, 60_000)
    expect([other.globalToZone.responses[0]?.resources.length, large.zoneToGlobal.ended()]).toEqual([11, undefined])
  } finally {
    await roomy.close()
  }
})
