import { expect, test } from 'vitest'
import { harness } from '../testing/harness.js'

const gui = [{ path: '/gui/', contentType: 'text/html; charset=utf-8', bytes: Buffer.from('<title>page</title>') }]
const strangers = () => ({
  name: 'mesh-system:anonymous',
  groups: [],
  admin: false,
})

test('the page is for anybody, runs nothing but its own, and is sent once', async () => {
  const { inject } = harness('global', { gui, authenticate: strangers })
  for (const path of ['/gui/', '/gui']) {
    const response = await inject('GET', path, undefined, { accept: 'text/html,*/*;q=0.8' })
    expect([response.statusCode, response.headers['content-type'], response.body]).toEqual([
      200,
      'text/html; charset=utf-8',
      '<title>page</title>',
    ])
    expect(response.headers['content-security-policy']).toMatch(/default-src 'none'.*frame-ancestors 'none'/)
    expect(response.headers['x-content-type-options']).toBe('nosniff')
    const again = await inject('GET', path, undefined, { 'if-none-match': String(response.headers.etag) })
    expect([again.statusCode, again.body]).toEqual([304, ''])
  }
})

test('what the page shows is for those who may see it', async () => {
  const { inject } = harness('global', { gui, authenticate: strangers })
  expect((await inject('GET', '/_holdfast/overview')).statusCode).toBe(403)
})

test('only its files are served, and none where it is turned off', async () => {
  const { inject } = harness('global', { gui })
  for (const path of ['/gui/../package.json', '/gui/%2e%2e/package.json', '/gui/page', '/gui//etc/passwd'])
    expect([path, (await inject('GET', path)).statusCode]).toEqual([path, 404])
  const off = harness('global')
  expect((await off.inject('GET', '/gui/')).statusCode).toBe(404)
})
