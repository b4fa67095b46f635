import { join } from 'node:path'
import { countWrites, freePort, freshDatabase, rowsWritten, type TestDatabase } from '@holdfast/testkit'
import { afterAll, expect, test, vi } from 'vitest'
import {
  ask,
  inStep,
  Processes,
  putService,
  type Running,
  readiness,
  syncOf,
  until,
  vipsOf,
} from './testing/process.js'

// How a mesh begins: what runs before it is initialised, before there is a global, before there is a block.
vi.setConfig({ testTimeout: 90_000 })
const processes = new Processes()
const databases: TestDatabase[] = []

/** Every write in it is counted from the beginning. */
async function database(): Promise<string> {
  const made = await freshDatabase()
  databases.push(made)
  await countWrites(made.url)
  return made.url
}

const writes = (url: string) => rowsWritten(url, { including: 'all' })

afterAll(async () => {
  await processes.close()
  for (const made of databases) await made.drop()
})

const dial = (port: number | undefined): string[] => ['--global-address', `grpc://127.0.0.1:${port ?? 0}`]
const withVips = async (plane: Running, count: number): Promise<boolean> =>
  Object.values(await vipsOf(plane)).filter((vips) => vips.length > 0).length === count

test('a global stays uninitialised until somebody says so, and then becomes ready by itself', async () => {
  const url = await database()
  const global = await processes.start('global', ['--database-url', url])
  expect(global.ports).toEqual({ api: expect.any(Number), diagnostics: expect.any(Number) })
  expect(await readiness(global)).toEqual({
    status: 503,
    body: { status: 'not ready', reasons: expect.arrayContaining(['the store is uninitialised']) },
  })
  expect(global.logged('run `holdfast init` with the same --database-url or --data-dir once')).toBe(true)
  expect(await ask('GET', `http://127.0.0.1:${global.ports.diagnostics}/healthy`)).toEqual({
    status: 200,
    body: { status: 'healthy' },
  })
  // Who configures it first is told that nobody hears of it.
  const untold =
    "this control plane was never initialised: nobody is told of what is written here before 'holdfast init'"
  const mesh = { type: 'Mesh', name: 'shop' }
  expect(await ask('PUT', `${global.apiUrl}/meshes/shop`, mesh)).toEqual({ status: 201, body: { warnings: [untold] } })
  expect((await ask('POST', `${global.apiUrl}/_apply`, [mesh])).body).toMatchObject({
    results: [{ outcome: 'unchanged' }],
    warnings: [untold],
  })
  expect((await ask('DELETE', `${global.apiUrl}/meshes/shop`)).status).toBe(200)
  const init = await processes.holdfast(['init', '--database-url', url]).ended
  expect(init).toMatchObject({ status: 0, out: 'initialised; the store is ready\n', err: '' })
  await until('global to become ready', async () => (await readiness(global)).status === 200)
  await until('zones to be let in', () => global.logged('zones can join'))
  await until('the first lease of global', () => global.logged('VIP blocks leased to global'))
  const before = await writes(url)
  const again = await processes.holdfast(['init', '--database-url', url]).ended
  expect(again).toMatchObject({ status: 0, err: '' })
  expect(again.out).toMatch(/^this store was initialised before \(revision \d+\); nothing changed; it is ready\n$/)
  expect(await writes(url)).toEqual(before)
  const { body } = await ask('GET', `http://127.0.0.1:${global.ports.diagnostics}/metrics`)
  expect(body).toMatch(/^holdfast_resources\{type="Mesh",origin=""\} 1$/m)
  expect(await global.signal('SIGTERM')).toMatchObject({ status: 0, err: '' })
})

test('a running global with a database of its own is initialised where it runs', async () => {
  const dataDir = join(processes.folder, 'own-database')
  const global = await processes.start('global', ['--data-dir', dataDir])
  const init = await processes.holdfast(['init', '--data-dir', dataDir]).ended
  expect(init).toMatchObject({ status: 0, out: 'initialised; the store is ready\n', err: '' })
  await until('global to become ready', async () => (await readiness(global)).status === 200)
  const migrate = await processes.holdfast(['migrate', '--data-dir', dataDir]).ended
  expect(migrate).toMatchObject({ status: 0, out: 'nothing to migrate\n', err: '' })
  expect(await global.signal('SIGTERM')).toMatchObject({ status: 0, err: '' })
})

