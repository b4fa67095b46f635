import {
  displayNameLabel,
  envLabel,
  exportName,
  type KumaResourceParts,
  meshLabel,
  originLabel,
  typeOf,
  typesSentDownToKuma,
  typesSentUp,
  utf8,
  zoneLabel,
} from '@holdfast/model'
import {
  type CrudeZone,
  type CrudeZoneOptions,
  type FakeKumaZone,
  startCrudeZone,
  startFakeKumaZone,
  wireResource,
} from '@holdfast/testkit'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { applyServices, deletedOf, get } from '../testing/faults.js'
import {
  eager,
  type GlobalPlane,
  inStep,
  putService,
  servicesOf,
  startGlobal,
  startZone,
  until,
  type ZonePlane,
} from '../testing/mesh.js'

// What a plain Kuma zone may say that it should not: its stream or the resource is refused by name, and nothing else
// stops. Beside it live a zone of ours and a Kuma zone that keep the rules.
vi.setConfig({ testTimeout: 60_000 })

let global: GlobalPlane
let east: ZonePlane
let south: FakeKumaZone
const bad: CrudeZone[] = []
let changes = 0

beforeAll(async () => {
  global = await startGlobal()
  east = await startZone('east', global.port, { backoff: eager })
  south = startFakeKumaZone({ target: `127.0.0.1:${global.port}`, zone: 'south' })
  await until('east to be in step', () => inStep(east), 20_000)
  await putService(east, 'web')
  south.put('MeshService', serviceOf('south', 'cart'))
  await until('everybody to know both', async () => {
    const seen = south.held().get('MeshService')?.size
    return seen === 1 && (await servicesOf(east)).has('south/cart')
  })
})

afterAll(async () => {
  south.stop()
  await east.close()
  await global.close()
})

/** Nothing else stops, and nothing is lost. */
afterEach(async () => {
  for (const zone of bad.splice(0)) zone.close()
  changes += 1
  await putService(east, 'web', 1_000 + changes)
  const arrived = (): boolean =>
    [...(south.held().get('MeshService')?.values() ?? [])].some(({ spec }) =>
      Buffer.from(spec)
        .toString()
        .includes(`"port":${1_000 + changes}`),
    )
  await until('a change of east to reach the other Kuma zone', arrived, 20_000)
  await until('east to be in step again', () => inStep(east))
  expect([south.ended(), inStep(east), await deletedOf(global)]).toEqual([undefined, true, 0])
  expect([...(await servicesOf(east)).keys()]).toEqual(expect.arrayContaining(['east/web', 'south/cart']))
})

let zones = 0
/** A zone of a name of its own. */
function dial(options: Partial<CrudeZoneOptions> = {}): CrudeZone & { readonly zone: string } {
  zones += 1
  const { zone = `bad-${zones}` } = options
  const crude = startCrudeZone({ target: `127.0.0.1:${global.port}`, ...options, zone })
  bad.push(crude)
  return { ...crude, zone }
}

function serviceOf(zone: string, displayName: string, more: Partial<KumaResourceParts> = {}): KumaResourceParts {
  const mesh = more.mesh ?? 'default'
  const labels = {
    [originLabel]: 'zone',
    [zoneLabel]: zone,
    [meshLabel]: mesh,
    [envLabel]: 'universal',
    [displayNameLabel]: displayName,
    ...more.labels,
  }
  const spec = utf8('{"selector":{"dataplaneTags":{"app":"web"}},"ports":[{"port":80,"targetPort":80}]}')
  const name = exportName(typeOf('MeshService'), mesh, displayName, labels)
  return { name, mesh, typeUrl: '', spec, ...more, labels }
}

/** What global knows by display name of a zone's services. */
const known = async (zone: string): Promise<readonly string[]> =>
  [...(await servicesOf(global)).keys()]
    .filter((key) => key.startsWith(`${zone}/`))
    .map((key) => key.slice(zone.length + 1))

const plainPeers = async (): Promise<readonly string[]> =>
  (await get<{ peers: readonly { readonly peer: string }[] }>(global, '/_holdfast/sync')).peers.map(({ peer }) => peer)

