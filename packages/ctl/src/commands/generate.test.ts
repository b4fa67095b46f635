import { generateKeyPairSync } from 'node:crypto'
import { privateKeyPem, publicKeyPem, readRsaKey, verifyToken } from '@holdfast/identity'
import { expect, test } from 'vitest'
import { nowMs, run } from '../testing/run.js'

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 })
const files = { 'key.pem': privateKeyPem(privateKey), 'public.pem': publicKeyPem(privateKey) }
const generate = (line: string, answers: Readonly<Record<string, unknown>> = {}) =>
  run(['generate', ...line.split(' ')], { files, answers })
const offline = '--signing-key-path key.pem --kid 7'

test('the control plane issues what the options say, and the token is all that is printed', async () => {
  const issued = { text: 'a.b.c' }
  const cases = [
    [
      'user-token --name ann --group a --group b --valid-for 24h',
      'POST /tokens/user',
      { name: 'ann', groups: ['a', 'b'], validFor: '24h0m0s' },
    ],
    [
      'zone-token --zone east --valid-for 90m',
      'POST /tokens/zone',
      { zone: 'east', scope: ['ingress', 'egress'], validFor: '1h30m0s' },
    ],
    [
      'zone-token --zone east --scope cp,egress --valid-for 1h',
      'POST /tokens/zone',
      { zone: 'east', scope: ['cp', 'egress'], validFor: '1h0m0s' },
    ],
    [
      'dataplane-token -m demo --name dp --proxy-type dataplane --tag a=1,2 --tag b=3 --workload w --valid-for 1h',
      'POST /tokens/dataplane',
      {
        name: 'dp',
        mesh: 'demo',
        tags: { a: ['1', '2'], b: ['3'] },
        type: 'dataplane',
        workload: 'w',
        validFor: '1h0m0s',
      },
    ],
  ] as const
  for (const [line, request, body] of cases)
    expect(await generate(line, { [request]: issued })).toEqual({
      ...{ status: 0, out: 'a.b.c', err: '' },
      asked: [[request, body]],
    })
})

test('signed here with a key at hand it is the same token, and nobody is asked', async () => {
  const keys = new Map([['7', { key: privateKey }]])
  const cases = [
    ['user', 'user-token --name ann --group a', { kind: 'user', name: 'ann', groups: ['a'] }],
    ['zone', 'zone-token --zone east --scope cp', { kind: 'zone', zone: 'east', scope: ['cp'] }],
    [
      'dataplane',
      'dataplane-token -m demo --tag a=1',
      { kind: 'dataplane', name: '', mesh: 'demo', tags: { a: ['1'] }, type: '', workload: '' },
    ],
  ] as const
  for (const [kind, line, claims] of cases) {
    const { status, out, asked } = await generate(`${line} --valid-for 24h ${offline}`)
    expect([status, asked]).toEqual([0, []])
    expect(await verifyToken({ kind, token: out, keys, revoked: new Set(), nowMs })).toMatchObject({
      ...{ ok: true, claims, keyId: '7' },
      ...{ issuedAtMs: Math.floor(nowMs / 1_000) * 1_000, expiresAtMs: Math.floor(nowMs / 1_000) * 1_000 + 86_400_000 },
    })
  }
})

test.each([
  ['user-token --name ann', 2, "required option '--valid-for <duration>' not specified"],
  ['user-token --valid-for 1h', 2, "required option '--name <name>' not specified"],
  ['user-token --name ann --valid-for soon', 2, '--valid-for "soon" is no duration such as 24h'],
  ['user-token --name ann --valid-for 1h --kid 1', 2, '--kid says which key is at --signing-key-path: give both'],
  ['user-token --name ann --valid-for 1h --signing-key-path key.pem', 2, '--kid is required when --signing-key-path'],
  ['user-token --name ann --valid-for 1h --signing-key-path no.pem --kid 1', 1, 'there is no file no.pem'],
  ['user-token --name ann --valid-for 1h --signing-key-path public.pem --kid 1', 1, 'holds no private RSA key in PEM'],
  ['zone-token --zone east --scope dns --valid-for 1h', 2, '--scope dns is unknown; there are ingress, egress, cp'],
  ['dataplane-token --tag web --valid-for 1h', 2, '--tag "web" must be KEY=VALUE'],
  ['dataplane-token --tag =web --valid-for 1h', 2, '--tag "=web" must be KEY=VALUE'],
  ['dataplane-token --proxy-type x --valid-for 1h', 2, 'Allowed choices are dataplane, ingress'],
  ['public-key --signing-key-path public.pem', 1, 'holds no private RSA key in PEM'],
  ['signing-key --format der', 2, 'Allowed choices are pem, pem-base64'],
])('%s: exit status %i', async (line, status, words) => {
  const ran = await generate(line)
  expect([ran.status, ran.err]).toEqual([status, expect.stringContaining(words)])
  expect([ran.out, ran.asked]).toEqual(['', []])
})

test('keys: what is printed is a key, and its public half is that of the file', async () => {
  const pem = await generate('signing-key --format pem')
  expect(pem.out).toMatch(/^-----BEGIN RSA PRIVATE KEY-----\n[\s\S]*-----END RSA PRIVATE KEY-----\n$/)
  const { out } = await generate('signing-key')
  expect(readRsaKey(Buffer.from(out, 'base64'))?.asymmetricKeyDetails?.modulusLength).toBe(2_048)
  expect((await generate('public-key --signing-key-path key.pem')).out).toBe(files['public.pem'])
})
