import { randomUUID } from 'node:crypto'
import type { IdentityView, RotationView } from '@holdfast/api'
import {
  type Claims,
  controlPlaneScope,
  createMeshAuthority,
  issueToken,
  joinBundleText,
  newestKey,
  type Pair,
  privateKeyPem,
  type SigningKey,
  signingKeyName,
  signingKeyPrefix,
  signingKeysOf,
  withRevoked,
  zoneRevocationsName,
  zoneRevocationsText,
} from '@holdfast/identity'
import { computedLabels, displayNameOf, type MeshAuthority, Problem, specTypeUrl, typeOf } from '@holdfast/model'
import { type ControlPlaneStore, enabledZone } from '@holdfast/store'
import type { Logger } from 'pino'
import { newRsaKey, serialNumber } from './first-keys.js'
import type { IdentityKeeper } from './keeper.js'
import { readSecrets, writeSecret } from './secrets.js'

/** What a join bundle says besides the token. */
export interface ZoneEntrance {
  readonly addresses: readonly string[]
  /** PEM; '' without TLS. */
  readonly authorities: string
  readonly globalId?: string | undefined
}

export interface IssuerOptions {
  readonly store: ControlPlaneStore
  readonly keeper: IdentityKeeper
  readonly role: 'global' | 'zone'
  readonly zone: string
  /** Global; undefined while it is not ready. */
  readonly entrance: () => Promise<ZoneEntrance | undefined>
  readonly rotation: RotationView
  readonly log: Logger
  readonly nowMs: () => number
}

/** A token's life is told in whole seconds: what is issued sooner after a revocation could be taken for older. */
const revokedMomentMs = 1_000

/** Issues tokens with the newest key of their kind, and says who may come in. */
export class StoredIssuer implements IdentityView {
  readonly #options: IssuerOptions

  get rotation(): RotationView {
    return this.#options.rotation
  }

  constructor(options: IssuerOptions) {
    this.#options = options
  }

  async issue(claims: Claims, validForMs: number): Promise<string> {
    const { nowMs, keeper } = this.#options
    const { zoneRevocations } = await keeper.known()
    const revokedAtMs = claims.kind === 'zone' ? (zoneRevocations.get(claims.zone) ?? 0) : 0
    // Of a zone that was revoked this very second the new token must not look like one of before.
    const issuedAtMs = Number.isFinite(revokedAtMs) ? Math.max(nowMs(), revokedAtMs + revokedMomentMs) : nowMs()
    return issueToken({ claims, key: await this.#keyFor(claims), nowMs: issuedAtMs, validForMs, tokenId: randomUUID() })
  }

  async joinBundle({ zone, validForMs, addresses, actor }: Parameters<IdentityView['joinBundle']>[0]): Promise<string> {
    const { entrance, nowMs } = this.#options
    const wrong = zoneNameProblem(zone)
    if (wrong !== undefined) throw wrong
    const way = await entrance()
    if (way === undefined)
      throw new Problem('unavailable', 'zones cannot join yet: global is not ready; see holdfastctl status')
    await this.#createZone(zone, actor)
    const token = await this.issue({ kind: 'zone', zone, scope: [controlPlaneScope] }, validForMs)
    return joinBundleText({
      zone,
      addresses: addresses.length > 0 ? addresses : way.addresses,
      authorities: way.authorities,
      globalId: way.globalId,
      token,
      expiresAtMs: nowMs() + validForMs,
    })
  }

  async revokeZone(zone: string, actor: string): Promise<{ readonly revokedAtMs: number }> {
    const { store, keeper, role, nowMs, log } = this.#options
    const wrong = zoneNameProblem(zone)
    if (wrong !== undefined) throw wrong
    const revokedAtMs = nowMs()
    const { zoneRevocations } = await keeper.known()
    const data = Buffer.from(zoneRevocationsText(withRevoked(zoneRevocations, zone, revokedAtMs)))
    const place = { role, zone: this.#options.zone, actor }
    await writeSecret(store, place, { name: zoneRevocationsName, data, onlyIfNew: false })
    log.warn({ zone, actor }, 'a zone was revoked: what it was given so far is void')
    return { revokedAtMs }
  }

  async newMeshAuthority(mesh: string, { rsaBits, validForMs }: MeshAuthority): Promise<Pair> {
    const issuedAtMs = this.#options.nowMs()
    const validity = { issuedAtMs, notAfterMs: issuedAtMs + validForMs, serial: serialNumber() }
    return createMeshAuthority(mesh, await newRsaKey(rsaBits), validity)
  }

  /** The Zone object is what lets a zone in that was deleted before. */
  async #createZone(zone: string, actor: string): Promise<void> {
    const { store } = this.#options
    if ((await store.read.get({ type: 'Zone', mesh: '', name: zone })) !== undefined) return
    const type = typeOf('Zone')
    const labels = computedLabels(type, '', zone, 'global', '', {})
    const [outcome] = await store.local.apply(
      {
        changes: [
          {
            change: 'put',
            key: { type: 'Zone', mesh: '', name: zone },
            content: { labels, typeUrl: specTypeUrl(type), spec: enabledZone },
            namespace: '',
            displayName: displayNameOf(zone, labels),
            wantsVip: false,
          },
        ],
        atomic: true,
        actor,
      },
      { signal: AbortSignal.timeout(30_000) },
    )
    if (outcome?.outcome === 'refused') throw outcome.problem
  }

  async #keyFor(claims: Claims): Promise<SigningKey> {
    const { keeper } = this.#options
    const { userKeys, zoneKeys } = await keeper.known()
    const mesh = claims.kind === 'dataplane' ? claims.mesh : ''
    const prefix = signingKeyPrefix(claims.kind, mesh)
    const keys =
      claims.kind === 'user' ? userKeys : claims.kind === 'zone' ? zoneKeys : await this.#dataplaneKeys(mesh, prefix)
    const key = newestKey(new Map([...keys].filter(([, one]) => one.key.type === 'private')))
    if (key !== undefined) return key
    const where =
      claims.kind === 'dataplane'
        ? `Secret of name "${prefix}-1" in mesh "${claims.mesh}"`
        : `GlobalSecret of name "${prefix}-1"`
    throw new Problem(
      'missing',
      `there is no signing key with KID 1. ${where} is not found. If signing key was rotated, regenerate the token`,
    )
  }

  /** The first key of a mesh is made when the first token is asked for, at global; zones have it from there. */
  async #dataplaneKeys(mesh: string, prefix: string): Promise<ReadonlyMap<string, SigningKey>> {
    const { store, role, zone, log } = this.#options
    const read = async () => signingKeysOf(prefix, await readSecrets(store, mesh)).keys
    const keys = await read()
    const isHere = (await store.read.get({ type: 'Mesh', mesh: '', name: mesh })) !== undefined
    if (keys.size > 0 || role !== 'global' || !isHere) return keys
    const name = signingKeyName(prefix, '1')
    const data = Buffer.from(privateKeyPem(await newRsaKey()))
    await writeSecret(store, { role, zone, actor: 'holdfast' }, { mesh, name, data, onlyIfNew: true })
    log.info({ made: [name] }, 'keys made')
    return read()
  }
}

function zoneNameProblem(zone: string): Problem | undefined {
  return /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/.test(zone)
    ? undefined
    : new Problem(
        'invalid',
        `"${zone}" is no name for a zone: lower case letters, digits and "-", starting with a letter, at most 63 characters`,
      )
}
