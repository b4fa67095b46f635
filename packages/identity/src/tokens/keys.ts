import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import type { TokenKind } from './claims.js'

/** A secret of the store that may hold a signing key: its name, and its bytes. */
export interface NamedBytes {
  readonly name: string
  readonly data: Uint8Array
}

/** A key under its number: `kid` of the tokens that it signs. */
export interface SigningKey {
  readonly keyId: string
  /** PKCS#1 private key, or only the public half where tokens are verified and not issued. */
  readonly key: KeyObject
}

/** Name of the secret under which a kind's keys are kept, without their number. */
export function signingKeyPrefix(kind: TokenKind, mesh = ''): string {
  switch (kind) {
    case 'user':
      return 'user-token-signing-key'
    case 'zone':
      return 'zone-token-signing-key'
    case 'dataplane':
      return `dataplane-token-signing-key-${mesh}`
  }
}

/** A zone has the public half of global's keys under this name. */
export const zonePublicKeyPrefix = 'zone-token-signing-public-key'

export const signingKeyName = (prefix: string, keyId: string): string => (keyId === '0' ? prefix : `${prefix}-${keyId}`)

/** Names that revoke tokens of a kind; for dataplanes Kuma documents one name and reads it elsewhere: both count. */
export function revocationsName(kind: TokenKind, mesh = ''): string {
  switch (kind) {
    case 'user':
      return 'user-token-revocations'
    case 'zone':
      return 'zone-token-revocations'
    case 'dataplane':
      return `dataplane-token-revocations-${mesh}`
  }
}

/** Number of a key by the name of its secret; a name without one is `0`, as Kuma has it. */
export function keyIdOf(prefix: string, name: string): string | undefined {
  if (name === prefix) return '0'
  const match = name.startsWith(`${prefix}-`) ? /^(0|[1-9]\d{0,8})$/.exec(name.slice(prefix.length + 1)) : null
  return match?.[1]
}

/** Every key of a kind among some secrets, by number. What is no key is left out and named. */
export function signingKeysOf(
  prefix: string,
  secrets: readonly NamedBytes[],
): { readonly keys: ReadonlyMap<string, SigningKey>; readonly unreadable: readonly string[] } {
  const keys = new Map<string, SigningKey>()
  const unreadable: string[] = []
  for (const { name, data } of secrets) {
    const keyId = keyIdOf(prefix, name)
    if (keyId === undefined) continue
    const key = readRsaKey(data)
    if (key === undefined) unreadable.push(name)
    else keys.set(keyId, { keyId, key })
  }
  return { keys, unreadable }
}

/** Tokens are issued with the key of the highest number, so a new one takes over as soon as it is there. */
export function newestKey(keys: ReadonlyMap<string, SigningKey>): SigningKey | undefined {
  const ids = [...keys.keys()].sort((a, b) => Number(b) - Number(a))
  return ids[0] === undefined ? undefined : keys.get(ids[0])
}

/** PEM as Kuma writes it (PKCS#1), any other PEM of an RSA key, or bare PKCS#1 DER of its older versions. */
export function readRsaKey(data: Uint8Array): KeyObject | undefined {
  const bytes = Buffer.from(data)
  const key = bytes.includes('-----BEGIN')
    ? (attempt(() => createPrivateKey(bytes)) ?? attempt(() => createPublicKey(bytes)))
    : attempt(() => createPrivateKey({ key: bytes, format: 'der', type: 'pkcs1' }))
  return key?.asymmetricKeyType === 'rsa' ? key : undefined
}

/** `RSA PRIVATE KEY`: what Kuma keeps. */
export const privateKeyPem = (key: KeyObject): string => key.export({ type: 'pkcs1', format: 'pem' }).toString()

/** `RSA PUBLIC KEY`: what `kumactl generate public-key` prints, and what zones get. */
export const publicKeyPem = (key: KeyObject): string =>
  publicHalf(key).export({ type: 'pkcs1', format: 'pem' }).toString()

export const publicHalf = (key: KeyObject): KeyObject => (key.type === 'private' ? createPublicKey(key) : key)

function attempt<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}
