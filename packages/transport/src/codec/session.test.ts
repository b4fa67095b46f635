import { type Channel, type Delta, type Offer, offerBytes, type SessionMessage } from '@holdfast/kds'
import { type ExportedResource, utf8 } from '@holdfast/model'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeFrame } from './decode.js'
import { OfferEncoder } from './offers.js'
import { encodeSession } from './session.js'
import { type LinkRole, otherRole, receivedKind, type StreamName, streamNames, streamOf } from './streams.js'

const encoder = new OfferEncoder()
const encode = (role: LinkRole, message: SessionMessage) =>
  encodeSession(
    message,
    role === 'global'
      ? { role, zone: 'east', encoder }
      : {
          role,
          zone: 'east',
          encoder,
          description: { instanceId: 'east-0001', storeType: 'postgres', environment: 'universal' },
        },
  )

const hexDigits = (bytes: number) =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((b) => Buffer.from(b).toString('hex'))
const count = fc.nat(Number.MAX_SAFE_INTEGER)
const uint32 = fc.nat(0xffff_ffff)
const text = fc.string({ unit: 'binary', maxLength: 20 })
/** No origin can hold a label with a NUL: no database takes one. What a peer sends all the same is refused alone. */
const labelText = text.map((value) => value.replaceAll('\0', ''))
const word = fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/)
const type = fc.constantFrom('Mesh', 'MeshService', 'MeshTimeout', 'TypeOfTheFuture')
const key = fc.tuple(word, word).map(([name, mesh]) => `${name}.${mesh}`)
const optional = <K extends string, T>(name: K, value: fc.Arbitrary<T>) =>
  fc.option(value, { nil: undefined }).map((v): { readonly [P in K]?: T } => (v === undefined ? {} : asRecord(name, v)))
const asRecord = <K extends string, T>(name: K, value: T): { readonly [P in K]?: T } => {
  const record: { [P in K]?: T } = {}
  record[name] = value
  return record
}

const cursor = fc.record({ epoch: hexDigits(16), revision: count, tag: hexDigits(8) })
const digest = fc.record({ lanes: fc.tuple(uint32, uint32, uint32, uint32), count: uint32 })
const position = fc.record({ revision: count, typeOrder: uint32, mesh: word, name: word })
const mark = fc.record({ cursor, digest })
const standing = fc
  .tuple(digest, optional('cursor', cursor), optional('partial', position))
  .map(([offered, a, b]) => ({ offered, ...a, ...b }))
const begin = fc.oneof(
  fc.record({ mode: fc.constant('in-step' as const), mark }),
  fc.record({ mode: fc.constant('resume' as const) }),
  fc.record({ mode: fc.constant('full' as const) }),
  fc.record({
    mode: fc.constant('repair' as const),
    from: cursor,
    digests: fc.array(fc.record({ type, digest }), { maxLength: 3 }),
  }),
)
const state = fc.constantFrom('uninitialised' as const, 'recovering' as const, 'ready' as const)
const storeId = fc.uuid().map((id) => id.toLowerCase())

const vips = fc.record({
  addresses: fc.constantFrom(['241.0.0.1'], ['241.0.0.1', 'fd00::1'], []),
  generation: fc.integer({ min: 1, max: 9 }),
})
const resource = (resourceType: string, channel: Channel): fc.Arbitrary<ExportedResource> =>
  fc
    .tuple(
      fc.record({
        type: fc.constant(resourceType),
        mesh: word,
        name: word,
        labels: fc.dictionary(word, labelText, { maxKeys: 3, noNullPrototype: true }),
        typeUrl: fc.constantFrom('', 'type.googleapis.com/kuma.mesh.v1alpha1.Mesh'),
        spec: fc
          .json()
          .map(utf8)
          .map((b) => new Uint8Array(b)),
      }),
      optional('vips', vips),
      channel === 'down'
        ? fc.constant({})
        : optional(
            'status',
            fc
              .json()
              .map(utf8)
              .map((b) => new Uint8Array(b)),
          ),
    )
    .map(([base, v, s]) => ({
      ...base,
      labels:
        channel === 'down'
          ? { ...base.labels, ...(base.name.length % 2 === 0 ? { 'kuma.io/zone': base.name } : {}) }
          : { ...base.labels, 'kuma.io/zone': 'east' },
      ...v,
      ...s,
    }))
