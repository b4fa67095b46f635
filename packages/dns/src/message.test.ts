import packet from 'dns-packet'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeResponse, hear, sayingOf } from './message.js'
import { Responder } from './responder.js'
import { SourceLimit, sourcesMax, surplusBytesMax, surplusBytesPerSecond } from './server/limits.js'
import { query, rcodeOf } from './testing/server.js'
import { served, service } from './testing/services.js'

const world = served([service({ name: 'web' })])
const responder = new Responder({
  served: () => world,
  forwarder: undefined,
  mark: 'me',
  count: () => undefined,
  onLoop: () => undefined,
})

/** A good query with some of its bytes changed, some missing, some added. */
const nearlyQuery = fc
  .record({
    name: fc.constantFrom('web.svc.mesh.local', 'a.b', '_http._tcp.web.svc.mesh.local', '.'),
    changes: fc.array(fc.tuple(fc.nat(70), fc.nat(255)), { maxLength: 6 }),
    cut: fc.nat(70),
    tail: fc.uint8Array({ maxLength: 20 }),
  })
  .map(({ name, changes, cut, tail }) => {
    const bytes = Buffer.concat([query(name, 'A'), tail])
    for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value
    return bytes.subarray(0, Math.max(0, bytes.length - (cut > 50 ? cut - 50 : 0)))
  })

test('whatever comes, nothing is thrown; responses get no response; every answer has the number of its question', () => {
  const heard = new Map<string, number>()
  const check = (bytes: Buffer): void => {
    const response = responder.respond(bytes, 'udp')
    const { outcome } = hear(bytes)
    heard.set(outcome, (heard.get(outcome) ?? 0) + 1)
    if (outcome === 'ignored') {
      expect(response).toBeUndefined()
      return
    }
    if (!(response instanceof Buffer)) throw new Error('no answer')
    expect(response.readUInt16BE(0)).toBe(bytes.readUInt16BE(0))
    expect(response.readUInt16BE(2) & 0x8000).toBe(0x8000)
    expect(response.length).toBeLessThanOrEqual(1_232)
  }
  fc.assert(fc.property(nearlyQuery, check), { numRuns: 5_000 })
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => check(Buffer.from(bytes))),
    { numRuns: 5_000 },
  )
  expect([...heard.keys()].sort()).toEqual(['bad', 'ignored', 'query'])
})

test.each([
  ['a status query', { flags: 2 << 11 }, 'NOTIMP'],
  ['no question', { questions: [] }, 'FORMERR'],
  ['two questions', { questions: [1, 2].map(() => ({ name: 'a', type: 'A' as const })) }, 'FORMERR'],
  ['an answer in a query', { answers: [{ type: 'A' as const, name: 'a', data: '1.2.3.4' }] }, 'FORMERR'],
])('%s', (_what, change, rcode) => {
  const response = responder.respond(query('web.svc.mesh.local', 'A', change), 'udp')
  expect(rcodeOf(response as Buffer)).toBe(rcode)
})

test('a name with a dot inside a label, or that is no text, is not mistaken for another', () => {
  const bytes = query('web.svc.mesh.local', 'A')
  // One label "web.svc" instead of two.
  bytes[12] = 7
  bytes[16] = '.'.charCodeAt(0)
  expect(hear(bytes)).toMatchObject({ outcome: 'bad', rcode: 'FORMERR' })
  const noText = query('abc.svc.mesh.local', 'A')
  noText[13] = 0xff
  expect(hear(noText)).toMatchObject({ outcome: 'bad', rcode: 'FORMERR' })
})

test('types without a name in the library are answered like any other', () => {
  const heard = hear(query('web.svc.mesh.local', 'UNKNOWN_65'))
  if (heard.outcome !== 'query') throw new Error(heard.outcome)
  const bytes = responder.respond(query('web.svc.mesh.local', 'UNKNOWN_65'), 'udp') as Buffer
  const response = packet.decode(bytes)
  expect([rcodeOf(bytes), response.questions?.[0]?.type, response.authorities?.[0]?.type]).toEqual([
    'NOERROR',
    'UNKNOWN_65',
    'SOA',
  ])
})

test('what does not fit says so', () => {
  const heard = hear(query('web.svc.mesh.local', 'A'))
  if (heard.outcome !== 'query') throw new Error(heard.outcome)
  const records = Array.from({ length: 50 }, () => ({
    type: 'A' as const,
    name: 'web.svc.mesh.local',
    ttl: 60,
    data: '1.2.3.4',
  }))
  const say = sayingOf({ outcome: 'answered', records }, false)
  expect(packet.decode(encodeResponse(heard.query, say, 'udp'))).toMatchObject({ flag_tc: true, answers: [] })
  expect(packet.decode(encodeResponse(heard.query, say, 'tcp')).answers).toHaveLength(50)
})

test('a source gets no more than its budget beyond what it sent, whatever it asks, and others are not touched', () => {
  const limit = new SourceLimit()
  let sent = 0
  for (let i = 0; i < 10_000; i++) if (limit.allows('192.0.2.1', 40, 1_000)) sent += 40
  expect(sent).toBeLessThanOrEqual(surplusBytesMax)
  expect(sent).toBeGreaterThan(surplusBytesMax - 40)
  expect(limit.allows('192.0.2.2', 40, 1_000)).toBe(true)
  // One host has a whole /64.
  for (let i = 0; i < 10_000; i++) limit.allows(`2001:db8:1:2::${i.toString(16)}`, 40, 1_000)
  expect(limit.allows('2001:db8:1:2:3:4:5:6', 40, 1_000)).toBe(false)
  expect(limit.allows('2001:db8:1:3::1', 40, 1_000)).toBe(true)
  expect(limit.allows('192.0.2.1', surplusBytesPerSecond / 8, 1_126)).toBe(true)
  for (let i = 0; i < sourcesMax + 500; i++) limit.allows(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, 1, 2_000)
  expect(limit.sources).toBe(sourcesMax)
})
