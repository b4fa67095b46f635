import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import {
  type Channel,
  channels,
  type Delta,
  type Offer,
  type PlainMessage,
  type SessionMessage,
  type Unreadable,
} from '@holdfast/kds'
import { contentHash, type ExportedResource, encodeForZone, hex, statusEntry, utf8, wireKey } from '@holdfast/model'
import {
  type DeltaDiscoveryResponse,
  DeltaDiscoveryResponseSchema,
  type Resource as WireResource,
} from '@holdfast/proto'
import { expect, test } from 'vitest'
import { decodeFrame } from './decode.js'
import { OfferEncoder } from './offers.js'
import { encodePlain, plainCodecContext } from './plain.js'
import { encodeSession } from './session.js'
import { otherRole } from './streams.js'

const encoder = new OfferEncoder()
const description = { instanceId: 'east-0001', storeType: 'postgres', environment: 'universal' }

const service = (name: string, zone = 'west'): ExportedResource => ({
  type: 'MeshService',
  mesh: 'default',
  name,
  labels: { 'kuma.io/display-name': name, 'kuma.io/zone': zone },
  typeUrl: '',
  spec: utf8('{"ports":[]}'),
  vips: { addresses: ['241.16.0.9'], generation: 3 },
})
const offerOf = (resource: ExportedResource): Offer => ({ version: hex(contentHash(resource)), resource })

/** A delta of three services on a channel, as bytes, after `spoil` had the middle one in its hands. */
function spoilt(channel: Channel, spoil: (wire: WireResource) => void) {
  const offers = ['one', 'two', 'three'].map((name) =>
    offerOf({
      ...service(name, channel === 'down' ? 'west' : 'east'),
      ...(channel === 'status' ? { status: utf8(`{"of":"${name}"}`) } : {}),
    }),
  )
  const delta: Delta = {
    type: 'MeshService',
    nonce: '1',
    offers,
    removals: [],
    absent: [],
    purpose: { kind: 'asked' },
  }
  const message: SessionMessage = { type: 'to-receiver', channel, message: { type: 'delta', delta } }
  const role = channel === 'down' ? 'global' : 'zone'
  const frame = encodeSession(
    message,
    role === 'global' ? { role, zone: 'east', encoder } : { role, zone: 'east', encoder, description },
  )
  return { offers, received: decode(frame, role, spoil, true) }
}

function decode(
  { stream, bytes }: ReturnType<typeof encodeSession>,
  role: 'global' | 'zone',
  spoil: (wire: WireResource) => void,
  extension: boolean,
) {
  const response: DeltaDiscoveryResponse = fromBinary(DeltaDiscoveryResponseSchema, bytes)
  const [, middle] = response.resources
  if (middle !== undefined) spoil(middle)
  const again = toBinary(DeltaDiscoveryResponseSchema, response)
  return decodeFrame(again, { role: otherRole(role), zone: 'east', stream, extension })
}

function deltaOf(received: ReturnType<typeof decodeFrame>): Delta {
  if (received.kind !== 'message') throw new Error(JSON.stringify(received))
  const { message } = received
  if (message.type !== 'to-receiver' || message.message.type !== 'delta') throw new Error(message.type)
  return message.message.delta
}

const withValue = (wire: WireResource, value: Uint8Array): void => {
  if (wire.resource !== undefined) wire.resource.value = value
}
const cut = (wire: WireResource): void => withValue(wire, (wire.resource?.value ?? new Uint8Array()).subarray(0, 30))
const labelled = (label: string, text: string) => (wire: WireResource) => {
  const other = service('two')
  withValue(wire, encodeForZone({ ...other, labels: { ...other.labels, [label]: text } }))
}

const ways: readonly (readonly [string, (wire: WireResource) => void, string])[] = [
  ['cut off', cut, 'resource is not a KumaResource: not protobuf'],
  ['nothing', (wire) => withValue(wire, new Uint8Array()), 'resource is not a KumaResource: meta.name is missing'],
  ['without content', (wire) => delete wire.resource, 'resource is missing'],
  [
    'another type',
    (wire) => {
      if (wire.resource !== undefined) wire.resource.typeUrl = 'type.googleapis.com/kuma.mesh.v2.KumaResource'
    },
    'resource.type_url must be',
  ],
  ['another name inside', (wire) => withValue(wire, encodeForZone(service('else'))), 'name must be "else.default"'],
  ['no version', (wire) => (wire.version = ''), 'version is empty'],
  ['a VIP of five bytes', (wire) => wire.holdfast?.vips.push(new Uint8Array(5)), 'vips[1] must have 4 or 16 bytes'],
  ['a NUL in a label', labelled('team', 'a\u0000b'), 'labels["team"] has a NUL character'],
  ['a display name of 600 bytes', labelled('kuma.io/display-name', 'x'.repeat(600)), 'must be at most 512 bytes'],
]

