import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto'
import { expect, test } from 'vitest'
import { createMeshAuthority } from './mesh-authority.js'

test('the authority of a mesh is what a Kuma makes: RSA, named after the mesh, able to sign and nothing else', async () => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 })
  const issuedAtMs = Date.UTC(2026, 0, 1)
  const validity = { issuedAtMs, notAfterMs: Date.UTC(2036, 0, 1), serial: Uint8Array.of(0x40, 1, 2) }
  const { certificatePem, privateKeyPem } = await createMeshAuthority('shop', privateKey, validity)
  const read = new X509Certificate(certificatePem)
  expect({ ca: read.ca, subject: read.subject, issuer: read.issuer, names: read.subjectAltName }).toEqual({
    ca: true,
    subject: 'O=Kuma\nOU=Mesh\nCN=shop',
    issuer: 'O=Kuma\nOU=Mesh\nCN=shop',
    names: 'URI:spiffe://shop',
  })
  expect([new Date(read.validFrom) < new Date(issuedAtMs), new Date(read.validTo).getTime()]).toEqual([
    true,
    validity.notAfterMs,
  ])
  expect(read.verify(read.publicKey)).toBe(true)
  expect(privateKeyPem).toMatch(/^-----BEGIN RSA PRIVATE KEY-----\n/)
  expect(read.checkPrivateKey(createPrivateKey(privateKeyPem))).toBe(true)
})