const offer = (resourceType: string, channel: Channel): fc.Arbitrary<Offer> =>
  fc.record({ version: hexDigits(32), resource: resource(resourceType, channel) })
const purpose = fc.oneof(
  fc
    .tuple(
      fc.record({
        kind: fc.constant('range' as const),
        page: uint32,
        parts: uint32,
        cursorEpoch: hexDigits(16),
        through: position,
      }),
      optional('mark', mark),
    )
    .map(([a, b]) => ({ ...a, ...b })),
  fc.record({ kind: fc.constant('repair' as const), more: fc.boolean() }),
  fc.record({ kind: fc.constant('asked' as const) }),
)
const delta = (channel: Channel): fc.Arbitrary<Delta> =>
  type.chain((resourceType) =>
    fc
      .tuple(
        fc.record({
          type: fc.constant(resourceType),
          nonce: word,
          offers: fc.array(offer(resourceType, channel), { maxLength: 3 }),
          removals: fc.array(fc.record({ key, deletedAtMs: count }), { maxLength: 3 }),
          absent: fc.array(key, { maxLength: 3 }),
          purpose,
        }),
        optional('traces', fc.array(word, { minLength: 1, maxLength: 16 })),
      )
      .map(([a, b]) => ({ ...a, ...b })),
  )
const level = fc.integer({ min: 1, max: 3 })
const prefixed = level.chain((l) =>
  fc.record({ level: fc.constant(l), prefixes: fc.array(fc.nat(32 ** l - 1), { maxLength: 4 }) }),
)
const refused = fc
  .tuple(fc.record({ key, reason: text }), optional('remembered', word))
  .map(([a, b]) => ({ ...a, ...b }))

const toSender = (channel: Channel): fc.Arbitrary<SessionMessage> =>
  fc
    .oneof(
      fc.record({ type: fc.constant('start' as const), standing }),
      fc.record({ type: fc.constant('ack' as const), resourceType: fc.oneof(type, fc.constant('')), nonce: word }),
      fc.record({
        type: fc.constant('nack' as const),
        resourceType: type,
        nonce: word,
        refused: fc.array(refused, { maxLength: 3 }),
      }),
      fc.tuple(type, prefixed, digest).map(([resourceType, { level: l, prefixes }, d]) => ({
        type: 'buckets' as const,
        resourceType,
        level: l,
        digests: prefixes.map((prefix) => ({ prefix, digest: d })),
      })),
      fc.record({
        type: fc.constant('entries' as const),
        resourceType: type,
        buckets: fc.array(fc.nat(32767), { maxLength: 4 }),
        entries: fc.array(fc.record({ key, entry: hexDigits(16) }), { maxLength: 3 }),
      }),
      fc.record({
        type: fc.constant('ask' as const),
        resourceType: type,
        keys: fc.array(key, { minLength: 1, maxLength: 3 }),
      }),
    )
    .map((message) => ({ type: 'to-sender', channel, message }))

const toReceiver = (channel: Channel): fc.Arbitrary<SessionMessage> =>
  fc
    .oneof(
      fc.record({ type: fc.constant('begin' as const), begin }),
      fc.record({ type: fc.constant('delta' as const), delta: delta(channel) }),
      fc.tuple(type, prefixed).map(([resourceType, { level: l, prefixes }]) => ({
        type: 'bucket-answer' as const,
        resourceType,
        level: l,
        differing: prefixes,
      })),
    )
    .map((message) => ({ type: 'to-receiver', channel, message }))

const heartbeat = fc
  .tuple(
    fc.record({ sequence: count, ackedRevision: count, faults: fc.array(text, { maxLength: 2 }) }),
    optional('mark', mark),
    optional('statusMark', mark),
    optional('reportKept', hexDigits(8)),
    optional('report', fc.record({ hash: fc.oneof(fc.constant(''), hexDigits(8)), body: text })),
    optional('settled', fc.record({ cursor, except: fc.array(text, { maxLength: 3 }) })),
  )
  .map(([a, b, c, d, e, f]) => ({ type: 'heartbeat' as const, heartbeat: { ...a, ...b, ...c, ...d, ...e, ...f } }))

