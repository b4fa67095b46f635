import fc from 'fast-check'
import { expect, test } from 'vitest'
import { displayNameOf, exportName, fnv1a64, hashedName, parseWireKey, wireKey } from './names.js'
import { typeOf } from './types.js'

// Mesh, name, extras, expected. The first eight are asserted by Kuma's own tests; the recorded ones were seen on a wire.
const vectors: readonly (readonly [string, string, readonly string[], string])[] = [
  ['default', 'redis-zone-1', ['zone-1'], 'redis-zone-1-2v6wfvvcvbc9f55d'],
  ['default', 'redis-zone-2', ['zone-2'], 'redis-zone-2-ff29vc4685c6f594'],
  ['default', 'default-timeout-global', [], 'default-timeout-global-54dbd4c66zwbcf9c'],
  ['default', 'default-timeout-zone-1', ['zone-1'], 'default-timeout-zone-1-c58w24w4vw27f454'],
  ['producer-policy-flow', 'to-test-server', ['kuma-2', 'producer-policy-flow-ns'], 'to-test-server-4cx47v8b5wcd4764'],
  ['producer-policy-flow', 'to-test-server', ['producer-policy-flow-ns'], 'to-test-server-5wxzc95dxv8zb244'],
  ['', 'foo', ['zone-1', 'custom-ns'], 'foo-696vzv497z4cv4f4'],
  ['', 'foo', [], 'foo-zxw6c95d42zfz9cc'],
  ['', 'synced-universal-mesh-service', [], 'synced-universal-mesh-service-46484vczc724vc29'],
  ['default', 'a'.repeat(250), ['zone-1'], `${'a'.repeat(236)}-ccxcd7d4c756v84x`],
  ['default', 'without-namespace', [], 'without-namespace-c5v4498z5w4x9bcx'],
  ['producer-policy-flow', 'to-test-server', ['zone-1', 'producer-policy-flow-ns'], 'to-test-server-xw65cwcxxw4f7fvw'],
  ['default', 'backend', ['zone-1'], 'backend-d8466458x7574b7b'],
  ['default', 'dp-1', ['zone-1'], 'dp-1-dff6z597w47d46xx'],
  ['default', 'allow-all', [], 'allow-all-6cf46w7x6f445w75'],
  ['default', 'mesh-timeout-all-default', [], 'mesh-timeout-all-default-bv8z44b7bzb99xc7'],
  ['default', 'mesh-timeout-to-all-default', [], 'mesh-timeout-to-all-default-d22c55fzc2d6cd84'],
  ['default', 'mesh-circuit-breaker-all-default', [], 'mesh-circuit-breaker-all-default-w798xv6xczc42cwb'],
  ['default', 'mesh-retry-all-default', [], 'mesh-retry-all-default-4266fddczv5d2fvv'],
  ['default', 'mesh-gateways-timeout-all-default', [], 'mesh-gateways-timeout-all-default-vf4vb2v8449w2vvz'],
  ['', 'synced-kube-mesh-service', [], 'synced-kube-mesh-service-8xc5x6c9f588fzz9'],
  ['', 'synced-headless-kube-mesh-service', [], 'synced-headless-kube-mesh-service-x7zv74f9w8626897'],
  ['', 'synced-mesh-multi-zone-service', [], 'synced-mesh-multi-zone-service-4244v574644557w2'],
  ['', 'synced-mesh-external-service', [], 'synced-mesh-external-service-7f4474c7b4z469f4'],
  ['', 'local-universal-mesh-service', ['zone-1'], 'local-universal-mesh-service-6b9f24zbvcd8db4x'],
  ['', 'local-universal-mesh-service', ['zone-2'], 'local-universal-mesh-service-6b9f46zbvcd8dx59'],
  ['', 'local-mesh-external-service', ['zone-1'], 'local-mesh-external-service-6b28v9789424f4wx'],
  ['', 'ingress-1', ['zone-1'], 'ingress-1-d42xfc5b76vxd222'],
  ['default', 'api', ['zone-1'], 'api-d5x44559xbz56dw2'],
  ['default', 'web', ['zone-1'], 'web-d49779wdwbz7wb7d'],
  ['default', 'web', ['zone-2'], 'web-d4977dwdwbz7ww95'],
  ['shop', 'cart', ['zone-1'], 'cart-968zcw4vb6fz8cf4'],
  ['default', 'web-1', ['zone-1'], 'web-1-v7wd4bdwc9994762'],
  ['default', 'slow-down', [], 'slow-down-ddf4c5fzff974w2b'],
  ['default', 'billing', [], 'billing-dv82zd4x78x87wf5'],
  ['default', 'web-everywhere', [], 'web-everywhere-56x45f9v44w2f9bf'],
  ['default', 'all-services-default', [], 'all-services-default-wv4b46z9d8z49284'],
]

