import { expect, test } from 'vitest'
import { Problem } from '../problems.js'
import { typeOf } from '../types.js'
import { isTooDeep, joinPath, parseJson } from './json.js'
import { meshServiceKind } from './mesh-service.js'
import { isHeadless, pinViolations, vipPins, wantsVip } from './pins.js'
import { jsonSpec } from './spec.js'
import { isZoneEnabled } from './zone.js'

const encoded = (type: string, spec: Parameters<typeof jsonSpec>[1]) =>
  Buffer.from(jsonSpec(typeOf(type), spec).spec).toString()

test.each([
  ['MeshService', {}, '{"state":"Unavailable","selector":{}}'],
  [
    'MeshService',
    { ports: [{ appProtocol: '', port: 1, name: '' }], identities: [], selector: { dataplaneRef: { name: '' } } },
    '{"state":"Unavailable","selector":{"dataplaneRef":{}},"ports":[{"name":"","port":1}],"identities":[]}',
  ],
  ['MeshService', { ports: [] }, '{"state":"Unavailable","selector":{}}'],
  [
    'MeshService',
    { z: { b: [{ d: 1, c: 2 }], a: '<&>\u2028' }, state: 'Available' },
    '{"state":"Available","selector":{},"z":{"a":"\\u003c\\u0026\\u003e\\u2028","b":[{"c":2,"d":1}]}}',
  ],
  [
    'MeshExternalService',
    { tls: { verification: { subjectAltNames: [{ value: 'a' }] }, version: {} }, endpoints: [], match: { port: 1 } },
    '{"match":{"type":"HostnameGenerator","port":1,"protocol":"tcp"},"endpoints":[],"tls":{"enabled":false,"version":{"min":"TLSAuto","max":"TLSAuto"},"allowRenegotiation":false,"verification":{"mode":"Secured","subjectAltNames":[{"type":"Exact","value":"a"}]}}}',
  ],
  [
    'MeshMultiZoneService',
    { ports: [{ port: 1 }], selector: { meshService: { matchLabels: { b: '1', a: '2', '10': '', '9': '' } } } },
    '{"selector":{"meshService":{"matchLabels":{"10":"","9":"","a":"2","b":"1"}}},"ports":[{"port":1,"appProtocol":"tcp"}]}',
  ],
  [
    'HostnameGenerator',
    { template: 'a', selector: { meshService: {} } },
    '{"selector":{"meshService":{}},"template":"a"}',
  ],
  [
    'VipBlock',
    { generation: 1, storeId: 's', owner: '', cidr: '241.16.0.0/20', family: 4, kind: 'MeshService' },
    '{"kind":"MeshService","family":4,"cidr":"241.16.0.0/20","owner":"","storeId":"s","generation":1}',
  ],
  ['MeshRetry', { b: 1, a: { d: [], c: '' } }, '{"a":{"c":"","d":[]},"b":1}'],
  ['Workload', { b: 1, a: [] }, '{"a":[],"b":1}'],
])('%s %j is written as Kuma writes it', (type, spec, text) => {
  expect(encoded(type, spec)).toBe(text)
})

test('what Holdfast writes itself is checked as well, all of it', () => {
  const pool = { kind: 'MeshService', family: 4, cidr: '241.0.0.1/8', reserved: ['241.0.0.0/33', 'fd00::/8'] }
  expect(() => encoded('VipPool', pool)).toThrow(Problem)
  expect(() => encoded('VipPool', pool)).toThrow(
    'invalid VipPool: spec.cidr: has bits set behind the prefix; did you mean 241.0.0.0/8?; spec.reserved[0]: must be an IPv4 network such as 241.0.0.0/8; spec.reserved[1]: must be an IPv4 network such as 241.0.0.0/8',
  )
  expect(() => encoded('VipPool', { kind: 'Mesh', family: 5, cidr: '' })).toThrow(
    'invalid VipPool: spec.kind: in body should be one of [MeshService MeshExternalService MeshMultiZoneService]; spec.family: in body should be one of [4 6]',
  )
  expect(encoded('VipPool', { kind: 'MeshService', family: 6, cidr: 'fd00:1:2::/48' })).toBe(
    '{"kind":"MeshService","family":6,"cidr":"fd00:1:2::/48","reserved":[]}',
  )
})

test('a stored spec is read with its defaults, and one that does not fit is not read', () => {
  expect(meshServiceKind.read(Buffer.from('{"ports":[{"port":80}],"x":1}'))).toEqual({
    state: 'Unavailable',
    selector: {},
    ports: [{ port: 80, appProtocol: 'tcp' }],
    x: 1,
  })
  expect(meshServiceKind.read(Buffer.from('{"ports":{}}'))).toBeUndefined()
  expect(meshServiceKind.read(Buffer.from('no'))).toBeUndefined()
})

const service = typeOf('MeshService')

test('pins are read in canonical text', () => {
  expect(vipPins({})).toEqual({})
  expect(vipPins({ 'holdfast.io/vip': '241.16.0.1', 'holdfast.io/vip6': 'fd00-0-0--00a' })).toEqual({
    v4: '241.16.0.1',
    v6: 'fd00::a',
  })
  expect(pinViolations(service, { 'holdfast.io/vip': '241.16.0.1', 'holdfast.io/vip6': 'fd00--a' })).toEqual([])
})

test.each(['1.2.3', '241.16.0.256', '0x1.0.0.1', 'fd00--1', '', '01.2.3.4.5'])('"%s" is no pin', (value) => {
  expect(vipPins({ 'holdfast.io/vip': value })).toEqual({})
  expect(pinViolations(service, { 'holdfast.io/vip': value })).toEqual([
    { path: 'labels["holdfast.io/vip"]', message: 'must be an IPv4 address such as 241.16.0.1' },
  ])
})

test('headless services want no VIP, and other types never do', () => {
  const headless = { 'k8s.kuma.io/is-headless-service': 'true' }
  expect([isHeadless(headless), isHeadless({ 'k8s.kuma.io/is-headless-service': 'false' })]).toEqual([true, false])
  expect([wantsVip(service, {}), wantsVip(service, headless), wantsVip(typeOf('Mesh'), {})]).toEqual([
    true,
    false,
    false,
  ])
})

test('a zone is enabled unless it says otherwise', () => {
  const zones = [[], [0x0a, 0x02, 0x08, 0x01], [0x0a, 0x00], [0xff]]
  expect(zones.map((bytes) => isZoneEnabled(Uint8Array.from(bytes)))).toEqual([true, true, false, true])
})

test('paths of errors', () => {
  expect(joinPath('spec', 'ports', 0, 'a.b', '@spec')).toBe('spec.ports[0]["a.b"].@spec')
  expect(joinPath('', 'kuma.io/x')).toBe('["kuma.io/x"]')
})

test('depth is bounded without recursion', () => {
  const deep = (levels: number) => parseJson(`${'[{"a":'.repeat(levels / 2)}1${'}]'.repeat(levels / 2)}`).outcome
  expect([deep(100), deep(102), deep(200_000)]).toEqual(['read', 'unreadable', 'unreadable'])
  expect(isTooDeep({ a: [1] })).toBe(false)
})
