import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseJoinBundle, privateKeyPem, publicKeyPem } from '@holdfast/identity'
import { freshDatabase, type TestDatabase } from '@holdfast/testkit'
import { certifyAt, dialKds, type LinkEvent } from '@holdfast/transport'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { ask, inStep, Processes, putService, type Running, until, vipsOf } from '../testing/process.js'
import { ZoneIdentity } from './zone-identity.js'

// Keys and certificates that come to their end, or are replaced, on real sockets: who belongs goes on, who does not is told.
vi.setConfig({ testTimeout: 180_000 })
const processes = new Processes()
const databases: TestDatabase[] = []
let global: Running
let east: Running
const file = (name: string): string => join(processes.folder, name)
const ctl = (...args: readonly string[]) => processes.holdfastctl(['--url', global.apiUrl, ...args])
const database = async (): Promise<readonly string[]> => {
  const made = await freshDatabase()
  databases.push(made)
  return ['--database-url', made.url]
}

beforeAll(async () => {
  global = await processes.start('global', [...(await database()), '--init', '--kds-tls', 'on'])
  for (const zone of ['east', 'north']) {
    const { body } = await ask('POST', `${global.apiUrl}/_holdfast/zones/${zone}/join`, {})
    writeFileSync(file(zone), JSON.stringify(body))
  }
  east = await processes.start('zone', ['--join', file('east'), ...(await database()), '--data-dir', file('east-data')])
  await until('east to be in step', () => inStep(east), { otherwise: () => east.out })
}, 180_000)
afterAll(async () => {
  await processes.close()
  for (const made of databases) await made.drop()
})

const address = (): string => `grpcs://127.0.0.1:${global.ports.kds}`
/** Sessions with a peer that have ended so far. */
const ended = (plane: Running, peer: string): number =>
  plane.log().filter((line) => line.msg === 'session ended' && line.peer === peer).length

/** North, as a zone keeps its proof; its clock is ours to set. */
async function north(nowMs: () => number) {
  const identity = await ZoneIdentity.open({
    ...{ zone: 'north', dataDir: file('north-data'), version: 'test', log: pino({ level: 'silent' }), nowMs },
    bundle: parseJoinBundle(readFileSync(file('north'), 'utf8'), 'north'),
  })
  const dialled = async (): Promise<string> => {
    const proof = await identity.proofFor(address()).catch((error: Error) => error.message)
    if (typeof proof === 'string') return proof
    const link = dialKds({
      ...{ address: address(), zone: 'north', sessionId: randomUUID(), version: 'test', instanceId: 'test' },
      nodeConfig: { storeType: 'postgres', environment: 'universal', full: '' },
      ...proof,
    })
    const first = await new Promise<LinkEvent>((resolve) => link.start(resolve))
    await link.close({ code: 'OK', reason: 'seen' })
    return first.type === 'closed' ? `${first.code} ${first.reason}` : first.type
  }
  return { identity, dialled }
}
const keptCertificate = (): string =>
  JSON.parse(readFileSync(file('north-data/zone-identity.json'), 'utf8')).certificate

test('F29: a certificate is renewed at half its life; one that has come to its end is not let in, and told why', async () => {
  const dayMs = 24 * 3_600_000
  let aheadMs = 0
  const { identity, dialled } = await north(() => Date.now() + aheadMs)
  expect(await dialled()).toBe('headers')
  const first = keptCertificate()
  expect([await dialled(), keptCertificate()]).toEqual(['headers', first])
  aheadMs = 4 * dayMs
  expect(await dialled()).toBe('headers')
  const renewed = keptCertificate()
  expect(renewed).not.toBe(first)
  // The bundle was for a day, the certificate for a week.
  aheadMs = 8 * dayMs
  expect(await dialled()).toMatch(
    /^the join bundle .* has expired .*: make a new one at global with 'holdfastctl zone add north'/,
  )
  await identity.close()
})

