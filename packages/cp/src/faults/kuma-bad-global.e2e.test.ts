import {
  displayNameLabel,
  exportName,
  type KumaResourceParts,
  meshLabel,
  originLabel,
  typeOf,
  typesSentDownToKuma,
  utf8,
  zoneLabel,
} from '@holdfast/model'
import { type CrudeGlobal, type CrudePeer, startCrudeGlobal, wireResource } from '@holdfast/testkit'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { deletedOf } from '../testing/faults.js'
import { eager, putService, servicesOf, startZone, until, type ZonePlane } from '../testing/mesh.js'

// What a Kuma global may say that it should not, to a zone of ours: the session ends and says why, or the resource is
// refused by name; what the zone has it keeps, and it comes back by itself.
vi.setConfig({ testTimeout: 60_000 })

let global: CrudeGlobal
let east: ZonePlane

beforeAll(async () => {
  global = await startCrudeGlobal()
  east = await startZone('east', global.port, { backoff: eager })
  await until('a local mesh', async () => (await putService(east, 'web').catch(() => 0)) !== 0, 20_000)
})

afterAll(async () => {
  await east.close()
  global.close()
})

/** The newest connection of the zone, on which it has asked for everything. */
let peer: CrudePeer
beforeEach(async () => {
  await until(
    'the zone to ask',
    () => {
      const newest = global.peers().at(-1)
      if (newest === undefined || newest.globalToZone.ended() !== undefined) return false
      peer = newest
      return newest.globalToZone.requests.length >= typesSentDownToKuma.length
    },
    20_000,
  )
})

function foreign(displayName: string, more: Partial<KumaResourceParts> = {}): KumaResourceParts {
  const labels = {
    [originLabel]: 'global',
    [zoneLabel]: 'north',
    [meshLabel]: 'default',
    [displayNameLabel]: displayName,
    ...more.labels,
  }
  const name = exportName(typeOf('MeshService'), more.mesh ?? 'default', displayName, labels)
  const spec = utf8('{"selector":{},"ports":[{"port":80,"targetPort":80}]}')
  return { name, mesh: 'default', typeUrl: '', spec, ...more, labels }
}

const known = async (): Promise<readonly string[]> => [...(await servicesOf(east)).keys()].sort()
const verdictOn = async (nonce: string) => {
  const found = () => peer.globalToZone.requests.find(({ responseNonce }) => responseNonce === nonce)
  await until(`an answer to response ${nonce}`, () => found() !== undefined)
  return found()?.errorDetail?.message.split('\n').sort()
}

/** The session ends for this reason, the zone keeps what it has and dials again. */
async function endsWith(reason: string): Promise<void> {
  await until(
    'the streams to end',
    () => peer.globalToZone.ended() !== undefined && peer.zoneToGlobal.ended() !== undefined,
  )
  await until('the reason', () => east.runtime.lastEnd?.reason.includes(reason) === true, 2_000).catch(() => {})
  expect(east.runtime.lastEnd?.reason).toContain(reason)
}

test('of one list each bad resource is refused by name and reason, and the good ones are kept', async () => {
  peer.globalToZone.response({
    typeUrl: 'MeshService',
    nonce: 'a',
    resources: [
      wireResource(foreign('good')),
      wireResource(foreign('any'), { typeUrl: 'type.googleapis.com/other.Thing' }),
      wireResource(foreign('garbled'), { value: Uint8Array.of(255, 255) }),
      wireResource({ ...foreign('plain'), name: 'plain' }),
      wireResource(foreign('twice')),
      wireResource(foreign('twice', { spec: utf8('{"selector":{},"ports":[{"port":81}]}') })),
      // Our own, from somebody else's mouth.
      wireResource(foreign('web', { labels: { [zoneLabel]: 'east' } })),
    ],
  })
  expect(await verdictOn('a')).toMatchInlineSnapshot(`
    [
      "any-9v65f2824b9c44d7.default: cannot be read: resource.type_url must be "type.googleapis.com/kuma.mesh.v1alpha1.KumaResource", not "type.googleapis.com/other.Thing"",
      "garbled-66dvf7fbzcx2524v.default: cannot be read: resource is not a KumaResource: not protobuf",
      "plain.default: the name does not follow from the labels: with these it is "plain-8d4b94b5596685z9"",
      "twice-z729vz2fvc5497wf.default: stands twice in one message, and not with the same content",
      "web-vwcv4542475475v9.default: it is said to be this zone's own; what zone east owns is written here and nowhere else",
    ]
  `)
  expect(await known()).toEqual(['east/web', 'north/good'])
})

