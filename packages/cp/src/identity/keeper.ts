import {
  type Authorities,
  authoritiesOf,
  type NamedBytes,
  parseZoneRevocations,
  revocationsName,
  revokedIds,
  type SigningKey,
  signingKeyPrefix,
  signingKeysOf,
  type TokenKind,
  type Verified,
  verifyToken,
  type ZoneRevocations,
  zonePublicKeyPrefix,
  zoneRevocationsName,
} from '@holdfast/identity'
import type { ControlPlaneStore } from '@holdfast/store'
import type { Logger } from 'pino'
import { readSecrets } from './secrets.js'

/** What the secrets of a store say about who is who. */
export interface KnownIdentity {
  readonly userKeys: ReadonlyMap<string, SigningKey>
  readonly zoneKeys: ReadonlyMap<string, SigningKey>
  readonly authorities: Authorities
  readonly revokedUserTokens: ReadonlySet<string>
  readonly revokedZoneTokens: ReadonlySet<string>
  readonly zoneRevocations: ZoneRevocations
  /** Revoked dataplane tokens by mesh. */
  readonly revokedDataplaneTokens: (mesh: string) => ReadonlySet<string>
}

/**
 * The secrets that say who is let in, read again whenever the store has moved. Nothing is kept longer: a key that was
 * deleted, or a token that was revoked, on whatever replica, is void with the next question.
 */
export class IdentityKeeper {
  readonly #store: ControlPlaneStore
  readonly #log: Logger
  readonly #stopListening: () => void
  #known: Promise<KnownIdentity> | undefined
  /** What was made of the secrets as they were last: most of what moves a store is none of them. */
  #made: { readonly of: readonly NamedBytes[]; readonly known: KnownIdentity } | undefined
  #told = ''

  constructor(store: ControlPlaneStore, log: Logger) {
    this.#store = store
    this.#log = log
    this.#stopListening = store.onAdvanced(() => {
      this.#known = undefined
    })
  }

  known(): Promise<KnownIdentity> {
    if (this.#known === undefined) {
      const reading = this.#read()
      this.#known = reading
      reading.catch(() => {
        if (this.#known === reading) this.#known = undefined
      })
    }
    return this.#known
  }

  async verify(kind: Exclude<TokenKind, 'dataplane'>, token: string, nowMs: number): Promise<Verified> {
    const { userKeys, zoneKeys, revokedUserTokens, revokedZoneTokens } = await this.known()
    const [keys, revoked] = kind === 'user' ? [userKeys, revokedUserTokens] : [zoneKeys, revokedZoneTokens]
    return verifyToken({ kind, token, keys, revoked, nowMs })
  }

  /** After a change of our own: the next question is answered with it, whether the store has told of it yet or not. */
  forget(): void {
    this.#known = undefined
  }

  close(): void {
    this.#stopListening()
  }

  async #read(): Promise<KnownIdentity> {
    const secrets = await readSecrets(this.#store)
    if (this.#made === undefined || !isSame(this.#made.of, secrets))
      this.#made = { of: secrets, known: this.#make(secrets) }
    return this.#made.known
  }

  #make(secrets: readonly NamedBytes[]): KnownIdentity {
    const users = signingKeysOf(signingKeyPrefix('user'), secrets)
    const zones = signingKeysOf(signingKeyPrefix('zone'), secrets)
    const published = signingKeysOf(zonePublicKeyPrefix, secrets)
    const authorities = authoritiesOf(secrets)
    this.#tell([...users.unreadable, ...zones.unreadable, ...authorities.unreadable])
    const listed = (name: string): ReadonlySet<string> => revokedIds(bytesOf(secrets, name))
    return {
      userKeys: users.keys,
      // A zone has the public halves alone.
      zoneKeys: new Map([...published.keys, ...zones.keys]),
      authorities,
      revokedUserTokens: listed(revocationsName('user')),
      revokedZoneTokens: listed(revocationsName('zone')),
      zoneRevocations: parseZoneRevocations(bytesOf(secrets, zoneRevocationsName)),
      revokedDataplaneTokens: (mesh) => listed(revocationsName('dataplane', mesh)),
    }
  }

  /** Once, not with every reading. */
  #tell(unreadable: readonly string[]): void {
    const names = unreadable.join(', ')
    if (names !== '' && names !== this.#told)
      this.#log.error(
        { secrets: names },
        'secrets under names of keys that are no keys: what they signed is not believed',
      )
    this.#told = names
  }
}

const isSame = (before: readonly NamedBytes[], now: readonly NamedBytes[]): boolean =>
  before.length === now.length &&
  before.every(({ name, data }, i) => name === now[i]?.name && Buffer.from(data).equals(now[i].data))

const bytesOf = (secrets: readonly NamedBytes[], name: string): Uint8Array =>
  secrets.find((secret) => secret.name === name)?.data ?? new Uint8Array()
