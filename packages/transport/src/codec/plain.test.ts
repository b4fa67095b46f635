import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { fromBinary } from '@bufbuild/protobuf'
import type { PlainMessage } from '@holdfast/kds'
import { DeltaDiscoveryRequestSchema } from '@holdfast/proto'
import { expect, test } from 'vitest'
import { decodeFrame } from './decode.js'
import { describedBy, nodeFeatures } from './node.js'
import { OfferEncoder } from './offers.js'
import { encodePlain, plainCodecContext } from './plain.js'
import { type LinkRole, otherRole, receivedKind, type StreamName } from './streams.js'

const encode = (role: LinkRole, zone: string, message: PlainMessage, config = '{}') =>
  encodePlain(
    message,
    plainCodecContext(
      role,
      zone,
      { version: '2.14.3', instanceId: 'zone-1-cp-abcd', features: nodeFeatures.slice(0, 4), config },
      new OfferEncoder(),
    ),
  )
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

const examples: readonly (readonly [string, LinkRole, PlainMessage, string])[] = [
  [
    'an initial request',
    'zone',
    { type: 'subscribe', resourceType: 'Mesh', initialVersions: {} },
    '0aca010a067a6f6e652d311abf010a0e0a06636f6e66696712041a027b7d0a240a10636f6e74726f6c2d706c616e652d696412101a0e7a6f6e652d312d63702d616263640a550a086665617475726573124932470a0c1a0a7a6f6e652d746f6b656e0a0d1a0b686173682d7375666669780a101a0e68672d6d7a2d73656c6563746f720a161a1470726f64756365722d706f6c6963792d666c6f770a300a0776657273696f6e12252a230a210a066b756d61437012172a150a130a0776657273696f6e12081a06322e31342e3312044d6573681a012a',
  ],
  ['an ACK', 'zone', { type: 'ack', resourceType: 'Mesh', nonce: '1' }, '0a080a067a6f6e652d3112044d657368320131'],
  [
    'a NACK',
    'zone',
    { type: 'nack', resourceType: 'Mesh', nonce: '1', message: 'name: invalid' },
    '0a080a067a6f6e652d3112044d6573681a012a3201313a0f120d6e616d653a20696e76616c6964',
  ],
  [
    'an empty response',
    'global',
    { type: 'response', resourceType: 'MeshTimeout', nonce: '2', offers: [], removals: [] },
    '220b4d65736854696d656f75742a01323a080a06676c6f62616c',
  ],
  [
    'a removal',
    'global',
    {
      type: 'response',
      resourceType: 'MeshService',
      nonce: '7',
      offers: [],
      removals: ['backend-d8466458x7574b7b.default'],
    },
    '220b4d657368536572766963652a013732206261636b656e642d643834363634353878373537346237622e64656661756c743a080a06676c6f62616c',
  ],
]

test.each(examples)('%s is byte for byte what a Kuma says', (_, role, message, expected) => {
  expect(hexOf(encode(role, 'zone-1', message).bytes)).toBe(expected)
})

test('a response with the default Mesh decodes and encodes to the same bytes', () => {
  const bytes = Buffer.from(
    '12da010a4065653365643139393363613337323165363630396330666237386262373131613030663936633830386166363637353938363239336434323064633064366431128b010a33747970652e676f6f676c65617069732e636f6d2f6b756d612e6d6573682e7631616c706861312e4b756d615265736f7572636512540a230a0764656661756c7432180a0e6b756d612e696f2f6f726967696e1206676c6f62616c122d0a2b747970652e676f6f676c65617069732e636f6d2f6b756d612e6d6573682e7631616c706861312e4d6573681a0864656661756c742e22044d6573682a01313a080a06676c6f62616c',
    'hex',
  )
  const received = decodeFrame(bytes, {
    role: 'zone',
    zone: 'zone-1',
    stream: 'globalToZone',
    extension: false,
  })
  expect(received.kind).toBe('plain')
  if (received.kind === 'plain') expect(hexOf(encode('global', 'zone-1', received.message).bytes)).toBe(hexOf(bytes))
})