const endOf = async (stream: CrudeZone['globalToZone']) => {
  await until('the stream to be ended', () => stream.ended() !== undefined)
  return stream.ended()
}

/** What global answers to a response about MeshService with this nonce. */
const verdictOn = async ({ zoneToGlobal }: CrudeZone, nonce: string): Promise<string | undefined> => {
  const found = () => zoneToGlobal.requests.find((r) => r.typeUrl === 'MeshService' && r.responseNonce === nonce)
  await until(`an answer to response ${nonce} (${JSON.stringify(zoneToGlobal.ended())})`, () => found() !== undefined)
  return found()?.errorDetail?.message
}

const invalid = 3
const unknownCode = 2

test.each([
  ['no name', { 'kds-version': 'v3' }, { code: unknownCode, details: '"client-id" is not present in metadata' }],
  ['an empty name', { 'client-id': '' }, { code: unknownCode, details: '"client-id" is not present in metadata' }],
  [
    'a name that is none',
    { 'client-id': 'east/down' },
    { code: invalid, details: expect.stringMatching(/"east\/down"$/) },
  ],
  [
    'a name as long as a book',
    { 'client-id': 'a'.repeat(4_000) },
    { code: invalid, details: expect.stringMatching(/at most 253/) },
  ],
])('who says %s in its metadata is told so on both streams', async (_, metadata, end) => {
  const zone = dial({ metadata })
  expect(await endOf(zone.globalToZone)).toEqual(end)
  expect(await endOf(zone.zoneToGlobal)).toEqual(end)
})

test('a request without node, with the node of another, without a type, or of bytes that are none: the stream ends and says which field', async () => {
  const noNode = dial()
  noNode.globalToZone.request({ typeUrl: 'Mesh', resourceNamesSubscribe: ['*'] })
  const said = (details: string) => ({
    code: invalid,
    details: expect.stringContaining(`request on GlobalToZoneSync: ${details}`),
  })
  expect(await endOf(noNode.globalToZone)).toEqual(said('node is missing; it must be in every request'))
  const other = dial()
  other.globalToZone.request({ node: { id: 'east' }, typeUrl: 'Mesh', resourceNamesSubscribe: ['*'] })
  expect(await endOf(other.globalToZone)).toEqual(said(`node.id must be "${other.zone}"`))
  const noType = dial()
  noType.globalToZone.request({ node: { id: noType.zone }, resourceNamesSubscribe: ['*'] })
  expect(await endOf(noType.globalToZone)).toEqual(said('type_url is empty'))
  const long = dial()
  long.globalToZone.request({ node: { id: long.zone }, typeUrl: 'T'.repeat(300), resourceNamesSubscribe: ['*'] })
  expect(await endOf(long.globalToZone)).toEqual(said('type_url must be at most 256 bytes'))
  const noise = dial()
  noise.globalToZone.write(Uint8Array.of(0xff, 0xff, 0xff))
  expect(await endOf(noise.globalToZone)).toEqual(said('not protobuf'))
})

test('types that nobody knows get an empty list, as a Kuma gives them, and the others go on', async () => {
  const zone = dial()
  for (const typeUrl of ['type.googleapis.com/no.such.Type', 'FromTheFuture', 'MeshService'])
    zone.globalToZone.request({ node: { id: zone.zone }, typeUrl, resourceNamesSubscribe: ['*'] })
  await until('three lists', () => zone.globalToZone.responses.length === 3)
  expect(zone.globalToZone.responses.map(({ typeUrl, resources }) => [typeUrl, resources.length])).toEqual([
    ['type.googleapis.com/no.such.Type', 0],
    ['FromTheFuture', 0],
    ['MeshService', 2],
  ])
})

test('more types than there can be end the stream', async () => {
  const zone = dial()
  for (let i = 0; i < 300; i++)
    zone.globalToZone.request({ node: { id: zone.zone }, typeUrl: `Type${i}`, resourceNamesSubscribe: ['*'] })
  const details = 'the peer subscribed to more than 256 types, the last one was Type256 (down)'
  expect(await endOf(zone.globalToZone)).toEqual({ code: invalid, details })
})

