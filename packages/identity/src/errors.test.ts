import { createPrivateKey, generateKeyPairSync, type KeyObject, webcrypto, X509Certificate } from 'node:crypto'
import { violationText } from '@holdfast/model'
import { SignJWT } from 'jose'
import { expect, test } from 'vitest'
import { parseAccess } from './access-config.js'
import { authoritiesOf, authorityText, signingAuthorityName } from './certificates/authorities.js'
import { certifyZone, createAuthority, requestCertificate } from './certificates/issue.js'
import { judgeZoneCertificate } from './certificates/judge.js'
import { fingerprintOf, planRotation, shutOut } from './certificates/rotation.js'
import { parseMasterKeys, seal, unseal } from './seal.js'
import type { Claims, TokenKind } from './tokens/claims.js'
import { issueToken, verifyToken } from './tokens/tokens.js'
import { admitZone, type GateRules, type Presented, withdrawn } from './zones/admission.js'
import { parseJoinBundle } from './zones/join-bundle.js'

// Why somebody or something is not believed, as it is told to whom it concerns or stands in the log, in one file. A test of the
// testkit reads off the source what there is.

type Said = readonly string[] | Promise<readonly string[]>
type Case = readonly [what: string, said: () => Said]

const nowMs = Date.UTC(2026, 10, 29)
const hourMs = 3_600_000
const ecKey = (namedCurve = 'P-256'): KeyObject => generateKeyPairSync('ec', { namedCurve }).privateKey
const times = (beginsMs: number, endsMs: number, byte = 1) => ({
  issuedAtMs: beginsMs,
  notAfterMs: endsMs,
  serial: Buffer.alloc(16, byte),
})
const always = times(nowMs - hourMs, nowMs + hourMs)
const [first, second] = [
  await createAuthority('mesh', ecKey(), always),
  await createAuthority('mesh', ecKey(), { ...always, serial: Buffer.alloc(16, 2) }),
]

const thrown = async (call: () => unknown): Promise<readonly string[]> => {
  try {
    await call()
    return ['nothing']
  } catch (error) {
    return [(error as Error).message]
  }
}

const certified = async (
  zone: string,
  more: { by?: typeof first; trustDomain?: string; validity?: typeof always } = {},
) =>
  certifyZone(more.by ?? first, {
    ...{ zone, trustDomain: more.trustDomain ?? 'mesh', request: await requestCertificate(zone, ecKey()) },
    ...(more.validity ?? always),
  })
const raw = (pem: string): Uint8Array => new Uint8Array(new X509Certificate(pem).raw)
const judged = (bytes: Uint8Array): readonly string[] => {
  const result = judgeZoneCertificate(bytes, { authorities: [first.certificatePem], trustDomain: 'mesh', nowMs })
  return [result.ok ? 'it is good' : result.reason]
}
const requested = (request: Uint8Array) =>
  thrown(() => certifyZone(first, { zone: 'east', trustDomain: 'mesh', request, ...always }))

const curve = (namedCurve: string) => ({ name: 'ECDSA', namedCurve, hash: 'SHA-256' })
async function requestOn(namedCurve: string): Promise<Uint8Array> {
  const { Pkcs10CertificateRequestGenerator } = await import('@peculiar/x509')
  const keys = await webcrypto.subtle.generateKey(curve(namedCurve), true, ['sign', 'verify'])
  const { rawData } = await Pkcs10CertificateRequestGenerator.create({
    ...{ name: 'CN=east', keys, signingAlgorithm: curve(namedCurve) },
  })
  return new Uint8Array(rawData)
}

/** Signed by the authority, and for nobody. */
async function nameless(): Promise<Uint8Array> {
  const { X509CertificateGenerator } = await import('@peculiar/x509')
  const der = createPrivateKey(first.privateKeyPem).export({ type: 'pkcs8', format: 'der' })
  const signingKey = await webcrypto.subtle.importKey('pkcs8', der, curve('P-256'), false, ['sign'])
  const { publicKey } = await webcrypto.subtle.generateKey(curve('P-256'), true, ['sign', 'verify'])
  const { rawData } = await X509CertificateGenerator.create({
    ...{ subject: 'CN=east', issuer: new X509Certificate(first.certificatePem).subject, publicKey, signingKey },
    ...{ notBefore: new Date(nowMs - hourMs), notAfter: new Date(nowMs + hourMs), signingAlgorithm: curve('P-256') },
  })
  return new Uint8Array(rawData)
}