const described = fc.record({
  name: text,
  scope: fc.constantFrom('mesh' as const, 'global' as const),
  order: uint32,
  encoding: text,
  emptyStatus: text,
  hashed: fc.boolean(),
  globalToZones: fc.boolean(),
  zoneToGlobal: fc.boolean(),
  acrossZones: fc.boolean(),
  policy: fc.boolean(),
})
const types = fc.record({
  type: fc.constant('types' as const),
  typeSet: hexDigits(32),
  types: fc.array(described, { maxLength: 3 }),
  wanted: fc.boolean(),
})

const messages: Readonly<Record<LinkRole, fc.Arbitrary<SessionMessage>>> = {
  zone: fc.oneof(
    fc
      .tuple(
        fc.record({
          hashAlgorithm: uint32,
          typeSet: hexDigits(32),
          storeId,
          state,
          everInStep: fc.boolean(),
          down: standing,
          up: mark,
          status: mark,
          version: text,
        }),
        optional('knownTypeSet', hexDigits(32)),
        optional('traces', fc.constant(true)),
      )
      .map(([a, b, c]) => ({ ...a, ...b, ...c }))
      .map((hello) => ({ type: 'hello' as const, hello })),
    heartbeat,
    types,
    fc.record({
      type: fc.constant('lease' as const),
      demands: fc.array(fc.record({ kind: word, active: uint32, pending: uint32 }), { maxLength: 2 }),
      wantedCidrs: fc.array(word, { maxLength: 2 }),
    }),
    fc.record({ type: fc.constant('recall' as const), after: text, done: fc.boolean() }),
    fc.record({
      type: fc.constant('question-answer' as const),
      id: word,
      error: text,
      body: text,
      more: fc.boolean(),
    }),
    toSender('down'),
    toReceiver('up'),
    toReceiver('status'),
  ),
  global: fc.oneof(
    fc
      .tuple(
        fc.record({ storeId, state, upInStep: fc.boolean(), statusInStep: fc.boolean(), version: text }),
        optional('down', begin),
        optional('upCursor', cursor),
        optional('owesReturn', fc.constant(true)),
        optional('traces', fc.constant(true)),
      )
      .map(([a, b, c, d, e]) => ({ type: 'answer' as const, answer: { ...a, ...b, ...c, ...d, ...e } })),
    fc.record({ type: fc.constant('refused-entry' as const), reason: word }),
    heartbeat,
    types,
    fc.record({ type: fc.constant('lease-answer' as const), refused: fc.array(text, { maxLength: 2 }) }),
    fc.record({ type: fc.constant('recalled' as const), body: text, error: text }),
    fc.record({ type: fc.constant('question' as const), id: word, what: word, body: text }),
    toReceiver('down'),
    toSender('up'),
    toSender('status'),
  ),
}

/** Deep copy with plain arrays of bytes, so that views into one buffer compare as their content. */
const comparable = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (_, v: unknown) => (v instanceof Uint8Array ? Buffer.from(v).toString('hex') : v)))

test.each(['zone', 'global'] as const)('whatever a %s says arrives as it was said', (role) => {
  fc.assert(
    fc.property(messages[role], (message) => {
      const { stream, bytes } = encode(role, message)
      const received = decodeFrame(bytes, { role: otherRole(role), zone: 'east', stream, extension: true })
      expect(received).toMatchObject({ kind: 'message' })
      if (received.kind === 'message') expect(comparable(received.message)).toEqual(comparable(message))
    }),
    { numRuns: 500 },
  )
})

test('one end never says what is the other end’s to say', () => {
  expect(() => encode('global', { type: 'lease', demands: [], wantedCidrs: [] })).toThrow('a global sends no lease')
  expect(() => encode('zone', { type: 'refused-entry', reason: 'no' })).toThrow('a zone sends no refused-entry')
  expect(() =>
    encode('zone', { type: 'to-sender', channel: 'up', message: { type: 'ack', resourceType: 'Mesh', nonce: '1' } }),
  ).toThrow('a zone receives no channel up')
})

