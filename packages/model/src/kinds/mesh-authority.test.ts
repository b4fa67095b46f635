import { expect, test } from 'vitest'
import { parseBody } from '../rest/index.js'
import { typeOf } from '../types.js'
import { authoritiesOfMesh, authoritySecretNames, readMesh } from './index.js'

const year = 365 * 24 * 3_600_000
const written = (conf: unknown, type = 'builtin') =>
  parseBody(
    typeOf('Mesh'),
    { type: 'Mesh', name: 'shop', mtls: { enabledBackend: 'ca-1', backends: [{ name: 'ca-1', type, conf }] } },
    { writer: { role: 'global' }, urlName: 'shop' },
  )
function wanted(conf: unknown, type?: string) {
  const read = written(conf, type)
  if (read.outcome !== 'parsed') throw new Error(JSON.stringify(read))
  return authoritiesOfMesh(readMesh(read.body.spec)?.mtls?.backends ?? [])
}

test('a builtin backend wants an authority as Kuma makes it, unless it says otherwise', () => {
  expect(wanted({})).toEqual([{ backend: 'ca-1', rsaBits: 2_048, validForMs: 10 * year }])
  expect(wanted({ caCert: { RSAbits: 4096, expiration: '2y' } })).toEqual([
    { backend: 'ca-1', rsaBits: 4_096, validForMs: 2 * year },
  ])
  expect(wanted({ caCert: { RSAbits: '2048', expiration: '90d' } })).toEqual([
    { backend: 'ca-1', rsaBits: 2_048, validForMs: 90 * 24 * 3_600_000 },
  ])
  expect(wanted({}, 'provided')).toEqual([])
  expect(authoritySecretNames('shop', 'ca-1')).toEqual({
    certificate: 'shop.ca-builtin-cert-ca-1',
    key: 'shop.ca-builtin-key-ca-1',
  })
})

test.each([
  [{ caCert: { RSAbits: 512 } }, 'RSAbits'],
  [{ caCert: { RSAbits: 2048.5 } }, 'RSAbits'],
  [{ caCert: { RSAbits: 'many' } }, 'RSAbits'],
  [{ caCert: { expiration: '10 years' } }, 'expiration'],
  [{ caCert: { expiration: '0d' } }, 'expiration'],
  [{ caCert: { expiration: '9000y' } }, 'expiration'],
])('%j is refused', (conf, field) => {
  expect(written(conf)).toMatchObject({
    outcome: 'invalid',
    violations: [{ path: `mtls.backends[0].conf.caCert.${field}` }],
  })
  // A Kuma may have stored it: nothing is made of it, and nothing breaks.
  expect(authoritiesOfMesh([{ name: 'ca-1', type: 'builtin', conf }])).toEqual([])
})
