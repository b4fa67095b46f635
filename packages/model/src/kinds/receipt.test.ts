import { expect, test } from 'vitest'
import { utf8 } from '../bytes.js'
import { type Received, receiptProblems, receiptWarnings } from './receipt.js'

const received = (type: string, spec: unknown, more: Partial<Received> = {}): Received => ({
  type,
  mesh: 'default',
  name: 'web-abc',
  labels: { 'kuma.io/display-name': 'web' },
  typeUrl: '',
  spec: utf8(typeof spec === 'string' ? spec : JSON.stringify(spec)),
  ...more,
})

const paths = (violations: readonly { readonly path: string }[]) => violations.map(({ path }) => path)
const judged = (given: Received) => ({
  problems: paths(receiptProblems(given)),
  warnings: paths(receiptWarnings(given)),
})

test.each([
  ['MeshService', {}, [], []],
  // Kuma stores all of this, so a zone may send it.
  ['MeshService', { ports: [{ port: 0 }, { port: 70_000 }] }, [], ['spec.ports[0].port', 'spec.ports[1].port']],
  ['MeshService', { ports: [{ port: 80 }, { port: 80 }] }, [], ['spec.ports[1]']],
  ['MeshService', { state: 'Degraded', newer: { thing: [1] } }, [], ['spec.state']],
  ['MeshService', { ports: [{}] }, [], ['spec.ports[0].port']],
  // Nobody can read this.
  ['MeshService', { ports: [{ port: '80' }] }, ['spec.ports[0].port'], []],
  ['MeshService', '', ['spec'], []],
  ['MeshService', '[]', ['spec'], []],
  ['MeshService', '{', ['spec'], []],
  ['MeshService', { selector: { dataplaneRef: { name: 'a' }, dataplaneTags: { a: 'b' } } }, ['spec.selector'], []],
  [
    'MeshMultiZoneService',
    { selector: { meshService: { matchLabels: {} } }, ports: [{ port: 1 }] },
    ['spec.selector.meshService.matchLabels'],
    [],
  ],
  [
    'MeshMultiZoneService',
    { selector: { meshService: { matchLabels: { a: 'b' } } }, ports: [{ port: 0 }] },
    [],
    ['spec.ports[0].port'],
  ],
  [
    'MeshExternalService',
    { match: { port: 443 }, endpoints: [{ address: 'a b', port: 1 }] },
    ['spec.endpoints[0].address'],
    [],
  ],
  ['HostnameGenerator', { template: 'x' }, ['spec.selector'], []],
  ['HostnameGenerator', { template: '{{ nope }}', selector: { meshService: {} } }, ['spec.template'], []],
  // Kuma can render it and we cannot: its services say so, and it is passed on.
  ['HostnameGenerator', { template: '{{ index .Name 0 }}', selector: { meshService: {} } }, [], ['spec.template']],
  // What a newer control plane may mean by it is for its peers to say: it is kept and passed on.
  ['MeshTimeout', { to: 'whatever' }, [], ['spec.to']],
  ['MeshTimeout', {}, [], ['spec']],
  ['MeshHTTPRoute', { to: [{ targetRef: { kind: 'KindOfTomorrow' }, rules: [] }] }, [], ['spec.to[0].targetRef.kind']],
  ['MeshTimeout', 'null', ['spec'], []],
  ['TypeOfTomorrow', 'bytes', [], []],
])('%s %j', (type, spec, problems, warnings) => {
  expect(judged(received(type, spec))).toEqual({ problems, warnings })
})

const url = (message: string) => `type.googleapis.com/kuma.${message}`

test.each([
  ['Zone', url('system.v1alpha1.Zone'), [], [], []],
  ['Zone', 'example.com/kuma.system.v1alpha1.Zone', [], [], []],
  ['Zone', url('mesh.v1alpha1.Mesh'), [], ['spec'], []],
  ['Zone', '', [], ['spec'], []],
  ['Zone', url('system.v1alpha1.Zone'), [0xff], ['spec'], []],
  ['Dataplane', url('mesh.v1alpha1.Dataplane'), [], ['networking'], []],
  ['TrafficRoute', url('mesh.v1alpha1.TrafficRoute'), [0xff], ['spec'], []],
  ['MeshInsight', url('mesh.v1alpha1.MeshInsight'), [0xff], [], []],
])('%s %s %j', (type, typeUrl, spec, problems, warnings) => {
  const given = received(type, '', { typeUrl, spec: Uint8Array.from(spec) })
  expect(judged(given)).toEqual({ problems, warnings })
})

test('an inbound with tags and without a service is what Kuma refuses a whole type for', () => {
  // networking { inbound { port: 80 tags { kuma.io/zone: z } } address: 10.0.0.1 }
  const tag = Buffer.concat([Buffer.from([0x0a, 12]), Buffer.from('kuma.io/zone'), Buffer.from([0x12, 1, 0x7a])])
  const inbound = Buffer.concat([Buffer.from([0x12, tag.length]), tag, Buffer.from([0x18, 80])])
  const networking = Buffer.concat([
    Buffer.from([0x0a, inbound.length]),
    inbound,
    Buffer.from([0x2a, 8]),
    Buffer.from('10.0.0.1'),
  ])
  const spec = Buffer.concat([Buffer.from([0x0a, networking.length]), networking])
  expect(receiptProblems(received('Dataplane', '', { typeUrl: url('mesh.v1alpha1.Dataplane'), spec }))).toEqual([
    { path: 'networking.inbound[0].tags["kuma.io/service"]', message: 'tag has to exist' },
  ])
})

test('names: Kuma 2.14 limits the length of two, and warns of the rest', () => {
  const named = (type: string, name: string, spec: unknown = {}) =>
    judged(received(type, spec, { labels: { 'kuma.io/display-name': name } }))
  expect(named('MeshService', '1web')).toEqual({ problems: [], warnings: ['name'] })
  expect(named('MeshService', 'a'.repeat(63))).toEqual({ problems: [], warnings: [] })
  expect(named('MeshService', 'a'.repeat(64))).toEqual({ problems: ['name'], warnings: [] })
  expect(named('MeshRetry', '1'.repeat(64))).toEqual({ problems: [], warnings: [] })
})

test('UNKNOWN: a number beyond what a program like ours can hold is kept as it came, and our API refuses it', () => {
  const spec = utf8('{"to":[{"big":9007199254740993,"targetRef":{"kind":"Mesh"},"default":{"idleTimeout":"1s"}}]}')
  const received = { type: 'MeshTimeout', mesh: 'default', name: 't', labels: {}, typeUrl: '', spec }
  expect(receiptProblems(received)).toEqual([])
  expect(receiptWarnings(received)).toMatchObject([{ path: 'spec.to[0].big' }])
})
