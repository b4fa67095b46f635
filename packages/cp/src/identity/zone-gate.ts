import type { ZoneGate } from '@holdfast/global'
import {
  admitZone,
  bearerToken,
  type Credential,
  certifyZone,
  judgeZoneCertificate,
  withdrawn,
} from '@holdfast/identity'
import { Problem } from '@holdfast/model'
import type { Admission, AdmissionAnswer, Certified, LinkEnd } from '@holdfast/transport'
import type { Logger } from 'pino'
import { serialNumber } from './first-keys.js'
import type { IdentityKeeper } from './keeper.js'
import { RefusalLog } from './refusal-log.js'

export interface ZoneGateOptions {
  readonly keeper: IdentityKeeper
  readonly trustDomain: string
  readonly unauthenticated: readonly string[]
  readonly certificateLifetimeMs: number
  /** PEM of whom zones have to believe at global. */
  readonly serverAuthorities: () => Promise<string>
  readonly log: Logger
  readonly nowMs: () => number
}

/** After a revocation: what is issued in the same moment could not be told from what was issued before. */
const revokedMomentMs = 2_000

const unprovenWords = (zone: string): string =>
  `zone "${zone}" must prove its name to get a certificate: start it with the join bundle of 'holdfastctl zone add ${zone}'`

/** Lets zones in that prove who they are; what counts stands in the store, so every replica decides the same. */
export class StoredZoneGate implements ZoneGate {
  readonly #options: ZoneGateOptions
  readonly #unauthenticated: ReadonlySet<string>
  readonly #refusals: RefusalLog

  constructor(options: ZoneGateOptions) {
    this.#options = options
    this.#unauthenticated = new Set(options.unauthenticated)
    this.#refusals = new RefusalLog(options.log)
  }

  async admit({ peer, call, remoteAddress, certificate }: Admission): Promise<AdmissionAnswer> {
    const { keeper, trustDomain, nowMs } = this.#options
    const { authorities, zoneRevocations: revocations } = await keeper.known()
    const rules = { authorities: authorities.trusted, trustDomain, nowMs: nowMs() }
    const token = bearerToken(peer.authorization)
    const answer = admitZone(
      {
        zone: peer.zone,
        certificate: certificate === undefined ? undefined : judgeZoneCertificate(certificate, rules),
        token: token === undefined ? undefined : await keeper.verify('zone', token, nowMs()),
      },
      { revocations, unauthenticated: this.#unauthenticated },
    )
    const who = { zone: peer.zone, call, address: remoteAddress }
    if (!answer.ok) {
      this.#refusals.warn({ ...who, reason: answer.reason }, 'a zone was not let in')
      return { code: answer.code, reason: answer.told }
    }
    const { credential } = answer
    if (credential.how === 'allowed' && call !== 'health')
      this.#refusals.warn(who, 'a zone is let in without any proof of its name (--allow-unauthenticated-zone)')
    if (credential.how === 'allowed' && call === 'certify')
      return { code: 'UNAUTHENTICATED', reason: unprovenWords(peer.zone) }
    return { credential }
  }

  async certify(zone: string, request: Uint8Array): Promise<Certified | LinkEnd> {
    const { keeper, trustDomain, certificateLifetimeMs, serverAuthorities, log, nowMs } = this.#options
    const { authorities, zoneRevocations } = await keeper.known()
    if (authorities.signing === undefined)
      return { code: 'UNAVAILABLE', reason: 'this global has no authority to sign certificates with; see its log' }
    const issuedAtMs = nowMs()
    if (issuedAtMs <= (zoneRevocations.get(zone) ?? 0) + revokedMomentMs)
      return { code: 'UNAVAILABLE', reason: `zone "${zone}" was revoked a moment ago; try again` }
    const validity = { issuedAtMs, notAfterMs: issuedAtMs + certificateLifetimeMs, serial: serialNumber() }
    try {
      const certificate = await certifyZone(authorities.signing, { zone, trustDomain, request, ...validity })
      const serial = Buffer.from(validity.serial).toString('hex')
      log.info({ zone, serial, until: new Date(validity.notAfterMs).toISOString() }, 'a zone got a certificate')
      return { certificate, authorities: await serverAuthorities() }
    } catch (error) {
      if (error instanceof Problem) return { code: 'INVALID_ARGUMENT', reason: error.message }
      throw error
    }
  }

  async withdrawn(zone: string, credential: Credential): Promise<string | undefined> {
    const { zoneRevocations: revocations, revokedZoneTokens: revokedTokens } = await this.#options.keeper.known()
    return withdrawn(zone, credential, { revocations, revokedTokens, unauthenticated: this.#unauthenticated })
  }
}