test('responses that were never asked for end the stream and name the type', async () => {
  const zone = dial()
  zone.zoneToGlobal.response({ typeUrl: 'Mesh', nonce: '1' })
  const details = 'the peer sent Mesh, which was not asked for (up)'
  expect(await endOf(zone.zoneToGlobal)).toEqual({ code: invalid, details })
  const noNonce = dial()
  noNonce.zoneToGlobal.response({ typeUrl: 'MeshService' })
  expect(await endOf(noNonce.zoneToGlobal)).toEqual({
    code: invalid,
    details: expect.stringContaining('nonce is empty'),
  })
})

test('of one list each bad resource is refused by name and reason, and the good ones are kept', async () => {
  const zone = dial({ zone: 'messy' })
  const name = zone.zone
  const good = serviceOf(name, 'good')
  const asked = () => zone.zoneToGlobal.requests.length === typesSentUp.length
  await until('global to ask', asked)
  zone.zoneToGlobal.response({
    typeUrl: 'MeshService',
    nonce: '1',
    resources: [
      wireResource(good),
      wireResource(serviceOf(name, 'any'), { typeUrl: 'type.googleapis.com/other.Thing' }),
      wireResource(serviceOf(name, 'garbled'), { value: Uint8Array.of(255, 255) }),
      wireResource(serviceOf(name, 'early', { mesh: 'elsewhere' })),
      wireResource(serviceOf(name, 'meshless', { mesh: '' })),
      wireResource({ ...serviceOf(name, 'plain'), name: 'plain' }),
      wireResource(serviceOf(name, 'twice')),
      wireResource(serviceOf(name, 'twice', { spec: utf8('{"selector":{},"ports":[{"port":81}]}') })),
      wireResource(serviceOf(name, 'same')),
      wireResource(serviceOf(name, 'same')),
      wireResource(serviceOf(name, 'no-json', { spec: utf8('{"ports":') })),
    ],
  })
  expect((await verdictOn(zone, '1'))?.split('\n').sort()).toMatchInlineSnapshot(`
    [
      "any-c4dc8594z885xw4c.default: cannot be read: resource.type_url must be "type.googleapis.com/kuma.mesh.v1alpha1.KumaResource", not "type.googleapis.com/other.Thing"",
      "garbled-cff7w5f52zvx4v22.default: cannot be read: resource is not a KumaResource: not protobuf",
      "meshless-v7vfx442cddv69vx.: MeshService lives in a mesh, and none is named",
      "no-json-2b8zx8w4cz4x9w2z.default: spec: is not a JSON object",
      "plain.default: the name does not follow from the labels: with these it is "plain-dw2cb544vc85bc99"",
      "twice-9d642547z457cf85.default: stands twice in one message, and not with the same content",
    ]
  `)
  expect([...(await known(name))].sort()).toMatchInlineSnapshot(`
    [
      "early",
      "good",
      "same",
    ]
  `)
})

test('an origin that lies is set right: what a connection says belongs to its zone', async () => {
  const zone = dial({ zone: 'liar' })
  await until('global to ask', () => zone.zoneToGlobal.requests.length === typesSentUp.length)
  const liar = serviceOf(zone.zone, 'liar')
  zone.zoneToGlobal.response({
    typeUrl: 'MeshService',
    nonce: '1',
    resources: [
      wireResource({ ...liar, labels: { ...liar.labels, [originLabel]: 'global' } }),
      // East's own service, from somebody who is not east.
      wireResource(serviceOf('east', 'web')),
    ],
  })
  expect(await verdictOn(zone, '1')).toMatchInlineSnapshot(
    `"web-vwcv4542475475v9.default: label kuma.io/zone says "east", and this is zone liar's connection"`,
  )
  expect(await known(zone.zone)).toMatchInlineSnapshot(`
    [
      "liar",
    ]
  `)
  expect(await known('east')).toEqual(['web'])
})

