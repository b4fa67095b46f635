import { X509Certificate } from 'node:crypto'
import { keyIdOf, type NamedBytes } from '../tokens/keys.js'
import type { Pair } from './issue.js'

/** Name of the secrets that hold the authority's certificate and key, numbered as signing keys are. */
export const authorityPrefix = 'holdfast-authority'

/**
 * Names the number of the authority that signs, while it is not the highest: one that is to follow is believed by everybody
 * before anything that it has signed is shown to anybody.
 */
export const signingAuthorityName = 'holdfast-authority-signing'

export interface KnownAuthority {
  readonly keyId: string
  /** PEM. */
  readonly certificatePem: string
}

export interface Authorities {
  /** The one that signs: the one that is named, else the highest number. */
  readonly signing: (Pair & { readonly keyId: string }) | undefined
  /** Highest number first. */
  readonly known: readonly KnownAuthority[]
  /** All of them, PEM: what any of them has signed is believed, so one can follow another without a gap. */
  readonly trusted: readonly string[]
  readonly unreadable: readonly string[]
}

/** Certificate and key in one text, as PEM blocks one after the other. */
export const authorityText = ({ certificatePem, privateKeyPem }: Pair): string => `${certificatePem}${privateKeyPem}`

export function authoritiesOf(secrets: readonly NamedBytes[]): Authorities {
  const signers: (Pair & { readonly keyId: string })[] = []
  const known: KnownAuthority[] = []
  const unreadable: string[] = []
  let named: string | undefined
  for (const { name, data } of secrets) {
    const text = Buffer.from(data).toString('utf8')
    if (name === signingAuthorityName) named = text.trim()
    const keyId = keyIdOf(authorityPrefix, name)
    if (keyId === undefined) continue
    const [certificatePem] = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----\n?/.exec(text) ?? []
    const [privateKeyPem] =
      /-----BEGIN (?:EC )?PRIVATE KEY-----[\s\S]*?-----END (?:EC )?PRIVATE KEY-----\n?/.exec(text) ?? []
    if (certificatePem === undefined || !isReadable(certificatePem)) {
      unreadable.push(name)
      continue
    }
    known.push({ keyId, certificatePem })
    // An authority without its key is one that is only believed any more.
    if (privateKeyPem !== undefined) signers.push({ keyId, certificatePem, privateKeyPem })
  }
  const newestFirst = (a: { readonly keyId: string }, b: { readonly keyId: string }): number =>
    Number(b.keyId) - Number(a.keyId)
  known.sort(newestFirst)
  return {
    signing: signers.find(({ keyId }) => keyId === named) ?? signers.sort(newestFirst)[0],
    known,
    trusted: known.map(({ certificatePem }) => certificatePem),
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
