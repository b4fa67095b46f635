import { spawnSync } from 'node:child_process'
import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { maskedText, maskedValue } from '../bundle/mask.js'
import { tarOf } from '../bundle/tar.js'
import { nowMs, run } from '../testing/run.js'

const jwt = 'eyJhbGciOiJSUzI1NiJ9.eyJOYW1lIjoieCJ9.c2lnbmF0dXJl'
const pem = '-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----'

test('secrets are masked by name and by look, and nothing else is', () => {
  expect(
    maskedValue({
      databaseUrl: 'postgres://me:hunter2@db:5432/x?sslmode=require',
      password: 'p',
      authConf: { token: 'abc' },
      clientSecret: 's',
      spec: { key: 'k', data: 'aGk=', state: 'Available', keys: 3 },
      said: [`Bearer ${jwt}`, pem, 'plain'],
      tokenIssuer: true,
      secretsShown: 2,
      empty: { password: '' },
    }),
  ).toEqual({
    databaseUrl: 'postgres://me:*****@db:5432/x?sslmode=require',
    password: '*****',
    authConf: { token: '*****' },
    clientSecret: '*****',
    spec: { key: '*****', data: '*****', state: 'Available', keys: 3 },
    said: ['Bearer *****', '*****', 'plain'],
    tokenIssuer: true,
    secretsShown: 2,
    empty: { password: '' },
  })
  expect(maskedText(`x=${jwt}`)).toBe('x=*****')
})

test('a bundle has what could be had, says what could not, and no secret', async () => {
  const ran = await run(['bundle', '--to', '/b.tar.gz', '--also', 'http://127.0.0.1:5680/metrics'], {
    answers: {
      'GET /': { product: 'Kuma', version: '2.14.3-preview.holdfast-9.9.9' },
      'GET /config': { apiServer: { token: 'hunter2' } },
      'GET /_holdfast/overview': { said: jwt },
      'GET /_holdfast/zones?size=1000': { items: [{ name: 'east' }] },
      'GET /_holdfast/dns?zone=east': { enabled: true },
      'GET /_resources': {
        resources: [
          { name: 'Secret', path: 'secrets' },
          { name: 'Mesh', path: 'meshes' },
        ],
      },
      'GET /meshes?size=1000': { items: [{ type: 'Mesh', name: 'default' }], next: null },
      'GET http://127.0.0.1:5680/metrics': { text: `holdfast_x{url="http://u:hunter2@x"} 1\n` },
    },
  })
  expect([ran.status, ran.err]).toEqual([0, ''])
  expect(ran.out).toMatch(/^\/b\.tar\.gz: 7 files, \d+ could not be had \(see README\.txt in it\)\n$/)
  expect(ran.asked.map(([request]) => request)).not.toContain('GET /secrets?size=1000')
  const tar = gunzipSync(Buffer.from(ran.written?.['/b.tar.gz'] ?? '', 'latin1')).toString('utf8')
  expect(tar).toContain('resources/meshes.json')
  expect(tar).toContain('zones/east-dns.json')
  expect(tar).toContain('/_holdfast/sync: ')
  expect(tar).not.toContain('hunter2')
  expect(tar).not.toContain(jwt)
})

test('what is written is a tar for tar', () => {
  const files = new Map([
    ['a.txt', 'hello\n'],
    ['b/c.json', `${'x'.repeat(2000)}`],
  ])
  const listed = spawnSync('tar', ['-tvf', '-'], { input: tarOf('folder', files, nowMs), encoding: 'utf8' })
  expect([listed.status, listed.stderr]).toEqual([0, ''])
  expect(listed.stdout).toMatch(/ 6 .*folder\/a\.txt\n.* 2000 .*folder\/b\/c\.json\n$/)
})
