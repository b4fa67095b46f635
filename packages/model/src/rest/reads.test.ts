import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { DataplaneSchema, DeltaDiscoveryResponseSchema } from '@holdfast/proto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hex, utf8 } from '../bytes.js'
import { type Json, type JsonObject, parseJson } from '../kinds/json.js'
import { readJsonSpec } from '../kinds/json-kind.js'
import { specKindOf } from '../kinds/kinds.js'
import { encodeJsonSpec, sameSpec } from '../kinds/spec.js'
import { computedLabels, displayNameLabel, originLabel } from '../labels.js'
import { typeOf } from '../types.js'
import { decodeKumaResource, fromWire } from '../wire.js'
import { parseBody } from './parse.js'
import { toRest } from './render.js'

const time = { creationTime: '2026-01-01T00:00:00Z', modificationTime: '2026-01-02T00:00:00.5Z' }

interface Read {
  readonly writer: 'global' | 'zone-1'
  readonly type: string
  readonly body: string
  readonly shown: string
}

const reads = readFileSync(new URL('../../testdata/rest-reads.ndjson', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Read)

/** What we store beyond Kuma 2.14, what we compute instead, and what later Kumas no longer do. */
function withoutDifferences(shown: JsonObject, given: JsonObject): Json {
  const { labels, status: _, ...rest } = shown as { readonly labels?: Record<string, string>; readonly status?: Json }
  const givenLabels = (given.labels ?? {}) as JsonObject
  const { [originLabel]: origin, ...others } = labels ?? {}
  if (givenLabels[displayNameLabel] === undefined) delete others[displayNameLabel]
  // Global's own resources carry no origin label, even if their author wrote one.
  const kept = origin === undefined || origin === 'global' ? others : { ...others, [originLabel]: origin }
  const plain = { ...rest, ...time, ...(Object.keys(kept).length === 0 ? {} : { labels: kept }) }
  return JSON.parse(JSON.stringify(plain, (key, value) => (key === 'tags' ? withoutZone(value) : value)))
}

/** The tag that Kuma's zones add to every inbound makes one without tags invalid the next time it is written. */
function withoutZone({ 'kuma.io/zone': _, ...tags }: Record<string, string>) {
  return Object.keys(tags).length === 0 ? undefined : tags
}

test.each(
  reads.map((read, index): [number, string, string, Read] => [index + 1, read.writer, read.body.slice(0, 200), read]),
)('%i: %s shows %s as Kuma does', (_, __, ___, { writer, type: typeName, body, shown }) => {
  const type = typeOf(typeName)
  const role = writer === 'global' ? 'global' : 'zone'
  const at = role === 'global' ? ({ role } as const) : ({ role, zone: writer } as const)
  const context = {
    writer: role === 'global' ? ({ role } as const) : ({ role, zone: writer, federated: true } as const),
  }
  const parsed = parseBody(type, body, context)
  if (parsed.outcome !== 'parsed') throw new Error(JSON.stringify(parsed))
  const { name, mesh, spec, typeUrl, kindLabels } = parsed.body
  const labels = computedLabels(type, mesh, name, role, 'zone-1', parsed.body.labels, kindLabels)
  const stored = { type: typeName, mesh, name, labels, spec, typeUrl, origin: role === 'global' ? '' : 'zone-1' }
  const ours = toRest(stored, { viewer: at, ...time })
  const given = JSON.parse(body) as JsonObject
  // Kuma dropped the unknown field of this one; here unknown fields stay.
  const kumas = JSON.parse(body.includes('"foo":1},"bar"') ? shown.replace('"x"}]}', '"x"}],"foo":1}') : shown)
  expect(withoutDifferences(ours, given)).toEqual(withoutDifferences(kumas, given))
  const order = (keys: readonly string[]) => keys.filter((key) => Object.hasOwn(kumas, key) && Object.hasOwn(ours, key))
  expect(order(Object.keys(ours))).toEqual(order(Object.keys(kumas)))
  const text = (value: JsonObject): string => JSON.stringify(withoutDifferences(value, given))
  // Without a schema keys are sorted: Kuma's order of them is not known.
  if (specKindOf(type).kind !== undefined) expect(text(ours)).toBe(text(kumas))
  // Applying what was read changes nothing.
  const again = parseBody(type, ours, context)
  expect(again.outcome === 'parsed' ? [hex(again.body.spec), again.body.labels] : again).toEqual([
    hex(spec),
    ours.labels ?? {},
  ])
})

interface Line {
  readonly method: string
  readonly from?: string
  readonly base64?: string
}

const gunzipped = (path: string): string =>
  gunzipSync(readFileSync(new URL(`../../testdata/${path}`, import.meta.url))).toString('utf8')

function sentResources(folder: string) {
  const lines = gunzipped(`${folder}/conversation.ndjson.gz`)
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)
  return lines.flatMap(({ method, from, base64 }) => {
    const isDown = method === 'GlobalToZoneSync' && from === 'global'
    const isUp = method === 'ZoneToGlobalSync' && from === 'zone'
    if (base64 === undefined || !(isDown || isUp)) return []
    const message = fromBinary(DeltaDiscoveryResponseSchema, Buffer.from(base64, 'base64'))
    return message.resources.flatMap(({ resource }) =>
      resource === undefined ? [] : [{ isUp, ...fromWire(message.typeUrl, decodeKumaResource(resource.value)) }],
    )
  })
}

