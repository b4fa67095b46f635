import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { DialTls } from './dial.js'
import { dialZone, type Global, startGlobal } from './testing/links.js'

const pem = (name: string): Buffer => readFileSync(new URL(`../testdata/tls/${name}.pem`, import.meta.url))

let global: Global
beforeEach(async () => {
  global = await startGlobal({ tls: { cert: pem('cert'), key: pem('key') } })
})
afterEach(() => global.server.close())

/** The first event of a link over TLS, which is closed again. */
async function firstEvent(scheme: 'grpc' | 'grpcs', tls: DialTls) {
  const zone = dialZone(global.address.replace('grpc', scheme), { tls })
  await zone.until((events) => events.length > 0)
  await zone.link.close({ code: 'OK', reason: 'seen' })
  return zone.events[0]
}

test.each([
  ['a root that signed it', { rootCa: pem('cert') }],
  ['a root and the name in the certificate', { rootCa: pem('cert'), serverName: 'global.test' }],
  ['no check at all', { skipVerify: true }],
])('joins over TLS with %s', async (_, tls) => {
  expect(await firstEvent('grpcs', tls)).toMatchObject({ type: 'headers', extension: true })
})

test.each([
  ['an unknown issuer', {}, /self-signed certificate/],
  ['another name', { rootCa: pem('cert'), serverName: 'other.test' }, /other\.test/],
])('does not talk to %s, and says why', async (_, tls, why) => {
  const event = await firstEvent('grpcs', tls)
  expect(event).toMatchObject({ type: 'closed', by: 'peer', code: 'UNAVAILABLE' })
  expect(event?.type === 'closed' && event.reason).toMatch(why)
})

test('plaintext towards a global that wants TLS ends', async () => {
  expect(await firstEvent('grpc', {})).toMatchObject({ type: 'closed', by: 'peer', code: 'UNAVAILABLE' })
})