test('a message of 20 MiB ends its stream with size and limit, and its zone is served on the other', async () => {
  const zone = dial()
  await until('global to ask', () => zone.zoneToGlobal.requests.length === typesSentUp.length)
  zone.zoneToGlobal.response({
    typeUrl: 'MeshService',
    nonce: '1',
    resources: [wireResource(serviceOf(zone.zone, 'large', { spec: new Uint8Array(20 << 20).fill(0x20) }))],
  })
  expect(await endOf(zone.zoneToGlobal)).toEqual({
    code: 8,
    details: expect.stringMatching(/^Received message larger than max \(2\d+ vs 10485760\)$/),
  })
  zone.globalToZone.request({ node: { id: zone.zone }, typeUrl: 'Mesh', resourceNamesSubscribe: ['*'] })
  await until('a list', () => zone.globalToZone.responses.length === 1)
})

test('who never acknowledges one type still gets the others', async () => {
  const zone = dial()
  const ask = (typeUrl: string): void =>
    zone.globalToZone.request({ node: { id: zone.zone }, typeUrl, resourceNamesSubscribe: ['*'] })
  ask('Mesh')
  ask('MeshService')
  await until('both lists', () => zone.globalToZone.responses.length === 2)
  const list = zone.globalToZone.responses.find(({ typeUrl }) => typeUrl === 'MeshService')
  zone.globalToZone.request({ node: { id: zone.zone }, typeUrl: 'MeshService', responseNonce: list?.nonce ?? '' })
  await putService(east, 'unacked')
  await until('the change to come, Mesh being unanswered', () => zone.globalToZone.responses.length === 3, 15_000)
})

test('who reads nothing for a while gets everything when it reads again, and meanwhile nobody waits for it', async () => {
  const zone = dial({ paused: true })
  for (const { name } of typesSentDownToKuma)
    zone.globalToZone.request({ node: { id: zone.zone }, typeUrl: name, resourceNamesSubscribe: ['*'] })
  await until('global to have it', async () => (await plainPeers()).includes(zone.zone))
  await putService(east, 'while-paused')
  const told = () =>
    [...(south.held().get('MeshService')?.values() ?? [])].some(({ name }) => name.startsWith('while-'))
  await until('the change to reach the other Kuma zone', told)
  zone.globalToZone.resume()
  await until('all lists', () => zone.globalToZone.responses.length >= typesSentDownToKuma.length)
  for (const { typeUrl, nonce } of zone.globalToZone.responses.slice())
    zone.globalToZone.request({ node: { id: zone.zone }, typeUrl, responseNonce: nonce })
  const names = () => zone.globalToZone.responses.flatMap(({ resources }) => resources.map(({ name }) => name))
  await until('the change to reach it too', () => names().some((name) => name.startsWith('while-paused-')))
  expect(zone.globalToZone.ended()).toBeUndefined()
})

test('who asks on and on and reads nothing: global keeps no answers for it, nobody waits, and it gets everything when it reads again', async () => {
  const zone = dial({ paused: true })
  const asked = 20_000
  for (let i = 0; i < asked; i++)
    zone.globalToZone.request({ node: { id: zone.zone }, typeUrl: 'MeshService', resourceNamesSubscribe: ['*'] })
  await until('global to have it', async () => (await plainPeers()).includes(zone.zone))
  await putService(east, 'while-deaf')
  const told = () =>
    [...(south.held().get('MeshService')?.values() ?? [])].some(({ name }) => name.startsWith('while-deaf-'))
  await until('the change to reach the other Kuma zone', told)
  zone.globalToZone.resume()
  const hasIt = () =>
    zone.globalToZone.responses.at(-1)?.resources.some(({ name }) => name.startsWith('while-deaf-')) === true
  await until('everything', () => zone.globalToZone.ended() !== undefined || hasIt(), 30_000)
  expect([zone.globalToZone.responses.length < asked / 20, zone.globalToZone.ended()]).toEqual([true, undefined])
})