const certificates: readonly Case[] = [
  ['a request that is too long', () => requested(new Uint8Array(10_000))],
  ['a request that is none', () => requested(Uint8Array.of(1, 2, 3))],
  [
    'a request that another key has signed',
    async () => {
      const request = await requestCertificate('east', ecKey())
      // The last byte is of the signature.
      return requested(request.with(-1, (request.at(-1) ?? 0) ^ 1))
    },
  ],
  ['a request with a key of another kind', async () => requested(await requestOn('P-384'))],
  ['a certificate that is none', () => judged(Uint8Array.of(1))],
  ['a certificate of another authority', async () => judged(raw(await certified('east', { by: second })))],
  [
    'a certificate that has expired',
    async () => judged(raw(await certified('east', { validity: times(nowMs - hourMs, nowMs - 1_000) }))),
  ],
  [
    'a certificate of the future',
    async () => judged(raw(await certified('east', { validity: times(nowMs + hourMs, nowMs + 2 * hourMs) }))),
  ],
  ['the certificate of the authority', () => judged(raw(first.certificatePem))],
  ['a certificate without a SPIFFE ID', async () => judged(await nameless())],
  ['a certificate of another installation', async () => judged(raw(await certified('east', { trustDomain: 'other' })))],
]

const secret = (name: string, text: string) => ({ name, data: Buffer.from(text) })
const one = secret('holdfast-authority-1', authorityText(first))
const two = secret('holdfast-authority-2', authorityText(second))
const named = (number: string) => secret(signingAuthorityName, number)
const turned = (step: 'begin' | 'switch' | 'finish', ...secrets: Parameters<typeof authoritiesOf>[0]) =>
  thrown(() => planRotation(step, authoritiesOf(secrets)))
const next = { keyId: '2', certificatePem: second.certificatePem }

const rotation: readonly Case[] = [
  ['an authority to follow none', () => turned('begin')],
  ['an authority to follow one that is to follow', () => turned('begin', one, two, named('1'))],
  ['an authority to follow one whose forerunner is believed', () => turned('begin', one, two, named('2'))],
  ['a switch to none', () => turned('switch', one)],
  ['the end before the switch', () => turned('finish', one, two, named('1'))],
  ['the end of the only one', () => turned('finish', one)],
  [
    'zones that a switch would shut out',
    () =>
      shutOut(
        { step: 'switch', next },
        [
          { zone: 'a', problem: 'it is paused' },
          { zone: 'b' },
          { zone: 'c', proof: { certificate: null, believes: [fingerprintOf(first.certificatePem)] } },
        ],
        true,
      ),
  ],
  [
    'a zone that the end would shut out',
    async () =>
      shutOut(
        { step: 'finish', next, gone: ['1'] },
        [{ zone: 'a', proof: { certificate: await certified('a'), believes: [] } }],
        true,
      ),
  ],
]

const ours = generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey
const theirs = generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey
const john: Claims = { kind: 'user', name: 'john', groups: [] }
const zoneClaims = (zone: string, ...scope: readonly string[]): Claims => ({ kind: 'zone', zone, scope })
const issued = (claims: Claims, more: { key?: KeyObject; keyId?: string; validForMs?: number; atMs?: number } = {}) =>
  issueToken({
    claims,
    key: { keyId: more.keyId ?? '1', key: more.key ?? ours },
    nowMs: more.atMs ?? nowMs,
    validForMs: more.validForMs ?? hourMs,
    tokenId: 'c0ffee',
  })
const verified = (kind: TokenKind, token: string, ...revoked: readonly string[]) =>
  verifyToken({ kind, token, keys: new Map([['1', { key: ours }]]), revoked: new Set(revoked), nowMs })
const refused = async (kind: TokenKind, token: string | Promise<string>, ...revoked: readonly string[]) => {
  const result = await verified(kind, await token, ...revoked)
  return [result.ok ? 'it is good' : result.reason]
}
const signed = (payload: Readonly<Record<string, unknown>>, header: Readonly<Record<string, string>> = { kid: '1' }) =>
  new SignJWT(payload).setProtectedHeader({ alg: 'RS256', ...header }).sign(ours)
const later = Math.floor((nowMs + hourMs) / 1_000)

const tokens: readonly Case[] = [
  ['a token that is too long', () => refused('user', 'x'.repeat(20_000))],
  ['a token that is none', () => refused('user', 'nope')],
  ['a token without a signing key', () => refused('user', signed({ exp: later, jti: 'a' }, {}))],
  ['a token of a signing key that is not there', () => refused('user', issued(john, { keyId: '2' }))],
  ['a token of another signing key', () => refused('user', issued(john, { key: theirs }))],
  [
    'a token that is not signed',
    () => refused('user', `${Buffer.from('{"alg":"none","kid":"1"}').toString('base64url')}.e30.`),
  ],
  ['a token that has expired', () => refused('user', issued(john, { validForMs: -1_000 }))],
  ['a token of the future', () => refused('user', issued(john, { atMs: nowMs + hourMs }))],
  ['a token without an end', () => refused('user', signed({ jti: 'a' }))],
  ['a token without an id', () => refused('user', signed({ exp: later, jti: '' }))],
  ['a token that was revoked', () => refused('user', issued(john), 'c0ffee')],
  ['a token of another kind', () => refused('user', issued(zoneClaims('east', 'cp')))],
]

