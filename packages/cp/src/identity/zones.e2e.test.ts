import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freshDatabase, type TestDatabase } from '@holdfast/testkit'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { ask, inStep, Processes, putService, type Running, until, vipsOf } from '../testing/process.js'

// A global that asks its zones who they are, over TLS with its own authority: as it is out of the box.
vi.setConfig({ testTimeout: 60_000 })
const processes = new Processes()
const databases: TestDatabase[] = []
let global: Running
let east: Running

const urlOf = async (): Promise<string> => {
  const made = await freshDatabase()
  databases.push(made)
  return made.url
}
const file = (name: string): string => join(processes.folder, name)
const bundleOf = (path: string): { token: string; authorities: string; globalId: string; addresses: string[] } =>
  JSON.parse(readFileSync(path, 'utf8'))
const add = (zone: string, ...flags: readonly string[]) =>
  processes.holdfastctl(['--url', global.apiUrl, 'zone', 'add', zone, '--out', file(`${zone}.join`), ...flags])
const eastFlags = (): readonly string[] => ['--database-url', databases[1]?.url ?? '', '--data-dir', file('east')]

beforeAll(async () => {
  global = await processes.start('global', ['--database-url', await urlOf(), '--init', '--kds-tls', 'on'])
  await urlOf()
})
afterAll(async () => {
  await processes.close()
  for (const made of databases) await made.drop()
})

test('a zone joins with one file, gets a certificate for its name, and goes on without the file', async () => {
  expect(await add('east')).toMatchObject({ status: 0, out: expect.stringContaining('holdfast zone --join') })
  expect(statSync(file('east.join')).mode & 0o777).toBe(0o600)
  east = await processes.start('zone', ['--join', file('east.join'), ...eastFlags()])
  await until('east to be in step', () => inStep(east), { otherwise: () => east.out })
  expect(statSync(file('east/zone-identity.json')).mode & 0o777).toBe(0o600)
  await putService(east, 'web')
  await until('global to know it', async () => 'east/web' in (await vipsOf(global)))

  rmSync(file('east.join'))
  await east.signal('SIGTERM')
  east = await processes.start('zone', ['--join', file('east.join'), ...eastFlags()])
  await until('east to be in step again', () => inStep(east), { otherwise: () => east.out })
  // Every token begins so.
  expect(`${east.out}${global.out}`).not.toContain('eyJ')
})

test('the doctor, asked with the settings that a zone runs with, knows by its bundle which zone this is', async () => {
  const ports = ['--api-port', '0', '--diagnostics-port', '0', '--dns-port', '0']
  const { ended } = processes.holdfast(['doctor', 'zone', '--join', file('east.join'), ...eastFlags(), ...ports])
  const { out: found } = await ended
  expect(found).toMatch(/^ok +store +it is the store of zone east/m)
  expect(found).toMatch(/^ok +peers +1 of ours/m)
})

test('a zone without proof, with the wrong one, or with that of another is refused, and told what to do', async () => {
  await add('west')
  // As a zone that was met without it.
  expect((await ask('GET', `${global.apiUrl}/zones/west`)).body).toMatchObject({ name: 'west', enabled: true })
  const { token, ...bundle } = bundleOf(file('west.join'))
  writeFileSync(file('ca.pem'), bundle.authorities)
  const address = bundle.addresses[0] ?? ''
  const ended = async (zone: string, flags: readonly string[]) => {
    const { process } = processes.begin('zone', ['--zone', zone, '--database-url', await urlOf(), ...flags])
    const { status, err } = await process.ended
    return { status, err }
  }
  const dial = ['--global-address', address, '--global-ca-file', file('ca.pem')]
  expect(await ended('west', dial)).toEqual({
    status: 1,
    err: expect.stringContaining(
      "shows nothing that proves its name; make a join bundle at global with 'holdfastctl zone add west'",
    ),
  })
  writeFileSync(file('token'), token.replace(/.{4}$/, 'AAAA'))
  expect(await ended('west', [...dial, '--zone-token-file', file('token')])).toEqual({
    status: 1,
    err: expect.stringContaining('its credential is not valid here'),
  })
  writeFileSync(file('token'), token)
  expect(await ended('north', [...dial, '--zone-token-file', file('token')])).toEqual({
    status: 1,
    err: expect.stringContaining('this token is not that of zone "north"'),
  })
  expect(global.logged('a zone was not let in')).toBe(true)
  expect(global.out).not.toContain(token)
})

test('a revoked zone: its session ends within a second, it is not let in again, and joins with a new bundle', async () => {
  const before = await vipsOf(east)
  expect(await processes.holdfastctl(['--url', global.apiUrl, 'zone', 'revoke', 'east'])).toMatchObject({ status: 0 })
  const atMs = performance.now()
  const connected = async (): Promise<boolean> => {
    const { body } = await ask('GET', `${global.apiUrl}/_holdfast/sync`)
    return (body as { peers: { peer: string; connected: boolean }[] }).peers.some(
      (p) => p.peer === 'east' && p.connected,
    )
  }
  await until('its session to end', async () => !(await connected()))
  const tookMs = performance.now() - atMs
  expect(tookMs).toBeLessThan(5_000)
  await until('east to know', () => east.logged('global does not let this zone in'), { otherwise: () => east.out })
  expect(await vipsOf(east)).toEqual(before)
  await add('east')
  await east.signal('SIGTERM')
  east = await processes.start('zone', ['--join', file('east.join'), ...eastFlags()])
  await until('east to be back', () => inStep(east), { otherwise: () => east.out })
  expect(await vipsOf(east)).toEqual(before)
  expect(existsSync(file('east/zone-identity.json'))).toBe(true)
})