test('a refusal is no new subscription, although it says * as one does: what was refused does not come again with the next change', async () => {
  const zone = dial()
  const of = () => zone.globalToZone.responses
  zone.globalToZone.request({ node: { id: zone.zone }, typeUrl: 'MeshService', resourceNamesSubscribe: ['*'] })
  await until('the list', () => of().length === 1)
  expect(of()[0]?.resources.length).toBeGreaterThan(1)
  zone.globalToZone.request({
    ...{ node: { id: zone.zone }, typeUrl: 'MeshService', resourceNamesSubscribe: ['*'] },
    responseNonce: of()[0]?.nonce ?? '',
    errorDetail: { message: 'spec.ports: too many' },
  })
  await putService(east, 'after-refusal')
  await until('the change', () => of().length === 2)
  expect(of()[1]?.resources.map(({ name }) => name.replace(/-[^-]+\.default$/, ''))).toEqual(['after-refusal'])
  // Unanswered, nothing more of the type comes, whatever changes.
  await applyServices(east, ['after-refusal', 'one-more'], 81)
  zone.globalToZone.request({ node: { id: zone.zone }, typeUrl: 'Mesh', resourceNamesSubscribe: ['*'] })
  await until('another list', () => of().some(({ typeUrl }) => typeUrl === 'Mesh'))
  expect(of().length).toBe(3)
  zone.globalToZone.request({ node: { id: zone.zone }, typeUrl: 'MeshService', responseNonce: of()[1]?.nonce ?? '' })
  await until('both changes in one', () => of().length === 4)
  expect(
    of()[3]
      ?.resources.map(({ name }) => name.replace(/-[^-]+\.default$/, ''))
      .sort(),
  ).toEqual(['after-refusal', 'one-more'])
})

test('ONE, OWN: a second connection of a name takes it over: the first is ended and says nothing any more that counts', async () => {
  const first = dial({ zone: 'twin' })
  await until('global to ask the first', () => first.zoneToGlobal.requests.length === typesSentUp.length)
  const second = dial({ zone: 'twin' })
  await endOf(first.zoneToGlobal)
  await until('global to ask the second', () => second.zoneToGlobal.requests.length === typesSentUp.length)
  first.zoneToGlobal.response({
    typeUrl: 'MeshService',
    nonce: '1',
    resources: [wireResource(serviceOf('twin', 'old'))],
  })
  second.zoneToGlobal.response({
    typeUrl: 'MeshService',
    nonce: '1',
    resources: [wireResource(serviceOf('twin', 'new'))],
  })
  expect([await verdictOn(second, '1'), await known('twin')]).toEqual([undefined, ['new']])
  expect([second.globalToZone.ended(), second.zoneToGlobal.ended()]).toEqual([undefined, undefined])
})

test('all zones of a mesh come back in one moment, each with half a megabyte of requests: everybody gets all of its lists', async () => {
  const names = Array.from({ length: 24 }, (_, i) => `kuma-${i}`)
  // As a real one says it: its whole configuration stands in each of its 45 initial requests.
  const config = JSON.stringify({ store: { type: 'postgres' }, mode: 'zone', rest: 'x'.repeat(10_000) })
  const zones = names.map((name) => dial({ zone: name, gzip: true }))
  for (const [i, { globalToZone }] of zones.entries())
    for (const { name: typeUrl } of typesSentDownToKuma)
      globalToZone.request({
        node: { id: names[i] ?? '', metadata: { config } },
        typeUrl,
        resourceNamesSubscribe: ['*'],
      })
  const all = zones.length * typesSentDownToKuma.length
  const answers = () => zones.reduce((sum, { globalToZone }) => sum + globalToZone.responses.length, 0)
  await until('all answers', () => answers() >= all, 60_000)
  const types = zones.map(({ globalToZone }) => new Set(globalToZone.responses.map(({ typeUrl }) => typeUrl)).size)
  expect([answers(), new Set(types)]).toEqual([all, new Set([typesSentDownToKuma.length])])
  expect(zones.map(({ globalToZone, zoneToGlobal }) => globalToZone.ended() ?? zoneToGlobal.ended())).toEqual(
    names.map(() => undefined),
  )
})
