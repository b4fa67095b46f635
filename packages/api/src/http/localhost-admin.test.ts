import { expect, test } from 'vitest'
import { localhostAdmin } from './localhost-admin.js'

const who = async (headers: Readonly<Record<string, string>>, remoteAddress = '127.0.0.1') =>
  (await localhostAdmin({ remoteAddress, headers: { host: 'localhost:5681', ...headers }, method: 'GET', path: '/' }))
    .name

test.each<Readonly<Record<string, string>>>([
  {},
  { host: 'localhost' },
  { host: '127.0.0.2' },
  { host: '[::1]:5681' },
  { 'sec-fetch-site': 'same-origin' },
  { origin: 'http://127.0.0.1:5681' },
  { authorization: 'Bearer nope' },
])('%j is the administrator', async (headers) => {
  expect(await who(headers)).toBe('mesh-system:admin')
})

test.each<Readonly<Record<string, string>>>([
  { 'x-forwarded-for': '10.0.0.1' },
  { 'x-real-ip': '10.0.0.1' },
  { forwarded: 'for=10.0.0.1' },
  { host: 'example.com' },
  { host: '' },
  { 'sec-fetch-site': 'cross-site' },
  { 'sec-fetch-site': 'same-site' },
  { origin: 'http://evil.example' },
  { origin: 'null' },
])('%j is nobody in particular', async (headers) => {
  expect(await who(headers)).toBe('mesh-system:anonymous')
})

test('who comes from another machine is nobody in particular', async () => {
  expect([await who({}, '10.0.0.1'), await who({}, '::ffff:127.0.0.1'), await who({}, '::1')]).toEqual([
    'mesh-system:anonymous',
    'mesh-system:admin',
    'mesh-system:admin',
  ])
})
