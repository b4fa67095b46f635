import 'reflect-metadata'
import { createPrivateKey, type KeyObject, webcrypto } from 'node:crypto'
import { Problem } from '@holdfast/model'
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  type GeneralNameType,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequest,
  Pkcs10CertificateRequestGenerator,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509'
import { globalId, zoneId } from '../zones/spiffe.js'

/** ECDSA on P-256: small, quick, and known to every TLS 1.3 stack. */
const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const

/**
 * How long before it was issued a certificate begins: replicas and zones have clocks of their own, and what one has issued
 * the others must not find to be of the future.
 */
export const backdatedMs = 5 * 60_000

/** A certificate and its private key, as PEM. */
export interface Pair {
  readonly certificatePem: string
  readonly privateKeyPem: string
}

/** When a certificate is valid, and the number it has. Time and chance come from the caller. */
export interface Validity {
  readonly issuedAtMs: number
  readonly notAfterMs: number
  /** 16 random bytes. */
  readonly serial: Uint8Array
}

/** The authority of one installation. It signs the certificates of its global and its zones, and nothing else. */
export async function createAuthority(trustDomain: string, key: KeyObject, validity: Validity): Promise<Pair> {
  const keys = await cryptoKeys(key)
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: `CN=holdfast ${trustDomain}`,
    keys,
    ...times(validity),
    signingAlgorithm: algorithm,
    extensions: [
      // No authority below it: what it signs can sign nothing.
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      new SubjectAlternativeNameExtension([{ type: 'url', value: `spiffe://${trustDomain}` }]),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return { certificatePem: `${certificate.toString('pem')}\n`, privateKeyPem: privatePem(key) }
}

/** What a global shows to those that dial it. */
export async function certifyGlobal(
  authority: Pair,
  request: { readonly trustDomain: string; readonly key: KeyObject; readonly hosts: readonly string[] } & Validity,
): Promise<Pair> {
  const { trustDomain, key, hosts } = request
  const { publicKey } = await cryptoKeys(key)
  const names = hosts.map((host): GeneralNameParams => ({ type: isAddress(host) ? 'ip' : 'dns', value: host }))
  const certificate = await signed(authority, {
    subject: 'CN=holdfast global',
    publicKey,
    validity: request,
    usages: [ExtendedKeyUsage.serverAuth],
    names: [{ type: 'url', value: globalId(trustDomain) }, ...names],
  })
  return { certificatePem: certificate, privateKeyPem: privatePem(key) }
}

/** A zone's request to be certified: its public key, and the proof that it has the private one. DER. */
export async function requestCertificate(zone: string, key: KeyObject): Promise<Uint8Array> {
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: `CN=${zone}`,
    keys: await cryptoKeys(key),
    signingAlgorithm: algorithm,
  })
  return new Uint8Array(request.rawData)
}

/**
 * A certificate for a zone that has proven its name otherwise. Nothing is taken from the request but its key: a name that
 * stands in it is what somebody wishes to be called.
 * @throws Problem `invalid` for what is no request, or for a key of another kind
 */
export async function certifyZone(
  authority: Pair,
  { zone, trustDomain, request, ...validity }: { zone: string; trustDomain: string; request: Uint8Array } & Validity,
): Promise<string> {
  const refused = (why: string, cause?: unknown): Problem =>
    new Problem('invalid', `the certificate request of zone ${zone} ${why}`, { cause })
  if (request.length > requestBytesMax) throw refused(`has more than ${requestBytesMax} bytes`)
  let parsed: Pkcs10CertificateRequest
  try {
    parsed = new Pkcs10CertificateRequest(new Uint8Array(request))
  } catch (error) {
    throw refused('cannot be read', error)
  }
  if (!(await parsed.verify().catch(() => false))) throw refused('is not signed by its own key')
  const { name, namedCurve } = parsed.publicKey.algorithm as { name: string; namedCurve?: string }
  if (name !== 'ECDSA' || namedCurve !== algorithm.namedCurve) throw refused('must have a key on the curve P-256')
  return signed(authority, {
    subject: `CN=${zone}`,
    publicKey: await parsed.publicKey.export(algorithm, ['verify']),
    validity,
    usages: [ExtendedKeyUsage.clientAuth],
    names: [{ type: 'url', value: zoneId(trustDomain, zone) }],
  })
}

const requestBytesMax = 8_192

type GeneralNameParams = { readonly type: GeneralNameType; readonly value: string }

async function signed(
  authority: Pair,
  wish: {
    readonly subject: string
    readonly publicKey: webcrypto.CryptoKey
    readonly validity: Validity
    readonly usages: readonly ExtendedKeyUsage[]
    readonly names: readonly GeneralNameParams[]
  },
): Promise<string> {
  const issuer = new X509Certificate(authority.certificatePem)
  const extensions: Extension[] = [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    new ExtendedKeyUsageExtension([...wish.usages]),
    new SubjectAlternativeNameExtension([...wish.names]),
    await AuthorityKeyIdentifierExtension.create(issuer),
  ]
  const certificate = await X509CertificateGenerator.create({
    subject: wish.subject,
    issuer: issuer.subject,
    publicKey: wish.publicKey,
    signingKey: (await cryptoKeys(createPrivateKey(authority.privateKeyPem))).privateKey,
    ...times(wish.validity),
    signingAlgorithm: algorithm,
    extensions,
  })
  return `${certificate.toString('pem')}\n`
}

const times = ({ issuedAtMs, notAfterMs, serial }: Validity) => ({
  notBefore: new Date(issuedAtMs - backdatedMs),
  notAfter: new Date(notAfterMs),
  serialNumber: Buffer.from(serial).toString('hex'),
})

const privatePem = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString()

/** `KeyObject.toCryptoKey` is not there in Node 20. */
async function cryptoKeys(key: KeyObject): Promise<webcrypto.CryptoKeyPair> {
  const privateKey = await webcrypto.subtle.importKey(
    'pkcs8',
    key.export({ type: 'pkcs8', format: 'der' }),
    algorithm,
    true,
    ['sign'],
  )
  const { d: _, key_ops: _ops, ...jwk } = await webcrypto.subtle.exportKey('jwk', privateKey)
  const publicKey = await webcrypto.subtle.importKey('jwk', jwk, algorithm, true, ['verify'])
  return { privateKey, publicKey }
}

const isAddress = (host: string): boolean => /^[\d.]+$/.test(host) || host.includes(':')
