import fc from 'fast-check'
import { expect, test } from 'vitest'
import { utf8 } from '../bytes.js'
import { keepComputed, sameAuthored, withComputed } from '../kinds/computed.js'
import { meshMultiZoneServiceKind } from '../kinds/mesh-multi-zone-service.js'
import { meshServiceKind } from '../kinds/mesh-service.js'
import { typeOf } from '../types.js'
import { computedService, serviceStatusBytes } from './computed.js'
import { MultiZoneIndex } from './multi-zone.js'
import type { ServingProxy } from './proxy.js'
import { pairsOf, pairsWanted, selects } from './selector.js'

const type = typeOf('MeshService')
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString()
const spec = (more: object = {}) => meshServiceKind.encode({ selector: {}, ports: [{ port: 80 }], ...more })
const available = {
  state: 'Available',
  identities: [
    { type: 'ServiceTag', value: 'a' },
    { type: 'ServiceTag', value: 'b' },
  ],
} as const

test('specs that differ in what is computed say the same; anything else that differs does not', () => {
  const computed = withComputed(type, spec(), available)
  expect(sameAuthored(type, spec(), computed)).toBe(true)
  expect(sameAuthored(type, computed, withComputed(type, spec(), { state: 'Available' }))).toBe(true)
  expect(sameAuthored(type, spec({ ports: [{ port: 81 }] }), computed)).toBe(false)
  const timeout = typeOf('MeshTimeout')
  expect(sameAuthored(timeout, utf8('{"state":"Available"}'), utf8('{"state":"Unavailable"}'))).toBe(false)
})

test('an apply keeps what is computed, and what is new has none, whatever it says', () => {
  const existing = withComputed(type, spec(), available)
  const applied = spec({ ports: [{ port: 81 }], state: 'Unavailable', identities: [{ type: 'SpiffeID', value: 'x' }] })
  expect(text(keepComputed(type, applied, existing))).toBe(
    text(withComputed(type, spec({ ports: [{ port: 81 }] }), available)),
  )
  expect(text(keepComputed(type, withComputed(type, spec(), available), undefined))).toBe(text(spec()))
  // Bytes that say nothing computed are stored as they came, in whatever form.
  const odd = utf8('{ "ports": [], "selector": {} }')
  expect(keepComputed(type, odd, spec())).toBe(odd)
})

test('UNKNOWN: fields of a newer peer survive what is computed beside them', () => {
  const newer = meshServiceKind.encode({ selector: {}, ports: [{ port: 80, colour: 'red' }], shape: 'round' })
  const computed = text(withComputed(type, newer, available))
  expect(JSON.parse(computed)).toMatchObject({ shape: 'round', ports: [{ colour: 'red' }], state: 'Available' })
})

const proxy = (labels: Readonly<Record<string, string>>, ...tags: readonly Readonly<Record<string, string>>[]) =>
  ({
    mesh: 'default',
    name: 'dp-1',
    labels,
    createdAtMs: 0,
    inbounds: tags.map((each, i) => ({ port: 80 + i, name: `p${i}`, protocol: 'http', isReady: true, tags: each })),
  }) satisfies ServingProxy

test.each([
  ['a name', { dataplaneRef: { name: 'dp-1' } }, true],
  ['another name', { dataplaneRef: { name: 'dp-2' } }, false],
  ['no name', { dataplaneRef: {} }, false],
  ['labels, all of them', { dataplaneLabels: { matchLabels: { app: 'web', tier: 'x' } } }, true],
  ['labels, one too many', { dataplaneLabels: { matchLabels: { app: 'web', other: 'x' } } }, false],
  ['no labels', { dataplaneLabels: { matchLabels: {} } }, false],
  ['tags of one inbound', { dataplaneTags: { a: '1', b: '1' } }, true],
  ['tags of two inbounds', { dataplaneTags: { a: '1', b: '2' } }, false],
  ['nothing', {}, false],
] as const)('a selector by %s', (_, selector, expected) => {
  const web = proxy({ app: 'web', tier: 'x' }, { a: '1', b: '1' }, { a: '2', b: '2' })
  expect(selects(selector, web)).toBe(expected)
  // What the index looks up finds everything that is selected.
  const pairs = pairsWanted(selector)
  if (expected) expect(pairs?.every((pair) => pairsOf(web).includes(pair))).toBe(true)
  expect(selects(selector, proxy({ app: 'web', tier: 'x' }))).toBe(false)
})

