import { X509Certificate } from 'node:crypto'
import { keyIdOf, type NamedBytes } from '../tokens/keys.js'
import type { Pair } from './issue.js'

/** Name of the secrets that hold the authority's certificate and key, numbered as signing keys are. */
export const authorityPrefix = 'holdfast-authority'

export interface Authorities {
  /** The one that signs: the highest number. */
  readonly signing: Pair | undefined
  /** All of them, PEM: what any of them has signed is believed, so one can follow another without a gap. */
  readonly trusted: readonly string[]
  readonly unreadable: readonly string[]
}

/** Certificate and key in one text, as PEM blocks one after the other. */
export const authorityText = ({ certificatePem, privateKeyPem }: Pair): string => `${certificatePem}${privateKeyPem}`

export function authoritiesOf(secrets: readonly NamedBytes[]): Authorities {
  const found: { readonly keyId: number; readonly pair: Pair }[] = []
  const trusted: { readonly keyId: number; readonly pem: string }[] = []
  const unreadable: string[] = []
  for (const { name, data } of secrets) {
    const keyId = keyIdOf(authorityPrefix, name)
    if (keyId === undefined) continue
    const text = Buffer.from(data).toString('utf8')
    const [certificatePem] = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----\n?/.exec(text) ?? []
    const [privateKeyPem] =
      /-----BEGIN (?:EC )?PRIVATE KEY-----[\s\S]*?-----END (?:EC )?PRIVATE KEY-----\n?/.exec(text) ?? []
    if (certificatePem === undefined || !isReadable(certificatePem)) {
      unreadable.push(name)
      continue
    }
    trusted.push({ keyId: Number(keyId), pem: certificatePem })
    // An authority without its key is one that is only believed any more.
    if (privateKeyPem !== undefined) found.push({ keyId: Number(keyId), pair: { certificatePem, privateKeyPem } })
  }
  const newestFirst = (a: { readonly keyId: number }, b: { readonly keyId: number }): number => b.keyId - a.keyId
  return {
    signing: found.sort(newestFirst)[0]?.pair,
    trusted: trusted.sort(newestFirst).map(({ pem }) => pem),
    unreadable,
  }
}

function isReadable(pem: string): boolean {
  try {
    new X509Certificate(pem)
    return true
  } catch {
    return false
  }
}
