import { createHmac, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { expect, test } from 'vitest'
import type { Claims, TokenKind } from './claims.js'
import { keyIdOf, newestKey, privateKeyPem, publicKeyPem, readRsaKey, signingKeysOf } from './keys.js'
import { bearerToken, issueToken, revokedIds, verifyToken } from './tokens.js'

const rsa = (): KeyObject => generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey
const ours = rsa()
const theirs = rsa()
const nowMs = Date.UTC(2026, 10, 29, 4, 0, 0)
const hourMs = 3_600_000
const john: Claims = { kind: 'user', name: 'john', groups: ['team-a'] }
const east: Claims = { kind: 'zone', zone: 'east', scope: ['cp'] }

const issue = (claims: Claims, more: { key?: KeyObject; keyId?: string; validForMs?: number; atMs?: number } = {}) =>
  issueToken({
    claims,
    key: { keyId: more.keyId ?? '1', key: more.key ?? ours },
    nowMs: more.atMs ?? nowMs,
    validForMs: more.validForMs ?? hourMs,
    tokenId: 'c0ffee',
  })
const verify = (kind: TokenKind, token: string, revoked: readonly string[] = [], atMs = nowMs) =>
  verifyToken({ kind, token, keys: new Map([['1', { key: ours }]]), revoked: new Set(revoked), nowMs: atMs })
const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
const decoded = (token: string) =>
  token
    .split('.')
    .slice(0, 2)
    .map((each) => Buffer.from(each, 'base64url').toString())

test('a token is what Kuma issues, to the byte', async () => {
  const [header, payload] = decoded(await issue(john))
  expect(header).toBe('{"alg":"RS256","kid":"1","typ":"JWT"}')
  const begins = nowMs / 1_000 - 5
  expect(payload).toBe(
    `{"Name":"john","Groups":["team-a"],"exp":${nowMs / 1_000 + 3_600},"nbf":${begins},"iat":${begins},"jti":"c0ffee"}`,
  )
  const dataplane = { kind: 'dataplane', name: 'dp', mesh: 'm', tags: {}, type: '', workload: '' } as const
  expect(decoded(await issue(dataplane))[1]).toMatch(/^\{"Name":"dp","Mesh":"m","Tags":\{\},"Type":"","Workload":"",/)
})

test('a good token says who it is for, and since when', async () => {
  expect(await verify('user', await issue(john))).toEqual({
    ok: true,
    claims: john,
    tokenId: 'c0ffee',
    keyId: '1',
    issuedAtMs: nowMs,
    expiresAtMs: nowMs + hourMs,
  })
  expect(await verify('zone', await issue(east))).toMatchObject({ ok: true, claims: east })
})

test('whatever is wrong with a token is found, and told for the log', async () => {
  const good = await issue(john)
  const [header = '', payload = '', signature = ''] = good.split('.')
  const unsigned = `${part({ alg: 'none', kid: '1', typ: 'JWT' })}.${payload}.`
  // The classic: the public key as the secret of a symmetric signature.
  const mixed = `${part({ alg: 'HS256', kid: '1', typ: 'JWT' })}.${payload}`
  const hmac = `${mixed}.${createHmac('sha256', publicKeyPem(ours)).update(mixed).digest('base64url')}`
  const more = Buffer.from(payload, 'base64url').toString().replace('team-a', 'mesh-system:admin')
  const cases: readonly (readonly [what: string, token: string, reason: RegExp])[] = [
    ['nothing', '', /no token/],
    ['text', 'nope', /no token/],
    ['of another key', await issue(john, { key: theirs }), /signature is wrong/],
    ['of a key that is not there', await issue(john, { keyId: '2' }), /no user signing key with KID 2/],
    ['expired', await issue(john, { validForMs: -1_000 }), /has expired/],
    ['of the future', await issue(john, { atMs: nowMs + hourMs }), /not valid yet/],
    ['changed', `${header}.${Buffer.from(more).toString('base64url')}.${signature}`, /signature is wrong/],
    ['unsigned', unsigned, /RS256|no token/],
    ['signed with the public key', hmac, /RS256/],
    ['without a key number', `${part({ alg: 'RS256', typ: 'JWT' })}.${payload}.${signature}`, /names no signing key/],
    ['with a number that is none', `${part({ alg: 'RS256', kid: 1 })}.${payload}.${signature}`, /names no signing key/],
    ['of a zone', await issue(east), /not those of a user token/],
    ['endless', `${'x'.repeat(20_000)}`, /too long/],
  ]
  for (const [what, token, reason] of cases)
    expect([what, await verify('user', token)]).toEqual([what, { ok: false, reason: expect.stringMatching(reason) }])
  expect(await verify('user', good, ['c0ffee'])).toEqual({ ok: false, reason: 'it was revoked (jti c0ffee)' })
})

test('revocation lists and headers as Kuma reads them', () => {
  expect([...revokedIds(Buffer.from('a,b,c\n'))]).toEqual(['a', 'b', 'c'])
  expect([...revokedIds(new Uint8Array())]).toEqual([])
  expect(['Bearer x', 'bearer  x', 'Basic x', 'Bearer', undefined].map(bearerToken)).toEqual([
    'x',
    'x',
    undefined,
    undefined,
    undefined,
  ])
})

test('keys are found by the number in their name, the highest issues, and what is no key is named', () => {
  const named = (name: string, text: string) => ({ name, data: Buffer.from(text) })
  const { keys, unreadable } = signingKeysOf('user-token-signing-key', [
    named('user-token-signing-key', privateKeyPem(ours)),
    named('user-token-signing-key-2', privateKeyPem(theirs)),
    named('user-token-signing-key-10', privateKeyPem(ours)),
    named('user-token-signing-key-11', 'nope'),
    named('user-token-signing-key-x', privateKeyPem(ours)),
    named('user-token-revocations', 'a'),
  ])
  expect([[...keys.keys()], unreadable, newestKey(keys)?.keyId]).toEqual([
    ['0', '2', '10'],
    ['user-token-signing-key-11'],
    '10',
  ])
  expect(keyIdOf('a', 'a-01')).toBeUndefined()
  const der = ours.export({ type: 'pkcs1', format: 'der' })
  expect(readRsaKey(der)?.equals(ours)).toBe(true)
  expect(readRsaKey(Buffer.from(publicKeyPem(ours)))?.type).toBe('public')
  expect(privateKeyPem(ours)).toMatch(/^-----BEGIN RSA PRIVATE KEY-----/)
})