test('what is both there and removed was changed, as a Kuma reads it', async () => {
  peer.globalToZone.response({
    typeUrl: 'MeshService',
    nonce: 'b',
    resources: [wireResource(foreign('good', { spec: utf8('{"selector":{},"ports":[{"port":82,"targetPort":82}]}') }))],
    removedResources: [`${foreign('good').name}.default`],
  })
  expect([await verdictOn('b'), await known()]).toEqual([undefined, ['east/web', 'north/good']])
})

test.each([
  [
    'a type that was not asked for',
    { typeUrl: 'FromTheFuture', nonce: 'c' },
    'sent FromTheFuture, which was not asked for',
  ],
  ['no type', { nonce: 'c' }, 'response on GlobalToZoneSync: type_url is empty'],
  ['no nonce', { typeUrl: 'Mesh' }, 'response on GlobalToZoneSync: nonce is empty'],
  ['a removal that names nothing', { typeUrl: 'Mesh', nonce: 'c', removedResources: ['.'] }, 'removed_resources[0]'],
])('%s ends the session with the reason, and the zone keeps what it has', async (_, fields, reason) => {
  peer.globalToZone.response(fields)
  await endsWith(reason)
  expect([await known(), await deletedOf(east)]).toEqual([['east/web', 'north/good'], 0])
})

test('bytes that are no message, on either stream', async () => {
  peer.globalToZone.write(Uint8Array.of(0xff, 0xff))
  await endsWith('response on GlobalToZoneSync: not protobuf')
})

test('requests without a node, and for types that nobody has', async () => {
  peer.zoneToGlobal.request({ node: { id: 'east' }, typeUrl: 'FromTheFuture', resourceNamesSubscribe: ['*'] })
  await until('an empty list', () => peer.zoneToGlobal.responses.some(({ typeUrl }) => typeUrl === 'FromTheFuture'))
  peer.zoneToGlobal.request({ typeUrl: 'MeshService', resourceNamesSubscribe: ['*'] })
  await endsWith('request on ZoneToGlobalSync: node is missing')
})

test('a message of 20 MiB', async () => {
  const spec = new Uint8Array(20 << 20).fill(0x20)
  peer.globalToZone.response({
    typeUrl: 'MeshService',
    nonce: 'd',
    resources: [wireResource(foreign('large', { spec }))],
  })
  await endsWith('larger than max')
  expect(await known()).toEqual(['east/web', 'north/good'])
})

test('an answer to a response that was never sent is nothing', async () => {
  peer.zoneToGlobal.request({ node: { id: 'east' }, typeUrl: 'MeshService', resourceNamesSubscribe: ['*'] })
  await until('a list', () => peer.zoneToGlobal.responses.length === 1)
  peer.zoneToGlobal.request({ node: { id: 'east' }, typeUrl: 'MeshService', responseNonce: '4711' })
  peer.zoneToGlobal.request({
    node: { id: 'east' },
    typeUrl: 'MeshService',
    responseNonce: peer.zoneToGlobal.responses[0]?.nonce ?? '',
  })
  await putService(east, 'cart')
  await until('a change', () =>
    peer.zoneToGlobal.responses.some(({ resources }) => resources.some(({ name }) => name.startsWith('cart-'))),
  )
  peer.zoneToGlobal.request({ node: { id: 'east' }, typeUrl: 'Mesh', responseNonce: '1' })
  await endsWith('answered Mesh, to which it is not subscribed')
})
