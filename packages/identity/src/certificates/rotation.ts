import { X509Certificate } from 'node:crypto'
import { Problem } from '@holdfast/model'
import type { Authorities, KnownAuthority } from './authorities.js'

/** One authority follows another: believed by everybody, then it signs, then the old one is gone. */
export const rotationSteps = ['begin', 'switch', 'finish'] as const
export type RotationStep = (typeof rotationSteps)[number]

/** What a step changes. */
export type RotationPlan =
  /** `next` is made, and `signing` goes on. */
  | { readonly step: 'begin'; readonly next: string; readonly signing: string }
  | { readonly step: 'switch'; readonly next: KnownAuthority }
  | { readonly step: 'finish'; readonly next: KnownAuthority; readonly gone: readonly string[] }

/** @throws Problem `conflict` if it is not the step that comes next, with the one that does */
export function planRotation(step: RotationStep, { signing, known }: Authorities): RotationPlan {
  const conflict = (message: string): Problem => new Problem('conflict', message)
  const [newest] = known
  if (signing === undefined || newest === undefined)
    throw conflict('there is no authority that signs: nothing is signed here that could be signed by another')
  const waits = newest.keyId !== signing.keyId
  const older = known.filter(({ keyId }) => keyId !== signing.keyId).map(({ keyId }) => keyId)
  switch (step) {
    case 'begin':
      if (waits)
        throw conflict(
          `authority ${newest.keyId} is to follow already: go on with 'holdfastctl rotate authority switch', or give it up with 'holdfastctl delete globalsecret holdfast-authority-${newest.keyId}'`,
        )
      if (older.length > 0)
        throw conflict(
          `authority ${older.join(', ')} is believed still: 'holdfastctl rotate authority finish' comes first`,
        )
      return { step, next: String(Number(newest.keyId) + 1), signing: signing.keyId }
    case 'switch':
      if (!waits)
        throw conflict(`no authority is to follow ${signing.keyId}: 'holdfastctl rotate authority begin' makes one`)
      return { step, next: newest }
    case 'finish':
      if (waits)
        throw conflict(
          `authority ${signing.keyId} signs, and ${newest.keyId} does not yet: 'holdfastctl rotate authority switch' comes first`,
        )
      if (older.length === 0) throw conflict(`authority ${signing.keyId} is the only one: there is nothing to finish`)
      return { step, next: newest, gone: older }
  }
}

/** What a zone says of its own proof. */
export interface ZoneProof {
  /** PEM; null: it has none. */
  readonly certificate: string | null
  /** Fingerprints of whom it believes at global. */
  readonly believes: readonly string[]
}

/** A zone, as far as it could be asked. */
export interface ZoneStanding {
  readonly zone: string
  readonly proof?: ZoneProof | undefined
  /** Why it could not be asked. */
  readonly problem?: string | undefined
}

/**
 * Why zones would be shut out by a step, one line for each; empty: none would.
 * @param believed whether zones know global by these authorities, and not by certificates of the operator's
 */
export function shutOut(plan: RotationPlan, standings: readonly ZoneStanding[], believed: boolean): readonly string[] {
  if (plan.step === 'begin' || (plan.step === 'switch' && !believed)) return []
  return standings.flatMap(({ zone, proof, problem }) => {
    if (proof === undefined) return [`zone ${zone} cannot be asked: ${problem ?? 'it is not connected'}`]
    if (plan.step === 'switch')
      return proof.believes.includes(fingerprintOf(plan.next.certificatePem))
        ? []
        : [`zone ${zone} does not believe authority ${plan.next.keyId} yet`]
    if (proof.certificate === null || isIssuedBy(proof.certificate, plan.next.certificatePem)) return []
    return [`zone ${zone} has a certificate that authority ${plan.next.keyId} has not signed`]
  })
}

/** SHA-256, as `openssl x509 -fingerprint -sha256` prints it. @param pem the first certificate in it counts */
export const fingerprintOf = (pem: string): string => new X509Certificate(pem).fingerprint256

/** Of every certificate in a text. */
export const fingerprintsOf = (pems: string): readonly string[] =>
  [...pems.matchAll(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g)].map(([pem]) => fingerprintOf(pem))

function isIssuedBy(pem: string, authorityPem: string): boolean {
  try {
    return new X509Certificate(pem).verify(new X509Certificate(authorityPem).publicKey)
  } catch {
    return false
  }
}