test.each(ways)('ISO: one resource that is %s is set apart by name, the others are read', (_, spoil, reason) => {
  const { offers, received } = spoilt('down', spoil)
  const { offers: read, unreadable = [] } = deltaOf(received)
  expect(read.map(({ resource }) => resource.name)).toEqual(['one', 'three'])
  expect(unreadable).toMatchObject([{ key: 'two.default', origin: 'west', reason: expect.stringContaining(reason) }])
  // What it counts with is known all the same, but where that itself is what is broken.
  const [it] = unreadable
  if (!/version|vips/.test(reason)) expect(it?.version).toBe(offers[1]?.version)
  if (!reason.includes('vips')) expect(it?.vips).toEqual(service('two').vips)
})

test.each(channels)('ISO: on %s it says whose it is and what it counts with', (channel) => {
  const { received } = spoilt(channel, cut)
  const [it] = deltaOf(received).unreadable ?? []
  const identity = { type: 'MeshService', mesh: 'default', exportName: 'two', origin: 'east' }
  const expected: Partial<Unreadable> =
    channel === 'down'
      ? { origin: 'west' }
      : channel === 'status'
        ? { statusEntry: statusEntry(identity, utf8('{"of":"two"}')) }
        : {}
  const { key, reason, version, vips, ...told } = it ?? { key: '', reason: '', version: '' }
  expect(told).toEqual(expected)
  expect([key, reason !== '', version !== '', vips]).toEqual(['two.default', true, true, service('two').vips])
})

test('ISO: a plain Kuma peer’s resource that cannot be read is set apart as well', () => {
  const message: PlainMessage = {
    type: 'response',
    resourceType: 'MeshService',
    nonce: '1',
    offers: ['one', 'two', 'three'].map((name) => offerOf(service(name))),
    removals: ['four.default'],
  }
  const context = plainCodecContext(
    'global',
    'east',
    { ...description, version: '', features: [], config: '' },
    encoder,
  )
  const received = decode(encodePlain(message, context), 'global', cut, false)
  expect(received).toMatchObject({
    kind: 'plain',
    message: {
      offers: [{ resource: { name: 'one' } }, { resource: { name: 'three' } }],
      unreadable: [{ key: 'two.default', version: expect.stringMatching(/^[0-9a-f]{64}$/) }],
      removals: ['four.default'],
    },
  })
})

test.each([
  ['no name at all', ''],
  ['a name with a NUL', 'two\u0000.default'],
  ['a name of 2,000 bytes', wireKey('default', 'x'.repeat(2_000))],
])('what cannot even be named (%s) is a malformed message', (_, name) => {
  const { received } = spoilt('down', (wire) => {
    wire.name = name
    cut(wire)
  })
  expect(received).toEqual({
    kind: 'violation',
    reason: expect.stringMatching(/^response on GlobalToZoneSync: resources\[1\]\.resource is not a KumaResource/),
  })
})

test('a service without a VIP arrives without one, although its owner stands beside it', () => {
  const { vips, ...headless } = service('two')
  expect(vips).toBeDefined()
  const shared = offerOf(headless)
  const bytes = encoder.encode(shared, { to: 'zone' }, 'holdfast')
  const response = create(DeltaDiscoveryResponseSchema, {})
  expect([bytes.length > 0, response.resources]).toEqual([true, []])
  const message: SessionMessage = {
    type: 'to-receiver',
    channel: 'down',
    message: {
      type: 'delta',
      delta: {
        ...{ type: 'MeshService', nonce: '1', offers: [shared], removals: [], absent: [] },
        purpose: { kind: 'asked' },
      },
    },
  }
  const frame = encodeSession(message, { role: 'global', zone: 'east', encoder })
  const { offers } = deltaOf(
    decodeFrame(frame.bytes, { role: 'zone', zone: 'east', stream: frame.stream, extension: true }),
  )
  expect(offers).toEqual([shared])
})