describe.each(['2.13.10', '2.13.10-no-suffix', '2.14.3', '2.14.3-no-suffix'])('Kuma %s', (folder) => {
  const sent = sentResources(folder)

  test('specs with a schema are written as Kuma writes them', () => {
    let count = 0
    for (const { type, spec } of sent) {
      const known = specKindOf(typeOf(type))
      const value = known.format === 'json' && known.kind !== undefined ? readJsonSpec(spec) : undefined
      if (value === undefined) continue
      count++
      expect(Buffer.from(encodeJsonSpec(typeOf(type), value)).toString()).toBe(Buffer.from(spec).toString())
    }
    expect(count).toBeGreaterThan(50)
  })
})

/** Without the suffix global keeps the zones' resources under names of its own. */
test.each(['2.13.10', '2.14.3'])('Kuma %s: global shows what the zones sent as it did', (folder) => {
  const sent = sentResources(folder)
  const states = JSON.parse(gunzipped(`${folder}/states.json.gz`)) as Record<
    string,
    Record<string, Record<string, Json>>
  >
  const up = sent.filter(({ isUp }) => isUp)
  let count = 0
  for (const state of Object.values(states))
    for (const items of Object.values(state.global ?? {})) {
      if (!Array.isArray(items)) continue
      for (const item of items as readonly JsonObject[]) {
        const candidates = up.filter(({ type, name }) => type === item.type && name === item.name)
        if (candidates.length === 0) continue
        count++
        const shown = candidates.map((each) => {
          const status = each.status === undefined ? undefined : readJsonSpec(each.status)
          const resource = { ...each, origin: each.labels['kuma.io/zone'] ?? '' }
          const { snis, ...ours } = toRest(resource, { viewer: { role: 'global' }, ...time, status })
          // Kuma 2.13 does not show them.
          return JSON.stringify(folder.startsWith('2.13') || snis === undefined ? ours : { ...ours, snis })
        })
        const { creationTime: _, modificationTime: __, ...theirs } = item
        expect(shown.map((text) => JSON.parse(text) as Json)).toContainEqual({ ...theirs, ...time })
      }
    }
  expect(count).toBeGreaterThan(20)
})

const context = { writer: { role: 'global' } } as const
const stored = (type: string, spec: Uint8Array) => ({ type, mesh: 'default', name: 'n', labels: {}, spec, origin: '' })

function again(type: string, spec: Uint8Array): Uint8Array | undefined {
  const shown = toRest(stored(type, spec), { viewer: { role: 'global' }, ...time })
  const parsed = parseBody(typeOf(type), JSON.stringify(shown), context)
  return parsed.outcome === 'parsed' ? parsed.body.spec : undefined
}

/** Numbers that JSON keeps exactly; the others are refused. */
const unknown = fc
  .dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue())
  .map((value): JsonObject => JSON.parse(JSON.stringify(value)))
  .filter((value) => !/\d{16}|e\+/.test(JSON.stringify(value)))
