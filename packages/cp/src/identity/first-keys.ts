import { generateKeyPair, type KeyObject, randomBytes, randomUUID } from 'node:crypto'
import { promisify } from 'node:util'
import {
  authorityPrefix,
  authorityText,
  createAuthority,
  issueToken,
  newestKey,
  privateKeyPem,
  publicKeyPem,
  type SigningKey,
  signingKeyName,
  signingKeyPrefix,
} from '@holdfast/identity'
import type { Labels } from '@holdfast/model'
import type { ControlPlaneStore } from '@holdfast/store'
import type { Logger } from 'pino'
import type { IdentityKeeper } from './keeper.js'
import { publishedKey } from './published-keys.js'
import { writeSecrets } from './secrets.js'

const generate = promisify(generateKeyPair)
export const newRsaKey = async (modulusLength = 2_048): Promise<KeyObject> =>
  (await generate('rsa', { modulusLength })).privateKey
export const newEcKey = async (): Promise<KeyObject> => (await generate('ec', { namedCurve: 'P-256' })).privateKey

const yearMs = 365 * 24 * 3_600_000
const bytes = (text: string): Uint8Array => Buffer.from(text, 'utf8')

/** The administrator's first token, as in Kuma: read it on the machine itself, then it works from anywhere. */
export const adminTokenName = 'admin-user-token'
export const admin = 'mesh-system:admin'

type NamedText = readonly [name: string, text: string, labels?: Labels]

export interface FirstKeysOptions {
  readonly store: ControlPlaneStore
  readonly keeper: IdentityKeeper
  readonly role: 'global' | 'zone'
  readonly zone: string
  readonly trustDomain: string
  readonly log: Logger
  readonly nowMs: () => number
}

/**
 * Makes what a control plane needs to tell who is who, if it is not there: the key of user tokens and the administrator's
 * token, the authority of certificates and, at global, the key of zone tokens and its public half for the zones. Of two
 * replicas that do so at once the first wins.
 */
export async function makeFirstKeys(options: FirstKeysOptions): Promise<void> {
  const { store, keeper, role, zone, trustDomain, log, nowMs } = options
  const made: string[] = []
  const write = async (texts: readonly NamedText[]): Promise<void> => {
    if (texts.length === 0) return
    const writes = texts.map(([name, text, labels]) => ({ name, data: bytes(text), onlyIfNew: true, labels }))
    const outcomes = await writeSecrets(store, { role, zone, actor: 'holdfast' }, writes)
    keeper.forget()
    made.push(...texts.flatMap(([name], at) => (outcomes[at] === 'created' ? [name] : [])))
  }
  const { userKeys, zoneKeys, authorities } = await keeper.known()
  const rsaKey = async (name: string) => [name, privateKeyPem(await newRsaKey())] as const
  // Side by side: a key of RSA takes a core for a second on a busy machine, and zones wait for all of this.
  await write(
    await Promise.all([
      ...(userKeys.size === 0 ? [rsaKey(`${signingKeyPrefix('user')}-1`)] : []),
      ...(role === 'global' && zoneKeys.size === 0 ? [rsaKey(`${signingKeyPrefix('zone')}-1`)] : []),
      ...(authorities.trusted.length === 0 ? [newAuthority(trustDomain, '1', nowMs())] : []),
    ]),
  )

  const now = await keeper.known()
  const derived: NamedText[] = []
  if (role === 'global')
    for (const { keyId, key } of now.zoneKeys.values())
      if (key.type === 'private') {
        const { name, labels } = publishedKey(keyId, publicKeyPem(key))
        derived.push([name, publicKeyPem(key), labels])
      }
  if ((await store.read.get({ type: 'GlobalSecret', mesh: '', name: adminTokenName })) === undefined) {
    const token = await adminToken(now.userKeys, nowMs())
    if (token !== undefined) derived.push([adminTokenName, token])
  }
  await write(derived)
  if (made.length > 0) log.info({ made }, 'keys made')
}

/** The administrator's token, signed with the newest key; undefined where there is none to sign with. */
export async function adminToken(keys: ReadonlyMap<string, SigningKey>, nowMs: number): Promise<string | undefined> {
  const key = newestKey(new Map([...keys].filter(([, one]) => one.key.type === 'private')))
  if (key === undefined) return undefined
  const claims = { kind: 'user', name: admin, groups: [admin] } as const
  return issueToken({ claims, key, nowMs, validForMs: 10 * yearMs, tokenId: randomUUID() })
}

/** An authority under a number: the name of its secret, and what is in it. */
export async function newAuthority(
  trustDomain: string,
  keyId: string,
  issuedAtMs: number,
): Promise<readonly [name: string, text: string]> {
  const validity = { issuedAtMs, notAfterMs: issuedAtMs + 10 * yearMs, serial: serialNumber() }
  const pair = await createAuthority(trustDomain, await newEcKey(), validity)
  return [signingKeyName(authorityPrefix, keyId), authorityText(pair)]
}

/** Positive, as certificates want it. */
export function serialNumber(): Uint8Array {
  const serial = randomBytes(16)
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40
  return serial
}
