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
  signingKeyName,
  signingKeyPrefix,
  zonePublicKeyPrefix,
} from '@holdfast/identity'
import type { ControlPlaneStore } from '@holdfast/store'
import type { Logger } from 'pino'
import type { IdentityKeeper } from './keeper.js'
import { writeSecret } from './secrets.js'

const generate = promisify(generateKeyPair)
export const newRsaKey = async (): Promise<KeyObject> => (await generate('rsa', { modulusLength: 2_048 })).privateKey
export const newEcKey = async (): Promise<KeyObject> => (await generate('ec', { namedCurve: 'P-256' })).privateKey

const yearMs = 365 * 24 * 3_600_000
const bytes = (text: string): Uint8Array => Buffer.from(text, 'utf8')

/** The administrator's first token, as in Kuma: read it on the machine itself, then it works from anywhere. */
export const adminTokenName = 'admin-user-token'
export const admin = 'mesh-system:admin'

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
  const write = async (name: string, text: string): Promise<void> => {
    const place = { role, zone, actor: 'holdfast' }
    const outcome = await writeSecret(store, place, { name, data: bytes(text), onlyIfNew: true })
    if (outcome === 'created') made.push(name)
  }
  const { userKeys, zoneKeys, authorities } = await keeper.known()
  if (userKeys.size === 0) await write(`${signingKeyPrefix('user')}-1`, privateKeyPem(await newRsaKey()))
  if (authorities.trusted.length === 0) {
    const issuedAtMs = nowMs()
    const validity = { issuedAtMs, notAfterMs: issuedAtMs + 10 * yearMs, serial: serialNumber() }
    await write(`${authorityPrefix}-1`, authorityText(await createAuthority(trustDomain, await newEcKey(), validity)))
  }
  if (role === 'global' && zoneKeys.size === 0)
    await write(`${signingKeyPrefix('zone')}-1`, privateKeyPem(await newRsaKey()))

  const now = await keeper.known()
  if (role === 'global')
    for (const { keyId, key } of now.zoneKeys.values())
      if (key.type === 'private') await write(signingKeyName(zonePublicKeyPrefix, keyId), publicKeyPem(key))
  if ((await store.read.get({ type: 'GlobalSecret', mesh: '', name: adminTokenName })) === undefined) {
    const key = newestKey(now.userKeys)
    if (key?.key.type === 'private') {
      const claims = { kind: 'user', name: admin, groups: [admin] } as const
      const issue = { claims, key, nowMs: nowMs(), validForMs: 10 * yearMs, tokenId: randomUUID() }
      await write(adminTokenName, await issueToken(issue))
    }
  }
  if (made.length > 0) log.info({ made }, 'keys made')
}

/** Positive, as certificates want it. */
export function serialNumber(): Uint8Array {
  const serial = randomBytes(16)
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40
  return serial
}
