import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { typeOf } from '../types.js'
import { parseBody } from './parse.js'

/** Why Holdfast answers a write in another way than Kuma 2.14.3 did; the answers themselves are in the test data. */
const reasons = {
  words: 'a body that is no object is told so in words that do not need Go',
  path: 'Kuma stops at the first value of the wrong type and gives no path; we name all of them, each with its path',
  name: 'Kuma warns of a name that no host name can be made of, or limits it later; we refuse it at once, as later Kumas do',
  ports: 'Kuma stores ports that do not exist and ports that are one; we refuse them',
  warning: 'Kuma drops unknown fields and unknown protocols in silence and words its warning of names otherwise',
  addresses: 'Kuma stores an address that nobody can reach; we refuse it, as later Kumas do',
  all: 'Kuma answers stage by stage; we name what is wrong in all of them',
  once: 'Kuma says some type errors twice, once without a path',
  'types first': 'a value of the wrong type hides what is wrong with the values beside it',
}

type Answer =
  | { readonly warnings: readonly string[] }
  | { readonly violations: readonly (readonly [string, string])[] }
  | { readonly unreadable: string }

interface Write {
  readonly writer: string
  readonly type: string
  readonly name: string
  readonly mesh: string
  readonly body: string
  readonly kuma: Answer
  readonly holdfast?: Answer
  readonly why?: keyof typeof reasons
}

