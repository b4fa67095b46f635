import { generateKeyPairSync, type KeyObject, randomBytes, randomUUID } from 'node:crypto'
import { privateKeyPem, publicKeyPem } from '@holdfast/identity'
import { asControlPlane, MemoryStore } from '@holdfast/store'
import pino from 'pino'
import { expect, test } from 'vitest'
import { IdentityKeeper, type KnownIdentity } from './keeper.js'
import { type SecretWrite, writeSecret } from './secrets.js'

const place = { role: 'global', zone: '', actor: 'test' } as const
const newKey = (): Buffer => Buffer.from(privateKeyPem(generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey))

async function stand() {
  const memory = new MemoryStore({
    identity: { role: 'global', name: '', storeId: randomUUID() },
    nowMs: Date.now,
    hexDigits: (length) => randomBytes(length).toString('hex').slice(0, length),
  })
  const store = asControlPlane(memory)
  await store.initialise({ actor: 'test', random: randomBytes(16) })
  const keeper = new IdentityKeeper(store, pino({ level: 'silent' }))
  const put = (name: string, data: Uint8Array) =>
    writeSecret(store, place, { name, data, onlyIfNew: false } satisfies SecretWrite)
  return { keeper, put }
}

test('keys are read out of the secrets again when these change, and not whenever anything does', async () => {
  const { keeper, put } = await stand()
  await put('user-token-signing-key-1', newKey())
  await put('of-something-else', Buffer.from('one'))
  const first = await keeper.known()
  expect([...first.userKeys.keys()]).toEqual(['1'])

  keeper.forget()
  expect(await keeper.known()).toBe(first)

  // The same name and length, other bytes.
  await put('of-something-else', Buffer.from('two'))
  expect(await keeper.known()).not.toBe(first)

  await put('user-token-signing-key-1', newKey())
  const second = await keeper.known()
  const publicOf = ({ userKeys }: KnownIdentity): string => publicKeyPem(userKeys.get('1')?.key as KeyObject)
  expect(publicOf(second)).not.toBe(publicOf(first))

  await put('user-token-signing-key-2', newKey())
  expect([...(await keeper.known()).userKeys.keys()].sort()).toEqual(['1', '2'])

  await put('user-token-revocations', Buffer.from('an-id'))
  expect([...(await keeper.known()).revokedUserTokens]).toEqual(['an-id'])
  keeper.close()
})
