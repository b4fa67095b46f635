import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { emptyBytes, hex, utf8 } from './bytes.js'
import { Problem } from './problems.js'
import type { Resource } from './resource.js'
import {
  decodeKumaResource,
  encodeForGlobal,
  encodeForZone,
  encodeKumaResource,
  fromWire,
  kumaVersion,
  toExported,
} from './wire.js'

const known = readFileSync(new URL('../testdata/kuma-resources.txt', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => line.split(' '))

test.each(known)('%s %s %s', (direction, type, text) => {
  const bytes = Buffer.from(text ?? '', 'hex')
  const resource = fromWire(type ?? '', decodeKumaResource(bytes))
  const again = direction === 'down' ? encodeForZone(resource) : encodeForGlobal(resource, 'zone-1')
  expect(hex(again)).toBe(text)
})

test('the version of Kuma 2.14 for its default mesh', () => {
  const mesh = known.find(([direction, type]) => direction === 'down' && type === 'Mesh')
  expect(kumaVersion(Buffer.from(mesh?.[2] ?? '', 'hex'))).toBe(
    'ee3ed1993ca3721e6609c0fb78bb711a00f96c808af6675986293d420dc0d6d1',
  )
})

const bytes = fc.uint8Array({ maxLength: 20 })
const parts = fc.record({
  name: fc.string({ minLength: 1, unit: 'grapheme' }),
  mesh: fc.string(),
  // Keys that look like numbers are the ones whose order a JavaScript object changes.
  labels: fc.dictionary(
    fc.oneof(fc.string({ unit: 'grapheme' }), fc.nat().map(String)),
    fc.string({ unit: 'grapheme' }),
  ),
  typeUrl: fc.string(),
  spec: bytes,
  status: fc.option(bytes, { nil: undefined }),
})

test('UNKNOWN: whatever the spec and status are, what is decoded encodes to the same bytes', () => {
  fc.assert(
    fc.property(parts, (given) => {
      const encoded = encodeKumaResource(given)
      const { status, ...others } = given
      expect(decodeKumaResource(encoded)).toEqual(status === undefined ? others : given)
      expect(hex(encodeKumaResource(decodeKumaResource(encoded)))).toBe(hex(encoded))
    }),
  )
})

test('labels are sorted by key bytes and empty values are written, as Kuma does', () => {
  expect(
    hex(encodeKumaResource({ name: 'a', mesh: '', labels: { 9: 'x', 10: '' }, typeUrl: '', spec: utf8('{}') })),
  ).toBe(['0a13', '0a0161', '3206', '0a023130', '1200', '3206', '0a0139', '120178', '1204', '12027b7d'].join(''))
})

test('fields of an envelope newer than ours are passed over', () => {
  const encoded = encodeKumaResource({ name: 'a', mesh: 'm', labels: {}, typeUrl: '', spec: utf8('{}') })
  const newer = Buffer.concat([encoded, Buffer.from('2a0178' + '3001', 'hex')])
  expect(decodeKumaResource(newer)).toEqual(decodeKumaResource(encoded))
})

test.each([
  ['ff', 'not a KumaResource: not protobuf'],
  ['0a05', 'not a KumaResource: not protobuf'],
  ['', 'not a KumaResource: meta.name is missing'],
  ['0a030a0161', 'not a KumaResource: spec of a is missing'],
])('bytes %j are refused', (text, message) => {
  expect(() => decodeKumaResource(Buffer.from(text, 'hex'))).toThrow(new Problem('invalid', message))
})

const stored: Resource = {
  type: 'MeshService',
  mesh: 'default',
  name: 'web',
  exportName: 'web-hash',
  displayName: 'web',
  namespace: '',
  origin: 'east',
  audience: 'all',
  labels: { 'kuma.io/zone': 'east', 'kuma.io/origin': 'zone', 'private/x': '1' },
  typeUrl: '',
  spec: utf8('{"ports":[]}'),
  vips: { addresses: ['241.16.0.1'], generation: 1 },
}

test('in export form: the export name, labels that travel, status only if asked for', () => {
  const exported = {
    type: 'MeshService',
    mesh: 'default',
    name: 'web-hash',
    labels: { 'kuma.io/zone': 'east' },
    typeUrl: '',
    spec: stored.spec,
    vips: stored.vips,
  }
  expect(toExported(stored, { skipPrefixes: ['private/'] })).toEqual(exported)
  const status = utf8('{"vips":[]}')
  expect(toExported({ ...stored, vips: undefined }, { status, skipPrefixes: ['private/'] })).toEqual({
    type: 'MeshService',
    mesh: 'default',
    name: 'web-hash',
    labels: { 'kuma.io/zone': 'east' },
    typeUrl: '',
    spec: stored.spec,
    status,
  })
})

test('status goes up as it is and never down; types without one have none', () => {
  const service = { ...toExported(stored), status: utf8('{"tls":{"status":"Ready"},"dataplaneProxies":{}}') }
  const statusOf = (encoded: Uint8Array) => Buffer.from(decodeKumaResource(encoded).status ?? emptyBytes).toString()
  expect(statusOf(encodeForGlobal(service, 'east'))).toBe('{"tls":{"status":"Ready"},"dataplaneProxies":{}}')
  expect(statusOf(encodeForZone(service))).toBe('{"tls":{},"dataplaneProxies":{}}')
  expect(statusOf(encodeForGlobal(toExported(stored), 'east'))).toBe('{"tls":{},"dataplaneProxies":{}}')
  const timeout = { ...toExported(stored), type: 'MeshTimeout' }
  expect(decodeKumaResource(encodeForZone(timeout)).status).toBe(undefined)
})

test('origin is a matter of the hop: global for zones, zone for global, with the zone that speaks', () => {
  const labels = (encoded: Uint8Array) => decodeKumaResource(encoded).labels
  expect(labels(encodeForZone(toExported(stored, { skipPrefixes: ['private/'] })))).toEqual({
    'kuma.io/origin': 'global',
    'kuma.io/zone': 'east',
  })
  expect(labels(encodeForGlobal(toExported(stored, { skipPrefixes: ['private/'] }), 'west'))).toEqual({
    'kuma.io/origin': 'zone',
    'kuma.io/zone': 'west',
  })
})