const writes = readFileSync(new URL('../../testdata/rest-writes.ndjson', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Write)

/** Their order is random in Kuma. */
const sorted = (violations: readonly (readonly [string, string])[]) =>
  [...violations].sort((a, b) => (String(a) < String(b) ? -1 : 1))

function answerTo(write: Write): Answer {
  const writer =
    write.writer === 'global'
      ? ({ role: 'global' } as const)
      : ({ role: 'zone', zone: write.writer, federated: true } as const)
  const result = parseBody(typeOf(write.type), write.body, { writer, urlName: write.name, urlMesh: write.mesh })
  switch (result.outcome) {
    case 'parsed':
      return { warnings: result.body.warnings }
    case 'unreadable':
      return { unreadable: result.reason }
    case 'invalid':
      return { violations: sorted(result.violations.map(({ path, message }) => [path, message])) }
  }
}

test.each(
  writes.map((write, index): [number, string, string, string, Write] => {
    const { writer, type, body } = write
    return [index + 1, writer, type, body.length > 200 ? `${body.slice(0, 200)}…` : body, write]
  }),
)('%i: %s %s %s', (_, __, ___, ____, write) => {
  expect(answerTo(write)).toEqual(write.holdfast ?? write.kuma)
})

test('there is a reason for every difference, and a difference for every reason', () => {
  expect(writes.length).toBeGreaterThan(400)
  const differing = writes.filter(({ holdfast }) => holdfast !== undefined)
  expect(new Set(differing.map(({ why }) => why))).toEqual(new Set(Object.keys(reasons)))
  for (const { kuma, holdfast } of differing) expect(holdfast).not.toEqual(kuma)
  // Stricter, never laxer: what Kuma refuses, we refuse.
  for (const { kuma, holdfast } of differing) expect('warnings' in kuma || !('warnings' in (holdfast ?? {}))).toBe(true)
})

const global = { writer: { role: 'global' } } as const
const zone = { writer: { role: 'zone', zone: 'zone-1', federated: true } } as const

test('everything that is wrong is named at once', () => {
  const body = {
    type: 'MeshService',
    name: 'Bad_Name',
    labels: { 'kuma.io/origin': 'zone', 'holdfast.io/vip': '1.2.3', 'holdfast.io/vip6': 'nope' },
    spec: {
      selector: { dataplaneRef: { name: 'a' }, dataplaneLabels: { matchLabels: { a: 'b' } } },
      ports: [
        { port: 0 },
        { port: 70_000 },
        { port: 80 },
        { port: 80, appProtocol: 'tcp' },
        { port: 80, targetPort: 0 },
      ],
    },
  }
  expect(parseBody(typeOf('MeshService'), body, { ...zone, urlName: 'bad', urlMesh: 'shop' })).toEqual({
    outcome: 'invalid',
    violations: [
      { path: 'spec.selector', message: 'must specify only one of: dataplaneTags, dataplaneRef, or dataplaneLabels' },
      { path: 'spec.ports[0].port', message: 'must be between 1 and 65535' },
      { path: 'spec.ports[1].port', message: 'must be between 1 and 65535' },
      { path: 'spec.ports[3]', message: 'port 80 with protocol tcp is already defined by spec.ports[2]' },
      { path: 'spec.ports[4].targetPort', message: 'must be between 1 and 65535' },
      { path: 'spec.ports[4]', message: 'port 80 with protocol tcp is already defined by spec.ports[2]' },
      { path: 'name', message: 'name from the URL has to be the same as in body' },
      { path: 'mesh', message: 'mesh from the URL has to be the same as in body' },
      {
        path: 'name',
        message:
          "invalid characters. A lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
      },
      { path: 'labels["holdfast.io/vip"]', message: 'must be an IPv4 address such as 241.16.0.1' },
      { path: 'labels["holdfast.io/vip6"]', message: 'must be an IPv6 address with - for :, such as fd00--1' },
    ],
  })
})

test('ports of one number and different protocols are two ports', () => {
  const spec = {
    ports: [
      { port: 80, appProtocol: 'http' },
      { port: 80, appProtocol: 'tcp' },
    ],
  }
  const body = { type: 'MeshService', name: 'web', labels: { 'kuma.io/origin': 'zone' }, spec }
  expect(parseBody(typeOf('MeshService'), body, zone).outcome).toBe('parsed')
})

test('the name in a namespace is judged without the namespace', () => {
  const body = (name: string, labels: Record<string, string>) => ({
    type: 'MeshService',
    name,
    labels: { 'kuma.io/origin': 'zone', ...labels },
    spec: {},
  })
  const write = (name: string, labels: Record<string, string>) =>
    parseBody(typeOf('MeshService'), body(name, labels), zone)
  expect(write('web.shop', { 'k8s.kuma.io/namespace': 'shop' }).outcome).toBe('parsed')
  expect(write('web.shop', { 'kuma.io/display-name': 'web' }).outcome).toBe('parsed')
  expect(write('web.shop', {}).outcome).toBe('invalid')
  expect(write('web', { 'kuma.io/display-name': '1web' })).toMatchObject({
    outcome: 'invalid',
    violations: [{ path: 'labels["kuma.io/display-name"]' }],
  })
})

test('a headless service has no VIP to pin, and a policy has none at all', () => {
  const labels = { 'kuma.io/origin': 'zone', 'holdfast.io/vip': '241.16.0.1' }
  const headless = { ...labels, 'k8s.kuma.io/is-headless-service': 'true' }
  const write = (type: string, given: Record<string, string>) =>
    parseBody(typeOf(type), { type, name: 'web', labels: given, spec: {} }, zone)
  expect(write('MeshService', labels).outcome).toBe('parsed')
  expect(write('MeshService', headless)).toEqual({
    outcome: 'invalid',
    violations: [
      {
        path: 'labels["holdfast.io/vip"]',
        message: 'a headless service has no virtual IP to pin: leave the label out',
      },
    ],
  })
  expect(write('MeshRetry', labels)).toEqual({
    outcome: 'invalid',
    violations: [
      { path: 'labels["holdfast.io/vip"]', message: 'a MeshRetry has no virtual IP to pin: leave the label out' },
    ],
  })
})

test('of fields that exclude each other one at most', () => {
  const selectors = [{ match: { 'kuma.io/service': 'edge' } }]
  const route = { type: 'MeshGatewayRoute', mesh: 'default', name: 'r', selectors, conf: { http: {}, tcp: {} } }
  expect(parseBody(typeOf('MeshGatewayRoute'), route, global)).toEqual({
    outcome: 'invalid',
    violations: [{ path: 'conf.tcp', message: 'only one may be set of tcp, http' }],
  })
  expect(parseBody(typeOf('MeshGatewayRoute'), { ...route, conf: { http: {} } }, global)).toMatchObject({
    outcome: 'parsed',
  })
})

test('a type without known fields takes its protobuf in base64, and says so', () => {
  const body = { type: 'ZoneIngressInsight', name: 'r' }
  expect(parseBody(typeOf('ZoneIngressInsight'), { ...body, conf: {} }, global)).toEqual({
    outcome: 'invalid',
    violations: [
      {
        path: '@spec',
        message:
          'Holdfast does not know the fields of a ZoneIngressInsight: give its protobuf (type.googleapis.com/kuma.mesh.v1alpha1.ZoneIngressInsight) in base64 here',
      },
    ],
  })
  expect(parseBody(typeOf('ZoneIngressInsight'), { ...body, '@spec': 'CgIKAA==' }, global)).toMatchObject({
    outcome: 'parsed',
    body: {
      spec: new Uint8Array([10, 2, 10, 0]),
      typeUrl: 'type.googleapis.com/kuma.mesh.v1alpha1.ZoneIngressInsight',
    },
  })
})

test.each([
  ['{"a":', 'unexpected end of JSON input'],
  [`${'['.repeat(1_000)}${']'.repeat(1_000)}`, 'nested deeper than 100 levels'],
  ['null', 'must be a JSON object, not null'],
])('unreadable: %s', (body, reason) => {
  expect(parseBody(typeOf('MeshTimeout'), body, global)).toEqual({
    outcome: 'unreadable',
    reason: `invalid MeshTimeout object: ${JSON.stringify(reason)}`,
  })
})

test('a number that would be changed by being stored is refused', () => {
  const body =
    '{"type":"MeshTimeout","name":"t","spec":{"to":[{"big":9007199254740993,"targetRef":{"kind":"Mesh"},"default":{"idleTimeout":"1s"}}]}}'
  expect(parseBody(typeOf('MeshTimeout'), body, global)).toEqual({
    outcome: 'invalid',
    violations: [{ path: 'spec.to[0].big', message: 'is a number too large to be kept exactly; write it as a string' }],
  })
})

test('no answer repeats a secret', () => {
  const body = { type: 'Secret', mesh: 'default', name: 's', data: 'c2VjcmV0!' }
  const answer = JSON.stringify(parseBody(typeOf('Secret'), body, global))
  expect(answer).toContain('must be base64')
  expect(answer).not.toContain('c2VjcmV0')
})

test.each(['//8=', 'YQ==', 'CgU='])('fields that nobody knows must be fields: %s is none', (unknown) => {
  const body = { type: 'Zone', name: 'z', '@unknown': unknown }
  expect(parseBody(typeOf('Zone'), body, global)).toEqual({
    outcome: 'invalid',
    violations: [{ path: '@unknown', message: 'must be fields of a protobuf message in their wire form, in base64' }],
  })
})