test('--init at every start: the second one changes nothing', async () => {
  const url = await database()
  const first = await processes.start('global', ['--database-url', url, '--init'])
  const meshes = await ask('GET', `${first.apiUrl}/meshes`)
  await until('the first lease of global', () => first.logged('VIP blocks leased to global'))
  expect(await first.signal('SIGTERM')).toMatchObject({ status: 0 })
  const before = await writes(url)
  const second = await processes.start('global', ['--database-url', url, '--init'])
  expect(await readiness(second)).toEqual({ status: 200, body: { status: 'ready', reasons: [] } })
  expect(((await ask('GET', `${second.apiUrl}/meshes`)).body as { total: number }).total).toBe(
    (meshes.body as { total: number }).total,
  )
  expect(await second.signal('SIGINT')).toMatchObject({ status: 0 })
  expect(await writes(url)).toEqual(before)
})

test('a zone works without global; what waits for a VIP says why, and gets it the moment global leases a block', async () => {
  const kds = freePort()
  const east = await processes.start('zone', ['--zone', 'east', '--database-url', await database(), ...dial(kds)])
  expect((await readiness(east)).status).toBe(200)
  const put = await putService(east, 'web')
  expect(put).toEqual({ status: 201, body: { warnings: [expect.stringContaining('it has no virtual IP yet: ')] } })
  expect(await vipsOf(east)).toEqual({ 'east/web': [] })
  const explained = await processes.holdfastctl(['--url', east.apiUrl, 'vip', 'explain', 'web'])
  expect([explained.status, explained.out.split('\n')]).toEqual([
    0,
    [
      'MeshService web, mesh default, zone east: pending, stored here as web',
      `  MeshService "web" in mesh "default" of zone east has no address: no block of MeshService is leased to this control plane yet; global leases one by itself: is it connected ('holdfastctl status'), and have its pools room ('holdfastctl vip pool list' there)?`,
      '',
    ],
  ])
  await until('the zone to have tried', async () => (await syncOf(east)).peers[0]?.lastError !== undefined)
  const global = await processes.start('global', [
    '--database-url',
    await database(),
    '--init',
    '--kds-port',
    String(kds),
  ])
  await until('web to have its VIPs in east', () => withVips(east, 1), { otherwise: () => east.out })
  await until('global to know', () => withVips(global, 1))
  const vips = await vipsOf(east)
  expect(vips['east/web']).toHaveLength(2)
  expect(await vipsOf(global)).toEqual(vips)
  expect(await ask('GET', `${east.apiUrl}/meshes/default/meshservices/web`)).toMatchObject({ status: 200 })
  const verified = await processes.holdfastctl(['--url', global.apiUrl, 'vip', 'verify'])
  expect(verified).toMatchObject({ status: 0, err: '' })
})

test('a block given beforehand serves at once; global confirms the first claim and refuses the second loudly', async () => {
  const block = '241.200.16.0/20'
  const kds = freePort()
  const zone = async (name: string): Promise<Running> =>
    processes.start('zone', ['--zone', name, '--database-url', await database(), '--vip-block', block, ...dial(kds)])
  const [east, west] = await Promise.all([zone('east'), zone('west')])
  expect(await putService(east, 'web')).toEqual({ status: 201, body: {} })
  const [first] = (await vipsOf(east))['east/web'] ?? []
  expect(first).toMatch(/^241\.200\.(1[6-9]|2\d|3[01])\./)

  expect(await west.signal('SIGTERM')).toMatchObject({ status: 0 })
  const global = await processes.start('global', [
    '--database-url',
    await database(),
    '--init',
    '--kds-port',
    String(kds),
  ])
  await until('global to know web', () => withVips(global, 1), { otherwise: () => east.out + global.out })
  expect((await vipsOf(global))['east/web']?.[0]).toBe(first)
  await until('the claim of east to be confirmed', () =>
    global
      .log()
      .some(
        ({ msg, zone: name, blocks }) =>
          msg === 'VIP blocks leased' && name === 'east' && JSON.stringify(blocks).includes(block),
      ),
  )
  const rival = await processes.start('zone', [
    '--zone',
    'west',
    '--database-url',
    await database(),
    '--vip-block',
    block,
    ...dial(kds),
  ])
  await until('the claim of west to be refused', () => rival.logged('global did not grant a VIP block'), {
    otherwise: () => rival.out,
  })
  const [line] = rival.log().filter(({ msg }) => msg === 'global did not grant a VIP block')
  expect(line).toMatchObject({ level: 50, reason: expect.stringContaining(block) })
  expect((await vipsOf(east))['east/web']?.[0]).toBe(first)
  await until('both zones to be in step', async () => (await inStep(east)) && (await inStep(rival)))
  expect((await vipsOf(global))['east/web']?.[0]).toBe(first)
})