const rules: GateRules = { revocations: new Map([['gone', nowMs + hourMs]]), unauthenticated: new Set() }
const admitted = async (presented: Presented): Promise<readonly string[]> => {
  const result = admitZone(presented, rules)
  return result.ok ? ['it is let in'] : [`told ${result.code}: ${result.told}`, `log: ${result.reason}`]
}
const shownToken = async (zone: string, claims: Claims, kind: TokenKind = 'zone') =>
  admitted({ zone, token: await verified(kind, await issued(claims)) })
const held = { how: 'token', id: 'c0ffee', issuedAtMs: nowMs, expiresAtMs: nowMs + hourMs } as const
const noTokens = { revokedTokens: new Set<string>() }

const zones: readonly Case[] = [
  ['a zone that shows nothing', () => admitted({ zone: 'east' })],
  ['a zone with a bad certificate', () => admitted({ zone: 'east', certificate: { ok: false, reason: 'it is bad' } })],
  [
    'a zone with the certificate of another',
    () =>
      admitted({
        zone: 'east',
        certificate: { ok: true, zone: 'west', serial: '1', issuedAtMs: nowMs, expiresAtMs: nowMs },
      }),
  ],
  ['a zone with a bad token', () => admitted({ zone: 'east', token: { ok: false, reason: 'it has expired' } })],
  ['a zone with the token of a user', () => shownToken('east', john, 'user')],
  ['a zone with the token of its ingress', () => shownToken('east', zoneClaims('east', 'ingress'))],
  ['a zone with the token of another', () => shownToken('east', zoneClaims('west', 'cp'))],
  ['a zone that was revoked', () => shownToken('gone', zoneClaims('gone', 'cp'))],
  [
    'zones that were let in and must go',
    () => [
      withdrawn('east', { how: 'allowed' }, { ...rules, ...noTokens }) ?? '',
      withdrawn('east', held, { ...rules, revokedTokens: new Set(['c0ffee']) }) ?? '',
      withdrawn('gone', held, { ...rules, ...noTokens }) ?? '',
    ],
  ],
  ['a join bundle that is no JSON', () => thrown(() => parseJoinBundle('x', 'east.json'))],
  ['a join bundle that is another file', () => thrown(() => parseJoinBundle('{"globalId":1}', 'east.json'))],
]

const keysRead = (text: string): readonly string[] => {
  const result = parseMasterKeys(text)
  return 'problems' in result ? result.problems : ['they are good']
}
const key = new Uint8Array(32)
const line = `k1 ${Buffer.from(key).toString('base64')}`
const sealed = seal(key, new Uint8Array(12), Uint8Array.of(1), Uint8Array.of(1))

const sealing: readonly Case[] = [
  ['a file of keys that is empty', () => keysRead('# none\n')],
  ['a file of keys with others in it', () => keysRead(`k1 short\n${line}\n${line}\n`)],
  ['what is too short to have been sealed', () => thrown(() => unseal(key, Uint8Array.of(1), new Uint8Array()))],
  ['what was sealed for another place', () => thrown(() => unseal(key, sealed, Uint8Array.of(2)))],
]

const access = (given: unknown): readonly string[] =>
  parseAccess(given).problems.map(({ path, message }) => violationText({ path: path.join('.'), message }))
const strangers = { groups: ['mesh-system:unauthenticated'] }

const permissions: readonly Case[] = [
  ['access that is no mapping', () => access('all')],
  [
    'access of other words',
    () => access({ statics: {}, static: { generateTokens: {}, viewStats: { user: ['ann'] } } }),
  ],
  [
    'access of other shapes',
    () => access({ static: { viewStats: ['ann'], viewClusters: { users: 'ann' } }, roles: {} }),
  ],
  ['access lists of none', () => access({ static: [], roles: ['all'] })],
  ['administrators that are nobody', () => access({ static: { adminResources: { users: [], groups: [] } } })],
  ['tokens for strangers', () => access({ static: { generateDpToken: strangers } })],
  ['a role without members', () => access({ roles: [{ groups: [], meshes: ['a'], level: 'write' }] })],
  ['a role without meshes', () => access({ roles: [{ groups: ['a', 7], meshes: [], level: 'admin' }] })],
  ['a role of a mesh that cannot be', () => access({ roles: [{ groups: ['a'], meshes: ['A_'], level: 'read' }] })],
  ['a role that operates one mesh', () => access({ roles: [{ groups: ['a'], meshes: ['a'], level: 'operate' }] })],
  ['a role of strangers that write', () => access({ roles: [{ ...strangers, meshes: ['*'], level: 'write' }] })],
]

test('why something is not believed is said as it stands in the golden file', async () => {
  const blocks: string[] = []
  for (const [what, said] of [...certificates, ...rotation, ...tokens, ...zones, ...sealing, ...permissions])
    blocks.push([`# ${what}`, ...(await said())].join('\n'))
  const printed = `${blocks.join('\n\n')}\n`
  expect(printed).toBeGolden('errors.txt')
  expect(printed).not.toMatch(/^(nothing|it is good|it is let in|they are good|)$\n^[^#]/m)
})
