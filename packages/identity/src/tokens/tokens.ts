import type { KeyObject } from 'node:crypto'
import { errors, jwtVerify, SignJWT } from 'jose'
import { type Claims, claimsOf, privateClaims, type TokenKind } from './claims.js'
import { publicHalf, type SigningKey } from './keys.js'

/** How far back a token's life begins, for clocks that differ; Kuma's. */
export const skewMs = 5_000

export interface Issue {
  readonly claims: Claims
  readonly key: SigningKey
  readonly nowMs: number
  /** Negative: a token that has expired already, which tests of others ask for. */
  readonly validForMs: number
  /** Revoking it takes this word: a UUID. */
  readonly tokenId: string
}

/** A token as Kuma issues it: RS256, private claims first, then the registered ones. */
export function issueToken({ claims, key, nowMs, validForMs, tokenId }: Issue): Promise<string> {
  const begins = Math.floor((nowMs - skewMs) / 1_000)
  return new SignJWT({
    ...privateClaims(claims),
    exp: Math.floor((nowMs + validForMs) / 1_000),
    nbf: begins,
    iat: begins,
    jti: tokenId,
  })
    .setProtectedHeader({ alg: 'RS256', kid: key.keyId, typ: 'JWT' })
    .sign(key.key)
}

export interface Verification {
  readonly kind: TokenKind
  readonly token: string
  /** By number: the private key or its public half. */
  readonly keys: ReadonlyMap<string, { readonly key: KeyObject }>
  readonly revoked: ReadonlySet<string>
  readonly nowMs: number
}

/** What a token was found to be. The reason is for the log: who shows a wrong token is told only that it is wrong. */
export type Verified<C extends Claims = Claims> =
  | {
      readonly ok: true
      readonly claims: C
      readonly tokenId: string
      readonly keyId: string
      readonly issuedAtMs: number
      readonly expiresAtMs: number
    }
  | { readonly ok: false; readonly reason: string }

/** Longest token that is looked at: ten times what Kuma issues. */
const tokenLengthMax = 16_384

/** Checks signature, time, revocation and the shape of the claims. Whether they fit the bearer is the caller's to say. */
export async function verifyToken(verification: Verification): Promise<Verified> {
  const { kind, token, keys, revoked, nowMs } = verification
  if (token.length > tokenLengthMax) return refused('it is too long for a token')
  let keyId = ''
  try {
    const { payload } = await jwtVerify(
      token,
      ({ kid }) => {
        if (typeof kid !== 'string') throw new Refusal('its header names no signing key (kid)')
        keyId = kid
        const found = keys.get(kid)
        if (found === undefined) throw new Refusal(`there is no ${kind} signing key with KID ${kid}`)
        return publicHalf(found.key)
      },
      { algorithms: ['RS256'], currentDate: new Date(nowMs), requiredClaims: ['exp', 'jti'] },
    )
    const { jti, exp = 0, iat = payload.nbf ?? 0 } = payload
    if (typeof jti !== 'string' || jti === '') return refused('it has no id (jti), so it could never be revoked')
    if (revoked.has(jti)) return refused(`it was revoked (jti ${jti})`)
    const claims = claimsOf(kind, payload)
    if (claims === undefined) return refused(`its claims are not those of a ${kind} token`)
    return { ok: true, claims, tokenId: jti, keyId, issuedAtMs: iat * 1_000 + skewMs, expiresAtMs: exp * 1_000 }
  } catch (error) {
    return refused(reasonOf(error))
  }
}

/** A Refusal passes through the library unchanged, as it calls our key look-up. */
class Refusal extends Error {}

const refused = (reason: string): Verified => ({ ok: false, reason })

function reasonOf(error: unknown): string {
  if (error instanceof Refusal) return error.message
  if (error instanceof errors.JWTExpired) return 'it has expired'
  if (error instanceof errors.JWTClaimValidationFailed)
    return error.claim === 'nbf' ? 'it is not valid yet' : `its claim ${error.claim} is missing or wrong`
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'its signature is wrong'
  if (error instanceof errors.JOSEAlgNotAllowed) return 'it is not signed with RS256'
  return 'it is no token'
}

/** A revocation list as Kuma keeps it: ids with commas between; one newline at the end is let pass. */
export const revokedIds = (data: Uint8Array): ReadonlySet<string> =>
  new Set(
    Buffer.from(data)
      .toString('utf8')
      .replace(/\n$/, '')
      .split(',')
      .filter((id) => id !== ''),
  )

/** The token of an `Authorization: Bearer …`; any other scheme is no credential, as in Kuma. */
export function bearerToken(authorization: string | undefined): string | undefined {
  const match = /^bearer +(\S+)$/i.exec(authorization ?? '')
  return match?.[1]
}