test('a proxy is healthy with a ready inbound for every port, by number or by name; a port without target has none', () => {
  const matched = [{ proxy: proxy({}, {}, {}), insight: undefined }]
  const healthy = (...targets: readonly (number | string | undefined)[]) =>
    computedService(
      { ports: targets.map((targetPort, i) => ({ port: i + 1, targetPort, appProtocol: 'tcp' })) },
      matched,
      { enabledBackend: '' },
      false,
    ).proxies.healthy
  expect([healthy(80, 81), healthy('p0', 81), healthy(80, 82), healthy('p9'), healthy(undefined)]).toEqual([
    1, 1, 0, 0, 0,
  ])
})

test('counts that are zero are left out of a status, as Kuma leaves them out', () => {
  const status = serviceStatusBytes({ tls: 'NotReady', proxies: { connected: 0, healthy: 1, total: 1 } })
  expect(text(status)).toBe('{"tls":{"status":"NotReady"},"dataplaneProxies":{"healthy":1,"total":1}}')
})

test('a MeshMultiZoneService matches by all of its labels, in its mesh, in a fixed order', () => {
  const service = (name: string, zone: string, mesh = 'default', tier = 'x') => ({
    mesh,
    name: `${name}-${zone}-hash`,
    labels: { 'kuma.io/display-name': name, 'kuma.io/zone': zone, tier },
  })
  const index = new MultiZoneIndex([
    service('web', 'west'),
    service('web', 'east'),
    service('web', 'north', 'default', 'y'),
    service('web', 'south', 'other'),
    service('api', 'east'),
  ])
  const of = (matchLabels: object) =>
    index.statusOf({
      mesh: 'default',
      spec: utf8(JSON.stringify({ selector: { meshService: { matchLabels } }, ports: [{ port: 80 }] })),
    })
  expect(of({ 'kuma.io/display-name': 'web', tier: 'x' })).toEqual({
    meshServices: ['east', 'west'].map((zone) => ({ name: 'web', namespace: '', zone, mesh: 'default' })),
    condition: {
      type: 'MeshServicesMatched',
      status: 'True',
      reason: 'MatchesFound',
      message: 'Matched 2 MeshService(s)',
    },
  })
  expect(of({}).meshServices).toEqual([])
  expect(of({ tier: 'z' }).condition).toMatchObject({ status: 'False', reason: 'NoMatchesFound' })
})

test('an index of services that came, changed and went matches what one of those that are there matches', () => {
  const labels = fc.record({ app: fc.constantFrom('a', 'b'), team: fc.constantFrom('x', 'y') })
  const candidate = fc.record({
    mesh: fc.constantFrom('default', 'other'),
    name: fc.constantFrom('s1', 's2', 's3', 's4'),
    labels,
  })
  const multi = meshMultiZoneServiceKind.encode({
    selector: { meshService: { matchLabels: { app: 'a', team: 'x' } } },
    ports: [{ port: 80 }],
  })
  fc.assert(
    fc.property(fc.array(fc.record({ put: fc.boolean(), candidate })), (steps) => {
      const index = new MultiZoneIndex()
      const there = new Map<string, (typeof steps)[number]['candidate']>()
      for (const { put, candidate: one } of steps)
        if (put) {
          index.put(one)
          there.set(`${one.mesh} ${one.name}`, one)
        } else {
          index.remove(one)
          there.delete(`${one.mesh} ${one.name}`)
        }
      const anew = new MultiZoneIndex(there.values())
      for (const mesh of ['default', 'other'])
        expect(index.statusOf({ mesh, spec: multi })).toEqual(anew.statusOf({ mesh, spec: multi }))
    }),
  )
})
