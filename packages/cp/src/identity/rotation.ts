import { X509Certificate } from 'node:crypto'
import type { AskForProof, AuthorityRotated, RotationStanding, RotationView, SigningKeyRotated } from '@holdfast/api'
import {
  authorityPrefix,
  fingerprintOf,
  fingerprintsOf,
  type KnownAuthority,
  planRotation,
  privateKeyPem,
  publicKeyPem,
  type SigningKey,
  shutOut,
  signingAuthorityName,
  signingKeyName,
  signingKeyPrefix,
  signingKeysOf,
  type ZoneProof,
  type ZoneStanding,
  zonePublicKeyPrefix,
} from '@holdfast/identity'
import { Problem } from '@holdfast/model'
import type { ControlPlaneStore } from '@holdfast/store'
import type { Logger } from 'pino'
import { adminToken, adminTokenName, newAuthority, newRsaKey } from './first-keys.js'
import type { IdentityKeeper } from './keeper.js'
import { publishedKey } from './published-keys.js'
import { readSecrets, type SecretRemoval, type SecretWrite, writeSecrets } from './secrets.js'

export interface RotationsOptions {
  readonly store: ControlPlaneStore
  readonly keeper: IdentityKeeper
  readonly role: 'global' | 'zone'
  readonly zone: string
  readonly trustDomain: string
  /** PEM of whom zones have to believe at global. */
  readonly serverAuthorities: () => Promise<string>
  readonly log: Logger
  readonly nowMs: () => number
}

type Writes = readonly (SecretWrite | SecretRemoval)[]
const pageSize = 1_000

/** Replaces authority and keys by changes of secrets: every replica does as they say from then on. */
export class Rotations implements RotationView {
  readonly #options: RotationsOptions

  constructor(options: RotationsOptions) {
    this.#options = options
  }

  async standing(): Promise<RotationStanding> {
    const { authorities, userKeys, zoneKeys } = await this.#options.keeper.known()
    const numbers = (keys: ReadonlyMap<string, SigningKey>): readonly string[] => [...keys.keys()].sort(byNumber)
    return {
      authorities: authorities.known.map(({ keyId, certificatePem }) => ({
        number: keyId,
        fingerprint: fingerprintOf(certificatePem),
        notAfterMs: Date.parse(new X509Certificate(certificatePem).validTo),
        signs: keyId === authorities.signing?.keyId,
      })),
      signingKeys: [
        { kind: 'user', numbers: numbers(userKeys) },
        { kind: 'zone', numbers: numbers(zoneKeys) },
        ...(await this.#dataplaneKeys()),
      ],
    }
  }

  /** Each mesh has keys of its own, or none yet. */
  async #dataplaneKeys(): Promise<RotationStanding['signingKeys']> {
    const { store } = this.#options
    const { items: meshes } = await store.read.list({ type: 'Mesh', offset: 0, limit: pageSize })
    const all = await Promise.all(
      meshes.map(async ({ name: mesh }) => {
        const { keys } = signingKeysOf(signingKeyPrefix('dataplane', mesh), await readSecrets(store, mesh))
        return { kind: 'dataplane' as const, mesh, numbers: [...keys.keys()].sort(byNumber) }
      }),
    )
    return all.filter(({ numbers }) => numbers.length > 0)
  }