test.each(vectors)('hashed name of (%j, %j, %j)', (mesh, name, extras, expected) => {
  expect(hashedName(mesh, name, ...extras)).toBe(expected)
})

test.each([
  ['defaultredis-zone-1zone-1', 'ea2b9aa7a6759118'],
  ['producer-policy-flowto-test-serverkuma-2producer-policy-flow-ns', '07c03a461b780320'],
  ['', 'cbf29ce484222325'],
])('FNV-1a of %j', (text, expected) => {
  expect(fnv1a64(Buffer.from(text))).toBe(expected)
})

test('FNV-1a in halves is FNV-1a in one', () => {
  const reference = (bytes: Uint8Array): string => {
    let h = 0xcbf29ce484222325n
    for (const byte of bytes) h = BigInt.asUintN(64, (h ^ BigInt(byte)) * 0x100000001b3n)
    return h.toString(16).padStart(16, '0')
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => fnv1a64(bytes) === reference(bytes)))
})

test('a hashed name is at most 253 bytes and never ends in half a character', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (name) => {
      const hashed = hashedName('m', name)
      const kept = hashed.slice(0, -17)
      expect(Buffer.byteLength(hashed)).toBeLessThanOrEqual(253)
      expect(name.startsWith(kept)).toBe(true)
    }),
  )
})

test('a copy has the name of its original, and exporting it again changes nothing', () => {
  const service = typeOf('MeshService')
  const labels = { 'kuma.io/zone': 'zone-1', 'kuma.io/display-name': 'web' }
  expect(exportName(service, 'default', 'web', labels)).toBe('web-d49779wdwbz7wb7d')
  expect(exportName(service, 'default', 'web-d49779wdwbz7wb7d', labels)).toBe('web-d49779wdwbz7wb7d')
})

test('the stored name is hashed where there is no display name; zone and namespace count only if present', () => {
  const timeout = typeOf('MeshTimeout')
  expect(exportName(timeout, 'default', 'without-namespace', {})).toBe('without-namespace-c5v4498z5w4x9bcx')
  expect(
    exportName(typeOf('HostnameGenerator'), '', 'foo', {
      'k8s.kuma.io/namespace': 'custom-ns',
      'kuma.io/zone': 'zone-1',
      'kuma.io/display-name': '',
    }),
  ).toBe('foo-696vzv497z4cv4f4')
})

test.each(['Mesh', 'Secret', 'GlobalSecret', 'Config', 'VipPool', 'VipBlock'])('%s keeps its name', (type) => {
  expect(exportName(typeOf(type), '', 'x', { 'kuma.io/zone': 'z', 'kuma.io/display-name': 'y' })).toBe('x')
})

test('display name', () => {
  expect(displayNameOf('web-1', {})).toBe('web-1')
  expect(displayNameOf('web-1', { 'kuma.io/display-name': '' })).toBe('web-1')
  expect(displayNameOf('web-1', { 'kuma.io/display-name': 'web' })).toBe('web')
})

test.each([
  ['default.', { mesh: '', name: 'default' }],
  ['db-vv2f7f4zffd5b4v8.default', { mesh: 'default', name: 'db-vv2f7f4zffd5b4v8' }],
  ['a.b.c.mesh', { mesh: 'mesh', name: 'a.b.c' }],
  ['meshless', { mesh: '', name: 'meshless' }],
])('wire key %s', (key, expected) => {
  expect(parseWireKey(key)).toEqual(expected)
})

test('a wire key is read as it was written', () => {
  const mesh = fc.stringMatching(/^[a-z0-9-]{0,20}$/)
  fc.assert(
    fc.property(mesh, fc.string(), (m, name) => {
      expect(parseWireKey(wireKey(m, name))).toEqual({ mesh: m, name })
    }),
  )
})