interface Line {
  readonly stream: number
  readonly method: string
  readonly from?: LinkRole
  readonly base64?: string
  readonly event?: string
  readonly metadata?: Readonly<Record<string, string>>
}

const conversation = (version: string): readonly Line[] =>
  gunzipSync(readFileSync(new URL(`../../../model/testdata/${version}/conversation.ndjson.gz`, import.meta.url)))
    .toString()
    .trim()
    .split('\n')
    .map((line): Line => JSON.parse(line))

const streams: Readonly<Record<string, StreamName>> = {
  GlobalToZoneSync: 'globalToZone',
  ZoneToGlobalSync: 'zoneToGlobal',
}

const recordings = [
  ['2.14.3', { described: 380, requests: 414, responses: 414 }],
  ['2.13.10', { described: 360, requests: 399, responses: 399 }],
] as const

test.each(recordings)(
  'every message recorded from Kuma %s is understood and said in the same bytes',
  (version, expected) => {
    const zones = new Map<number, string>()
    const counted = { requests: 0, responses: 0, described: 0 }
    for (const line of conversation(version)) {
      const stream = streams[line.method]
      if (stream === undefined) continue
      if (line.event === 'open') zones.set(line.stream, line.metadata?.['client-id'] ?? '')
      if (line.base64 === undefined || line.from === undefined) continue
      const bytes = Buffer.from(line.base64, 'base64')
      const zone = zones.get(line.stream) ?? ''
      const role = otherRole(line.from)
      const received = decodeFrame(bytes, { role, zone, stream, extension: false })
      if (received.kind !== 'plain') throw new Error(JSON.stringify(received))
      const again = encode(line.from, zone, received.message)
      expect(again.stream).toBe(stream)
      if (receivedKind(role, stream) === 'response') {
        counted.responses += 1
        expect(hexOf(again.bytes)).toBe(hexOf(bytes))
      } else if (received.message.type === 'subscribe') {
        // A described node is a map in random order: what it says is compared, not how.
        counted.described += 1
        expect(received.node?.features).toEqual(nodeFeatures)
        const { node, ...request } = fromBinary(DeltaDiscoveryRequestSchema, bytes)
        const { node: ownNode, ...own } = fromBinary(DeltaDiscoveryRequestSchema, again.bytes)
        expect(own).toEqual(request)
        expect(ownNode?.id).toBe(node?.id)
        expect(node && describedBy(node)).toEqual(received.node)
      } else {
        counted.requests += 1
        expect(hexOf(again.bytes)).toBe(hexOf(bytes))
      }
    }
    expect(counted).toEqual(expected)
  },
)

const malformedFrames: readonly (readonly [string, LinkRole, StreamName, string, string])[] = [
  [
    'no node',
    'global',
    'globalToZone',
    '12044d657368320131',
    'request on GlobalToZoneSync: node is missing; it must be in every request',
  ],
  ['no type', 'global', 'globalToZone', '0a080a067a6f6e652d31', 'request on GlobalToZoneSync: type_url is empty'],
  ['no nonce', 'zone', 'globalToZone', '22044d657368', 'response on GlobalToZoneSync: nonce is empty'],
  ['cut off', 'zone', 'globalToZone', '22044d65', 'response on GlobalToZoneSync: not protobuf: premature EOF'],
  [
    'a resource without content',
    'zone',
    'globalToZone',
    '120022044d6573682a0131',
    'response on GlobalToZoneSync: resources[0].resource is missing',
  ],
]

test.each(malformedFrames)('%s: the violation names the field', (_, role, stream, hex, reason) => {
  expect(decodeFrame(Buffer.from(hex, 'hex'), { role, zone: 'zone-1', stream, extension: false })).toEqual({
    kind: 'violation',
    reason,
  })
})