  async rotateAuthority({
    step,
    force,
    actor,
    ask,
  }: Parameters<RotationView['rotateAuthority']>[0]): Promise<AuthorityRotated> {
    const { keeper, trustDomain, nowMs, log } = this.#options
    const { authorities } = await keeper.known()
    const plan = planRotation(step, authorities)
    if (plan.step !== 'begin' && !force) {
      const reasons = shutOut(plan, await this.#standings(ask), await this.#isBelieved(authorities.known))
      if (reasons.length > 0)
        throw new Problem(
          'conflict',
          `${reasons.join('; ')}. Try again when they are connected; with --force it is done all the same, and they need a new bundle ('holdfastctl zone add') unless they renew before they dial again`,
        )
    }
    switch (plan.step) {
      case 'begin': {
        const [name, text] = await newAuthority(trustDomain, plan.next, nowMs())
        // In one transaction: no replica ever sees the new one without the word that it does not sign yet.
        await this.#write(actor, [put(signingAuthorityName, `${plan.signing}\n`), put(name, text)])
        break
      }
      case 'switch':
        await this.#write(actor, [put(signingAuthorityName, `${plan.next.keyId}\n`)])
        break
      case 'finish':
        await this.#write(
          actor,
          plan.gone.map((keyId) => ({ name: signingKeyName(authorityPrefix, keyId), remove: true })),
        )
    }
    log.warn({ step, actor }, 'the authority of certificates is being replaced')
    // Asked once more: what they believe is what stands now.
    return { step, ...(await this.standing()), zones: await this.#standings(ask) }
  }

  async rotateSigningKey({
    kind,
    mesh,
    retire,
    actor,
  }: Parameters<RotationView['rotateSigningKey']>[0]): Promise<SigningKeyRotated> {
    const { store, role, keeper, nowMs, log } = this.#options
    if (kind !== 'user' && role !== 'global')
      throw new Problem('forbidden', `keys of ${kind} tokens are made by global: rotate them there`)
    const isThere = kind !== 'dataplane' || (await store.read.get({ type: 'Mesh', mesh: '', name: mesh })) !== undefined
    if (!isThere)
      throw new Problem(
        'missing',
        `there is no mesh ${JSON.stringify(mesh)}; see those there are with 'holdfastctl get meshes'`,
      )
    const place = kind === 'dataplane' ? mesh : undefined
    const prefix = signingKeyPrefix(kind, mesh)
    const secrets = await readSecrets(store, place)
    const { keys } = signingKeysOf(prefix, secrets)
    const numbers = [...keys.keys()].sort(byNumber)
    const newest = numbers.at(-1)
    const at = (name: string) => (place === undefined ? { name } : { name, mesh: place })
    if (!retire) {
      const number = String(Number(newest ?? 0) + 1)
      const key = await newRsaKey()
      const writes: SecretWrite[] = [{ ...at(signingKeyName(prefix, number)), ...data(privateKeyPem(key)) }]
      if (kind === 'zone') writes.push({ ...publishedKey(number, publicKeyPem(key)), onlyIfNew: false })
      if (kind === 'user') {
        // The administrator's token outlives the key that it was signed with.
        const token = await adminToken(new Map([[number, { keyId: number, key }]]), nowMs())
        if (token !== undefined) writes.push(put(adminTokenName, token))
      }
      await this.#write(actor, writes)
      log.warn({ kind, mesh, number, actor }, 'a new signing key issues tokens from now on')
      return { number, retired: [] }
    }
    const retired = numbers.slice(0, -1)
    if (newest === undefined || retired.length === 0)
      throw new Problem(
        'conflict',
        `there is one ${kind} signing key at most, and none to retire: 'holdfastctl rotate signing-key ${kind}' makes the next one first`,
      )
    if (keys.get(newest)?.key.type !== 'private')
      throw new Problem(
        'conflict',
        `the newest ${kind} signing key, ${newest}, is a public half: without the older ones nothing could be issued here`,
      )
    const names = new Set(secrets.map(({ name }) => name))
    const gone = retired.flatMap((number) => [
      at(signingKeyName(prefix, number)),
      ...(kind === 'zone' ? [at(signingKeyName(zonePublicKeyPrefix, number))] : []),
    ])
    await this.#write(
      actor,
      gone.filter(({ name }) => names.has(name)).map((one) => ({ ...one, remove: true as const })),
    )
    await keeper.known()
    log.warn({ kind, mesh, retired, actor }, 'signing keys are gone: the tokens that they signed are void')
    return { number: newest, retired }
  }

  async #write(actor: string, writes: Writes): Promise<void> {
    const { store, role, zone, keeper } = this.#options
    await writeSecrets(store, { role, zone, actor }, writes)
    keeper.forget()
  }

  /** Whether zones know global by what our authority has signed. */
  async #isBelieved(known: readonly KnownAuthority[]): Promise<boolean> {
    const told = fingerprintsOf(await this.#options.serverAuthorities())
    return known.some(({ certificatePem }) => told.includes(fingerprintOf(certificatePem)))
  }

  /** What every zone says that is not switched off; all are asked at once, each within its own time. */
  async #standings(ask: AskForProof): Promise<readonly ZoneStanding[]> {
    const names = await this.#zones()
    return Promise.all(
      names.map(async (zone): Promise<ZoneStanding> => {
        try {
          return { zone, proof: proofOf(await ask(zone)) }
        } catch (error) {
          return { zone, problem: (error as Error).message }
        }
      }),
    )
  }

  async #zones(): Promise<readonly string[]> {
    const { store } = this.#options
    const names: string[] = []
    for (let offset = 0; ; offset += pageSize) {
      const { total, items } = await store.read.list({ type: 'Zone', offset, limit: pageSize })
      names.push(...items.map(({ name }) => name))
      if (items.length === 0 || offset + pageSize >= total) return names
    }
  }
}

const data = (text: string) => ({ data: Buffer.from(text, 'utf8'), onlyIfNew: false })
const put = (name: string, text: string): SecretWrite => ({ name, ...data(text) })
const byNumber = (a: string, b: string): number => Number(a) - Number(b)

/** @throws Error for what is no answer to that question, as an older zone gives none */
function proofOf(answer: unknown): ZoneProof {
  const { certificate, believes } = (answer ?? {}) as Readonly<Record<string, unknown>>
  const fits =
    (certificate === null || typeof certificate === 'string') &&
    Array.isArray(believes) &&
    believes.every((one) => typeof one === 'string')
  if (!fits) throw new Error('it did not say what proves its name, as older versions do not: upgrade it')
  return { certificate: certificate as string | null, believes: believes as readonly string[] }
}
