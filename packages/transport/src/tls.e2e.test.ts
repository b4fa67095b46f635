import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer, type TLSSocket } from 'node:tls'
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

test('an address is no server name: none is said, and the certificate is checked against the address', async () => {
  const said: unknown[] = []
  const server = createServer({ cert: pem('cert'), key: pem('key'), ALPNProtocols: ['h2'] }, (socket) => {
    said.push((socket as TLSSocket & { readonly servername?: unknown }).servername)
    socket.on('error', () => {}).destroy()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const seen = async (tls: DialTls) => {
    const zone = dialZone(`grpcs://127.0.0.1:${port}`, { tls })
    await zone.until((events) => events.length > 0)
    await zone.link.close({ code: 'OK', reason: 'seen' })
    return zone.events[0]
  }
  await seen({ rootCa: pem('cert') })
  const named = await seen({ rootCa: pem('cert'), serverName: 'global.test' })
  // Node's word for none.
  expect([said, named?.type]).toEqual([[false, 'global.test'], 'closed'])
  await new Promise((resolve) => server.close(resolve))
  const other = await firstEvent('grpcs', { rootCa: pem('cert'), serverName: '10.0.0.1' })
  expect(other?.type === 'closed' && other.reason).toMatch(/10\.0\.0\.1/)
})

test('plaintext towards a global that wants TLS ends', async () => {
  expect(await firstEvent('grpc', {})).toMatchObject({ type: 'closed', by: 'peer', code: 'UNAVAILABLE' })
})