test('F30: one authority follows another: old, both, new; no session ends, and whoever dials meanwhile is let in', async () => {
  const standing = async () => {
    const { body } = await ask('GET', `${global.apiUrl}/_holdfast/rotation`)
    const { authorities } = body as { authorities: readonly { number: string; signs: boolean }[] }
    return authorities.map(({ number, signs }) => `${number}${signs ? ' signs' : ''}`)
  }
  const { identity, dialled } = await north(Date.now)
  expect(await dialled()).toBe('headers')
  const before = await vipsOf(east)
  const sessions = [ended(global, 'east'), ended(east, 'global')]
  const pem = async (number: string): Promise<string> => {
    const { body } = await ask('GET', `${global.apiUrl}/global-secrets/holdfast-authority-${number}`)
    return Buffer.from((body as { data: string }).data, 'base64').toString()
  }
  /** Who dials believing this alone. */
  const believing = async (rootCa: string): Promise<string> => {
    const { token } = parseJoinBundle(readFileSync(file('north'), 'utf8'), 'north')
    const asked = { address: address(), zone: 'north', version: 'test', request: new Uint8Array(), token }
    const tls = { rootCa: Buffer.from(rootCa), serverId: 'spiffe://holdfast/global' }
    return certifyAt({ ...asked, tls }).then(
      () => 'certified',
      (error: Error & { kind?: string }) => error.kind ?? error.message,
    )
  }
  const old = await pem('1')
  expect(await believing(old)).toBe('invalid')

  expect(await ctl('rotate', 'authority', 'begin')).toMatchObject({
    status: 0,
    out: expect.stringMatching(/^east +2, 1/m),
  })
  expect(await standing()).toEqual(['2', '1 signs'])
  const next = await pem('2')
  expect([await believing(old), await believing(next)]).toEqual(['invalid', 'unavailable'])
  // North is away: it would not believe who answers.
  const refused = await ctl('rotate', 'authority', 'switch')
  expect([refused.status, refused.err]).toEqual([
    1,
    expect.stringMatching(/zone north cannot be asked: .*not connected/),
  ])
  expect(await standing()).toEqual(['2', '1 signs'])
  await identity.renewNow()
  expect(await ctl('rotate', 'authority', 'switch', '--force')).toMatchObject({ status: 0 })
  expect(await standing()).toEqual(['2 signs', '1'])
  await until('what the new one has signed to be shown', async () => (await believing(next)) === 'invalid')
  expect([await believing(old), await dialled()]).toEqual(['unavailable', 'headers'])
  await identity.renewNow()
  const finished = await ctl('rotate', 'authority', 'finish', '--force')
  expect([finished.status, finished.out]).toEqual([0, expect.stringMatching(/^east +2$/m)])
  expect(await standing()).toEqual(['2 signs'])
  expect(await dialled()).toBe('headers')
  await identity.close()

  expect([ended(global, 'east'), ended(east, 'global')]).toEqual(sessions)
  expect((await putService(east, 'after')).status).toBe(201)
  await until('global to have it', async () => 'east/after' in (await vipsOf(global)))
  expect(await vipsOf(east)).toMatchObject(before)
  await east.signal('SIGTERM')
  // Counted rightly: this one is an end.
  await until('global to count it', () => ended(global, 'east') === (sessions[0] ?? 0) + 1)
  east = await processes.start('zone', [
    '--join',
    file('east'),
    '--database-url',
    databases[1]?.url ?? '',
    '--data-dir',
    file('east-data'),
  ])
  await until('east to be in step again', () => inStep(east), { otherwise: () => east.out })
})