test('a channel on the other stream is a violation', () => {
  const { bytes } = encode('zone', {
    type: 'to-sender',
    channel: 'down',
    message: { type: 'ack', resourceType: 'Mesh', nonce: '1' },
  })
  // The same kind of frame, seen as if it had come on the stream where a zone receives requests.
  expect(decodeFrame(bytes, { role: 'zone', zone: 'east', stream: 'zoneToGlobal', extension: true })).toEqual({
    kind: 'violation',
    reason: 'request on ZoneToGlobalSync: holdfast.channel "down" does not belong on this stream',
  })
})

test('a zone cannot speak for another one', () => {
  const { stream, bytes } = encode('zone', { type: 'lease', demands: [], wantedCidrs: [] })
  expect(decodeFrame(bytes, { role: 'global', zone: 'west', stream, extension: true })).toEqual({
    kind: 'violation',
    reason: 'request on GlobalToZoneSync: node.id must be "west", the zone of this connection, not "east"',
  })
})

test('an offer to zones is encoded once, whatever the number of zones', () => {
  const own = new OfferEncoder()
  const shared: Offer = {
    version: '00'.repeat(32),
    resource: { type: 'Mesh', mesh: '', name: 'default', labels: {}, typeUrl: 'x', spec: new Uint8Array() },
  }
  const message = {
    type: 'to-receiver',
    channel: 'down',
    message: {
      type: 'delta',
      delta: {
        type: 'Mesh',
        nonce: '1',
        offers: [shared],
        removals: [],
        absent: [],
        purpose: { kind: 'asked' },
      },
    },
  } as const satisfies SessionMessage
  for (const zone of ['east', 'west', 'north']) encodeSession(message, { role: 'global', zone, encoder: own })
  expect(own.encodings).toBe(1)
})

test('mutated and random bytes are answered with a message or a violation, never with a throw', () => {
  const mutation = fc.tuple(fc.nat(), fc.nat(255), fc.constantFrom('set', 'cut', 'insert', 'double' as const))
  const mutate = (bytes: Uint8Array, [at, value, how]: [number, number, string]): Uint8Array => {
    if (bytes.length === 0) return Uint8Array.of(value)
    const index = at % bytes.length
    const copy = Uint8Array.from(bytes)
    if (how === 'cut') return copy.subarray(0, index)
    if (how === 'insert') return Buffer.concat([copy.subarray(0, index), Buffer.of(value), copy.subarray(index)])
    if (how === 'double') return Buffer.concat([copy, copy.subarray(index)])
    copy[index] = value
    return copy
  }
  const kinds = new Set<string>()
  const decodeAll = (role: LinkRole, bytes: Uint8Array, streams: readonly StreamName[]) => {
    for (const stream of streams)
      for (const extension of [true, false, undefined])
        kinds.add(decodeFrame(bytes, { role, zone: 'east', stream, extension }).kind)
  }
  for (const role of ['zone', 'global'] as const)
    fc.assert(
      fc.property(messages[role], fc.array(mutation, { minLength: 1, maxLength: 4 }), (message, mutations) => {
        decodeAll(otherRole(role), mutations.reduce(mutate, encode(role, message).bytes), streamNames)
      }),
      { numRuns: 2_000 },
    )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      decodeAll('zone', bytes, streamNames)
      decodeAll('global', bytes, streamNames)
    }),
    { numRuns: 2_000 },
  )
  expect([...kinds].sort()).toEqual(['message', 'plain', 'violation'])
})

test('every channel is received as a response on exactly one end of its stream', () => {
  expect(
    (['down', 'up', 'status'] as const).map((channel) => [
      channel,
      receivedKind('zone', streamOf(channel)),
      receivedKind('global', streamOf(channel)),
    ]),
  ).toEqual([
    ['down', 'response', 'request'],
    ['up', 'request', 'response'],
    ['status', 'request', 'response'],
  ])
})

test('what a page is cut by is never less than what an offer takes on the wire', () => {
  const frameBytes = 5
  fc.assert(
    fc.property(offer('MeshService', 'down'), offer('MeshService', 'status'), (down, up) => {
      const sizes = [
        [encoder.encode(down, { to: 'zone' }, 'holdfast').length, down],
        [
          encoder.encode(up, { to: 'global', zone: 'a-zone-with-a-name-of-some-length', status: true }, 'holdfast')
            .length,
          up,
        ],
      ] as const
      for (const [bytes, one] of sizes) expect(bytes + frameBytes).toBeLessThanOrEqual(offerBytes(one))
    }),
  )
})
