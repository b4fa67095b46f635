import type { JudgedCertificate } from '../certificates/judge.js'
import { controlPlaneScope } from '../tokens/claims.js'
import type { Verified } from '../tokens/tokens.js'
import type { ZoneRevocations } from './revocations.js'

/** How a zone has proven its name. What it was is kept with the session, for the day it is revoked. */
export type Credential =
  | {
      readonly how: 'certificate' | 'token'
      /** Serial of the certificate, or id of the token. */
      readonly id: string
      readonly issuedAtMs: number
      readonly expiresAtMs: number
    }
  /** By the word of an operator alone. */
  | { readonly how: 'allowed' }

export interface Presented {
  /** As it calls itself. */
  readonly zone: string
  readonly certificate?: JudgedCertificate | undefined
  readonly token?: Verified | undefined
}

export interface GateRules {
  readonly revocations: ZoneRevocations
  /** Names that need no proof; `*`: every name. */
  readonly unauthenticated: ReadonlySet<string>
}

export type Admitted =
  | { readonly ok: true; readonly credential: Credential }
  | {
      readonly ok: false
      readonly code: 'UNAUTHENTICATED' | 'PERMISSION_DENIED'
      /** What the one who asks is told: nothing that helps to guess. */
      readonly told: string
      /** For the log. */
      readonly reason: string
    }

/**
 * Whether a zone is who it says. A wrong proof is refused although no proof would have been needed: who shows one means it.
 * The certificate goes before the token, for it can only be used by whoever has its key.
 */
export function admitZone({ zone, certificate, token }: Presented, rules: GateRules): Admitted {
  const wrong = (reason: string): Admitted => ({
    ok: false,
    code: 'UNAUTHENTICATED',
    told: `zone "${zone}" has not proven its name: its credential is not valid here; make a new one at global with 'holdfastctl zone add ${zone}'`,
    reason,
  })
  const anothers = (whose: string, what: string): Admitted => ({
    ok: false,
    code: 'PERMISSION_DENIED',
    told: `this ${what} is not that of zone "${zone}"; make one of its own at global with 'holdfastctl zone add ${zone}'`,
    reason: `it calls itself ${zone} with the ${what} of zone ${whose}`,
  })
  if (certificate !== undefined) {
    if (!certificate.ok) return wrong(certificate.reason)
    if (certificate.zone !== zone) return anothers(certificate.zone, 'certificate')
    const { serial: id, issuedAtMs, expiresAtMs } = certificate
    return unlessRevoked(zone, { how: 'certificate', id, issuedAtMs, expiresAtMs }, rules, wrong)
  }
  if (token !== undefined) {
    if (!token.ok) return wrong(`its token: ${token.reason}`)
    const { claims, tokenId: id, issuedAtMs, expiresAtMs } = token
    if (claims.kind !== 'zone') return wrong(`its token is one of a ${claims.kind}`)
    if (!(claims.scope ?? []).includes(controlPlaneScope))
      return wrong(`its token has not the scope ${controlPlaneScope}`)
    if (claims.zone !== zone) return anothers(claims.zone, 'token')
    return unlessRevoked(zone, { how: 'token', id, issuedAtMs, expiresAtMs }, rules, wrong)
  }
  if (rules.unauthenticated.has(zone) || rules.unauthenticated.has('*'))
    return { ok: true, credential: { how: 'allowed' } }
  return {
    ok: false,
    code: 'UNAUTHENTICATED',
    told:
      `zone "${zone}" shows nothing that proves its name; make a join bundle at global with 'holdfastctl zone add ${zone}' ` +
      'and start the zone with --join',
    reason: 'it shows neither a certificate nor a token',
  }
}

function unlessRevoked(
  zone: string,
  credential: Exclude<Credential, { how: 'allowed' }>,
  rules: GateRules,
  wrong: (reason: string) => Admitted,
): Admitted {
  return isVoid(zone, credential, rules.revocations)
    ? wrong(`the zone was revoked, and its ${credential.how} was issued before`)
    : { ok: true, credential }
}

const isVoid = (zone: string, { issuedAtMs }: { readonly issuedAtMs: number }, revocations: ZoneRevocations): boolean =>
  issuedAtMs <= (revocations.get(zone) ?? Number.NEGATIVE_INFINITY)

/** Why a session that was let in must end now; undefined: it may go on. Its certificate may have expired meanwhile. */
export function withdrawn(
  zone: string,
  credential: Credential,
  rules: GateRules & { readonly revokedTokens: ReadonlySet<string> },
): string | undefined {
  if (credential.how === 'allowed')
    return rules.unauthenticated.has(zone) || rules.unauthenticated.has('*')
      ? undefined
      : 'it is not let in unproven any more'
  if (credential.how === 'token' && rules.revokedTokens.has(credential.id)) return 'its token was revoked'
  return isVoid(zone, credential, rules.revocations) ? 'it was revoked' : undefined
}
