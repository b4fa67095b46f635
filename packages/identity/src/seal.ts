import { createCipheriv, createDecipheriv, createHash } from 'node:crypto'

/** A key that data keys are wrapped with; it is never in the database. */
export interface MasterKey {
  readonly id: string
  /** 32 bytes. */
  readonly key: Uint8Array
}

export const keyBytes = 32
export const nonceBytes = 12
const tagBytes = 16

/**
 * Seals bytes with AES-256-GCM. What they are sealed for goes into the proof, so that a sealed value which is put in another
 * place does not open there.
 * @param nonce random, 12 bytes, never used twice with a key
 * @returns nonce, tag and ciphertext
 */
export function seal(key: Uint8Array, nonce: Uint8Array, plain: Uint8Array, place: Uint8Array): Uint8Array {
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(place)
  const sealed = Buffer.concat([cipher.update(plain), cipher.final()])
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed])
}

/** @throws Error if the key is another one, the place is another one, or a bit was changed */
export function unseal(key: Uint8Array, sealed: Uint8Array, place: Uint8Array): Uint8Array {
  const nonce = sealed.subarray(0, nonceBytes)
  const tag = sealed.subarray(nonceBytes, nonceBytes + tagBytes)
  if (tag.length !== tagBytes) throw new Error('it is too short to have been sealed')
  const decipher = createDecipheriv('aes-256-gcm', key, nonce).setAAD(place).setAuthTag(tag)
  return new Uint8Array(Buffer.concat([decipher.update(sealed.subarray(nonceBytes + tagBytes)), decipher.final()]))
}

/**
 * Reads a file of master keys: a line each, `ID BASE64` with 32 bytes, the first of them wraps, all of them open. Empty lines
 * and those that begin with # are let pass.
 * @returns the keys, or everything wrong with the text; the keys themselves are never in a message
 */
export function parseMasterKeys(text: string): readonly MasterKey[] | { readonly problems: readonly string[] } {
  const keys: MasterKey[] = []
  const problems: string[] = []
  for (const [index, line] of text.split('\n').entries()) {
    const trimmed = line.trim()
    if (trimmed === '' || trimmed.startsWith('#')) continue
    const [id = '', encoded = '', ...more] = trimmed.split(/\s+/)
    const key = new Uint8Array(Buffer.from(encoded, 'base64'))
    if (!/^[A-Za-z0-9._-]{1,64}$/.test(id) || more.length > 0 || key.length !== keyBytes)
      problems.push(`line ${index + 1} must be a name and 32 bytes in base64, such as: k1 $(openssl rand -base64 32)`)
    else if (keys.some((one) => one.id === id)) problems.push(`line ${index + 1}: there is a key ${id} already`)
    else keys.push({ id, key })
  }
  if (keys.length === 0 && problems.length === 0) problems.push('there is no key in it')
  return problems.length > 0 ? { problems } : keys
}

export const masterKeysText = (keys: readonly MasterKey[]): string =>
  keys.map(({ id, key }) => `${id} ${Buffer.from(key).toString('base64')}\n`).join('')

/** By which people can tell keys apart without seeing them. */
export const keyPrint = ({ id, key }: MasterKey): string =>
  `${id} (${createHash('sha256').update(key).digest('hex').slice(0, 8)})`
