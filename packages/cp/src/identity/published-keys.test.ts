import { generateKeyPairSync } from 'node:crypto'
import { privateKeyPem, publicKeyPem } from '@holdfast/identity'
import { expect, test } from 'vitest'
import { type LabelledBytes, publishedKey, publishedKeyWrites } from './published-keys.js'

const newKey = () => generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey
const [one, other] = [newKey(), newKey()]
const secret = (name: string, text: string, labels = {}): LabelledBytes => ({ name, data: Buffer.from(text), labels })
const privateKey = (keyId: string, key = one) => secret(`zone-token-signing-key-${keyId}`, privateKeyPem(key))
const half = (keyId: string, key = one): LabelledBytes => publishedKey(keyId, publicKeyPem(key))
const names = (secrets: readonly LabelledBytes[]) =>
  publishedKeyWrites(secrets).map((write) => `${'remove' in write ? '-' : '+'}${write.name}`)

test('each private key has its public half, under the name and label that a Kuma gives it', () => {
  expect(publishedKeyWrites([privateKey('1')])).toEqual([
    {
      name: 'zone-token-signing-public-key-1',
      data: Buffer.from(publicKeyPem(one)),
      labels: { 'kuma.io/display-name': 'zone-token-signing-key-1' },
      onlyIfNew: false,
    },
  ])
  expect(names([privateKey('1'), half('1')])).toEqual([])
})

test('a key that was replaced by another one, imported or put there by hand, takes its half with it', () => {
  expect(names([privateKey('1', other), half('1', one)])).toEqual(['+zone-token-signing-public-key-1'])
  expect(names([privateKey('1'), privateKey('2', other), half('1')])).toEqual(['+zone-token-signing-public-key-2'])
})

test('one that an older release has made keeps its labels: they are part of what names it', () => {
  const old = { ...half('1', one), labels: {} }
  expect(names([privateKey('1'), old])).toEqual([])
  expect(publishedKeyWrites([privateKey('1', other), old])).toMatchObject([
    { name: 'zone-token-signing-public-key-1', labels: {}, data: Buffer.from(publicKeyPem(other)) },
  ])
})

test('the half of a key that is gone goes too, for the tokens of that key are void; one that somebody put there alone stays', () => {
  expect(names([half('1')])).toEqual(['-zone-token-signing-public-key-1'])
  expect(names([secret('zone-token-signing-public-key-7', publicKeyPem(other))])).toEqual([])
})

test('what is no key is none', () => {
  expect(
    names([secret('zone-token-signing-key-1', 'x'), secret('zone-token-signing-key-one', privateKeyPem(one))]),
  ).toEqual([])
  expect(names([secret('zone-token-signing-key-1', publicKeyPem(one))])).toEqual([])
})