const bases: readonly (readonly [string, (extra: JsonObject) => JsonObject])[] = [
  [
    'MeshService',
    (extra) => ({ ...extra, ports: [{ ...extra, port: 80, targetPort: 'a', name: 'p' }], selector: extra }),
  ],
  [
    'MeshMultiZoneService',
    (extra) => ({ ...extra, selector: { meshService: { matchLabels: { a: 'b' } } }, ports: [{ port: 1 }] }),
  ],
  ['MeshExternalService', (extra) => ({ ...extra, match: { ...extra, port: 80 }, endpoints: [] })],
  ['HostnameGenerator', (extra) => ({ ...extra, template: 'x', selector: { meshService: {} } })],
  ['MeshRetry', (extra) => ({ ...extra, targetRef: { ...extra, kind: 'Mesh' } })],
  [
    'MeshTimeout',
    (extra) => ({
      ...extra,
      rules: [{ ...extra, default: { ...extra, idleTimeout: '1m0s', http: { ...extra, requestTimeout: '2s' } } }],
    }),
  ],
]

/** Names that the schemas know mean something there, so they are no unknown fields. */
const namesKnown =
  /"(state|selector|targetRef|kind|labels|tags|proxyTypes|sectionName|namespace|mesh|to|from|rules|matches|default|\w+Timeout|http|\w+Duration|ports|identities|name|port|targetPort|appProtocol|dataplane\w*|mesh\w*|match|extension|endpoints|tls|type|protocol|template)":/

test.each(bases)('UNKNOWN: fields that nobody knows survive in a %s', (type, spec) => {
  fc.assert(
    fc.property(unknown, (extra) => {
      fc.pre(!namesKnown.test(JSON.stringify(extra)))
      const read = parseJson(JSON.stringify(spec(extra)))
      if (read.outcome !== 'read') throw new Error(read.reason)
      const bytes = encodeJsonSpec(typeOf(type), read.value)
      const kept = readJsonSpec(bytes)
      for (const key of Object.keys(extra))
        expect(Object.hasOwn(kept ?? {}, key) && kept?.[key]).toEqual(JSON.parse(JSON.stringify(extra[key])))
      const returned = again(type, bytes)
      expect(returned === undefined ? undefined : Buffer.from(returned).toString()).toBe(Buffer.from(bytes).toString())
      expect(sameSpec(typeOf(type), bytes, returned ?? utf8(''))).toBe(true)
    }),
  )
})

test('UNKNOWN: fields of a newer Dataplane survive at every level', () => {
  const unknownField = fc.record({
    no: fc.integer({ min: 100, max: 500 }),
    wireType: fc.constant(2),
    data: fc.uint8Array({ maxLength: 5 }).map((data) => Uint8Array.of(data.length, ...data)),
  })
  fc.assert(
    fc.property(fc.array(unknownField, { maxLength: 3 }), fc.array(unknownField, { maxLength: 3 }), (top, inner) => {
      const message = create(DataplaneSchema, {
        networking: { address: '10.0.0.1', inbound: [{ port: 80, tags: { 'kuma.io/service': 'web' } }, { port: 81 }] },
      })
      message.$unknown = top
      const [first] = message.networking?.inbound ?? []
      if (first !== undefined) first.$unknown = inner
      const bytes = toBinary(DataplaneSchema, message)
      expect(hex(again('Dataplane', bytes) ?? utf8(''))).toBe(hex(bytes))
    }),
  )
})

test('bytes that are no Dataplane are shown as they are and can be given back', () => {
  const shown = toRest(stored('Dataplane', Uint8Array.of(0xff)), { viewer: { role: 'global' }, ...time })
  expect(shown['@spec']).toBe('/w==')
})

test('what differs only in bytes is the same, and what differs in value is not', () => {
  const type = typeOf('MeshService')
  const same = (a: string, b: string) => sameSpec(type, utf8(a), utf8(b))
  expect(
    same('{"ports":[{"port":80}]}', '{"state":"Unavailable","selector":{},"ports":[{"port":80,"appProtocol":"tcp"}]}'),
  ).toBe(true)
  expect(same('{"x":{"b":1,"a":2}}', '{"x":{"a":2,"b":1}}')).toBe(true)
  expect(same('{"ports":[{"port":80}]}', '{"ports":[{"port":81}]}')).toBe(false)
  expect(same('{"x":1}', '{}')).toBe(false)
  expect(same('{', '{}')).toBe(false)
  expect(sameSpec(typeOf('Zone'), Uint8Array.of(), Uint8Array.of(0x0a, 0x02, 0x08, 0x01))).toBe(false)
  expect(
    sameSpec(typeOf('Zone'), Uint8Array.of(0x0a, 0x02, 0x08, 0x01), Uint8Array.of(0x0a, 0x00, 0x0a, 0x02, 0x08, 0x01)),
  ).toBe(true)
})