test('signing keys: the new one issues, tokens of the old stay good until it is retired, and every step is a line of audit', async () => {
  const who = async (token: string): Promise<number> =>
    (
      await fetch(`${global.apiUrl}/meshes`, {
        headers: { authorization: `Bearer ${token}`, 'x-forwarded-for': '192.0.2.1' },
      })
    ).status
  const issued = async (): Promise<string> => {
    const { body } = await ask('POST', `${global.apiUrl}/tokens/user`, { name: 'ann', groups: [], validFor: '1h' })
    return String(body)
  }
  const rotate = (body: object) => ask('POST', `${global.apiUrl}/_holdfast/rotation/signing-key`, body)
  const admin = async (): Promise<string> => {
    const { body } = await ask('GET', `${global.apiUrl}/global-secrets/admin-user-token`)
    return Buffer.from((body as { data: string }).data, 'base64').toString()
  }
  const [old, oldAdmin] = [await issued(), await admin()]
  expect(await rotate({ kind: 'user', retire: true })).toMatchObject({ status: 409 })
  expect(await rotate({ kind: 'user' })).toEqual({ status: 200, body: { number: '2', retired: [] } })
  const [young, youngAdmin] = [await issued(), await admin()]
  const headerOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString())
  expect([headerOf(old).kid, headerOf(young).kid, headerOf(youngAdmin).kid]).toEqual(['1', '2', '2'])
  const all = [old, oldAdmin, young, youngAdmin]
  expect(await Promise.all(all.map(who))).toEqual([200, 200, 200, 200])
  expect(await ctl('rotate', 'signing-key', 'user', '--retire')).toMatchObject({ status: 0 })
  expect(await Promise.all(all.map(who))).toEqual([401, 401, 200, 200])

  expect(await rotate({ kind: 'zone' })).toMatchObject({ status: 200 })
  const { body: bundle } = await ask('POST', `${global.apiUrl}/_holdfast/zones/west/join`, {})
  expect(headerOf((bundle as { token: string }).token).kid).toBe('2')
  const published = await ask('GET', `${global.apiUrl}/global-secrets/zone-token-signing-public-key-2`)
  expect(published.status).toBe(200)
  expect((await rotate({ kind: 'dataplane', mesh: 'nope' })).status).toBe(404)
  expect((await rotate({ kind: 'dataplane', mesh: 'default' })).status).toBe(200)
  const { body: standing } = await ask('GET', `${global.apiUrl}/_holdfast/rotation`)
  expect((standing as { signingKeys: unknown }).signingKeys).toContainEqual({
    ...{ kind: 'dataplane', mesh: 'default' },
    numbers: ['1'],
  })
  // A zone issues with keys of its own, and those of zone tokens are global's.
  expect((await ask('POST', `${east.apiUrl}/_holdfast/rotation/signing-key`, { kind: 'zone' })).status).toBe(403)

  const lines = JSON.stringify((await ask('GET', `${global.apiUrl}/_holdfast/audit?size=200`)).body)
  for (const name of [
    'holdfast-authority-2',
    'user-token-signing-key-2',
    'zone-token-signing-key-2',
    'admin-user-token',
  ])
    expect(lines).toContain(name)
  // Who, what, when: and from where, whatever it was that somebody did.
  const { items } = JSON.parse(lines) as { items: readonly { actor: string; detail: { from?: string } }[] }
  const ofAdmin = items.filter(({ actor }) => actor === 'mesh-system:admin')
  expect(ofAdmin.length).toBeGreaterThan(5)
  expect(new Set(ofAdmin.map(({ detail }) => detail.from))).toEqual(new Set(['127.0.0.1']))
  expect((await ask('GET', `${global.apiUrl}/_holdfast/audit/verify`)).body).toMatchObject({ ok: true })
  for (const plane of [global, east]) expect(plane.out).not.toContain('eyJ')
})

test('a key of zone tokens that somebody writes by hand, or brings from a Kuma, has its public half in the zones; without it the half goes', async () => {
  const name = 'zone-token-signing-key-9'
  const half = async (plane: Running): Promise<string | undefined> => {
    const { status, body } = await ask('GET', `${plane.apiUrl}/global-secrets/zone-token-signing-public-key-9`)
    return status === 200 ? Buffer.from((body as { data: string }).data, 'base64').toString() : undefined
  }
  const at9 = `${global.apiUrl}/global-secrets/${name}`
  for (const turn of ['made', 'replaced']) {
    const key = generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey
    const data = Buffer.from(privateKeyPem(key)).toString('base64')
    const { status } = await ask('PUT', at9, { type: 'GlobalSecret', name, data })
    expect([turn, status]).toEqual([turn, turn === 'made' ? 201 : 200])
    for (const plane of [global, east])
      await until(`its half to be there, ${turn}`, async () => (await half(plane)) === publicKeyPem(key))
  }
  expect((await ask('DELETE', at9)).status).toBe(200)
  for (const plane of [global, east]) await until('its half to be gone', async () => (await half(plane)) === undefined)
})
