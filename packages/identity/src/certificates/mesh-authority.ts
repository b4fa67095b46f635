import 'reflect-metadata'
import { type KeyObject, webcrypto } from 'node:crypto'
import {
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from '@peculiar/x509'
import { backdatedMs, type Pair, type Validity } from './issue.js'

/** As Go signs by default with a key of RSA. */
const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' } as const

/**
 * The authority of a mesh with a `builtin` backend, as a Kuma makes it and its zones read it: they sign the certificates of
 * proxies with it. The key is PEM of PKCS #1.
 * Source: `pkg/plugins/ca/builtin/ca.go` of Kuma 2.14.
 * @param key RSA
 */
export async function createMeshAuthority(mesh: string, key: KeyObject, validity: Validity): Promise<Pair> {
  const keys = await cryptoKeys(key)
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: `O=Kuma, OU=Mesh, CN=${mesh}`,
    keys,
    notBefore: new Date(validity.issuedAtMs - backdatedMs),
    notAfter: new Date(validity.notAfterMs),
    serialNumber: Buffer.from(validity.serial).toString('hex'),
    signingAlgorithm: algorithm,
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      new SubjectAlternativeNameExtension([{ type: 'url', value: `spiffe://${mesh}` }]),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return {
    certificatePem: `${certificate.toString('pem')}\n`,
    privateKeyPem: key.export({ type: 'pkcs1', format: 'pem' }).toString(),
  }
}

/** `KeyObject.toCryptoKey` is not there in Node 20. */
async function cryptoKeys(key: KeyObject): Promise<webcrypto.CryptoKeyPair> {
  const jwk = key.export({ format: 'jwk' }) as webcrypto.JsonWebKey
  const { kty = 'RSA', n = '', e = '' } = jwk
  const [privateKey, publicKey] = await Promise.all([
    webcrypto.subtle.importKey('jwk', jwk, algorithm, true, ['sign']),
    webcrypto.subtle.importKey('jwk', { kty, n, e }, algorithm, true, ['verify']),
  ])
  return { privateKey, publicKey }
}
