import type { RotationStep, ZoneStanding } from '@holdfast/identity'

/** What global asks a zone of ours: to renew its certificate now, and to say what it has and whom it believes. */
export const renewQuestion = 'renew-identity'

export interface AuthorityStanding {
  readonly number: string
  /** SHA-256 of its certificate. */
  readonly fingerprint: string
  readonly notAfterMs: number
  /** One of them does; all of them are believed. */
  readonly signs: boolean
}

/** Keys by the numbers that tokens name them with, ascending; the highest issues. */
export interface KeyStanding {
  /** Of the tokens of Dataplanes, which each mesh has keys for. */
  readonly mesh?: string | undefined
  readonly kind: 'user' | 'zone' | 'dataplane'
  readonly numbers: readonly string[]
}

export interface RotationStanding {
  readonly authorities: readonly AuthorityStanding[]
  readonly signingKeys: readonly KeyStanding[]
}

export interface AuthorityRotated extends RotationStanding {
  readonly step: RotationStep
  readonly zones: readonly ZoneStanding[]
}

export interface SigningKeyRotated {
  /** Number of the key that issues from now on. */
  readonly number: string
  /** Those whose tokens are void from now on. */
  readonly retired: readonly string[]
}

/** Asks one zone. @throws with a reason for a person */
export type AskForProof = (zone: string) => Promise<unknown>

/** How what proves who is who is replaced, without anybody being shut out. */
export interface RotationView {
  standing(): Promise<RotationStanding>
  /**
   * Global: the next step of replacing the authority.
   * @throws Problem `conflict` if another step comes first, or if zones would be shut out and `force` is not said
   */
  rotateAuthority(request: {
    readonly step: RotationStep
    readonly force: boolean
    readonly actor: string
    readonly ask: AskForProof
  }): Promise<AuthorityRotated>
  /**
   * Makes a new key, or retires all but the newest.
   * @param request mesh is for keys of dataplane tokens
   * @throws Problem `missing` for a mesh that is not there, `conflict` if there is nothing to retire
   */
  rotateSigningKey(request: {
    readonly kind: 'user' | 'zone' | 'dataplane'
    readonly mesh: string
    readonly retire: boolean
    readonly actor: string
  }): Promise<SigningKeyRotated>
}
