import { freshDatabase, type TestDatabase } from '@holdfast/testkit'
import { afterAll, expect, test, vi } from 'vitest'
import { meshService } from '../testing/mesh.js'
import { ask, inStep, Processes, putService, type Running, until, vipsOf } from '../testing/process.js'

// A zone that ran by itself joins a global that has leased its block to another zone, in processes.
vi.setConfig({ testTimeout: 180_000 })
const processes = new Processes()
const databases: TestDatabase[] = []
afterAll(async () => {
  await processes.close()
  for (const made of databases) await made.drop()
})
const database = async (): Promise<string> => {
  const made = await freshDatabase()
  databases.push(made)
  return made.url
}

/** Without what lives in a mesh that global does not have. */
const shared = ({ 'east/cart': _, ...rest }: Readonly<Record<string, readonly string[]>>) => rest

test('VIP-1, VIP-2: its addresses hold until an operator says so; then everybody has new ones, and no address has two owners', async () => {
  const global = await processes.start('global', ['--database-url', await database(), '--init'])
  const at = ['--global-address', `grpc://127.0.0.1:${global.ports.kds ?? 0}`]
  const west = await processes.start('zone', ['--zone', 'west', '--database-url', await database(), ...at])
  await until('west to be in step', () => inStep(west))
  expect((await putService(west, 'ratings')).status).toBe(201)
  await until('west to have an address', async () => (await vipsOf(west))['west/ratings']?.length === 2)
  const { body } = await ask('GET', `${global.apiUrl}/_holdfast/vips/blocks`)
  const { items } = body as { items: readonly { kind: string; cidr: string; zone: string | null }[] }
  const taken =
    items.find((one) => one.kind === 'MeshService' && one.zone === 'west' && !one.cidr.includes(':'))?.cidr ?? ''

  const url = await database()
  const flags = ['--zone', 'east', '--database-url', url]
  const alone = await processes.start('zone', [...flags, '--vip-block', taken])
  for (const name of ['web', 'api']) expect((await putService(alone, name)).status).toBe(201)
  const before = await vipsOf(alone)
  expect(Object.values(before).flat().length).toBe(2)
  const early = await ask('GET', `${alone.apiUrl}/_holdfast/federation`)
  expect([early.status, JSON.stringify(early.body)]).toEqual([409, expect.stringContaining('never in step')])
  // A mesh of its own making, with a service in it.
  expect((await ask('PUT', `${alone.apiUrl}/meshes/shop`, { type: 'Mesh', name: 'shop' })).status).toBe(201)
  const inShop = { ...meshService('cart'), mesh: 'shop' }
  expect((await ask('PUT', `${alone.apiUrl}/meshes/shop/meshservices/cart`, inShop)).status).toBe(201)
  // Told before it joins, and nothing is changed by the telling.
  const revisionOf = async ({ apiUrl }: Running): Promise<unknown> =>
    ((await ask('GET', `${apiUrl}/_holdfast/status`)).body as { head: unknown }).head
  const heads = await Promise.all([global, alone].map(revisionOf))
  const told = await processes.holdfastctl(['--url', alone.apiUrl, 'zone', 'federate', '--global', global.apiUrl])
  expect([told.status, told.out]).toEqual([
    3,
    expect.stringMatching(
      /would let zone east in\nservices that would join: 2\n[\s\S]*which is leased to zone west[\s\S]*alone[\s\S]*default\/web: [\s\S]*does not have[\s\S]*shop, with 1 service\nnothing was changed/,
    ),
  ])
  expect(await Promise.all([global, alone].map(revisionOf))).toEqual(heads)
  await alone.signal('SIGTERM')

  const east = await processes.start('zone', [...flags, ...at])
  const ctl = (...args: string[]) => processes.holdfastctl(['--url', east.apiUrl, ...args])
  const federation = async (): Promise<string> =>
    JSON.stringify((await ask('GET', `${east.apiUrl}/_holdfast/federation`)).body)
  await until('east to hear whose block it is', async () => (await federation()).includes('zone west'), {
    withinMs: 40_000,
    otherwise: () => east.out,
  })
  // Not one address has moved: it holds here, and global says why nobody else has it.
  const still = await vipsOf(east)
  expect([still['east/web']?.[0], still['east/api']?.[0]]).toEqual([before['east/web']?.[0], before['east/api']?.[0]])
  expect(Object.keys(await vipsOf(west))).toEqual(['west/ratings'])
  const plan = await ctl('zone', 'federate')
  expect(plan.out).toMatch(/would hold in this zone alone:\n.*lies in a block of zone west; then /)
  expect(plan.out).toContain('nothing was changed')

  expect((await ctl('zone', 'federate', '--yes')).status).toBe(0)
  await until('west to have them', async () => Object.values(await vipsOf(west)).flat().length === 6, {
    withinMs: 40_000,
    otherwise: () => east.out,
  })
  await until('east to be in step', () => inStep(east))
  const after = await vipsOf(west)
  expect(shared(await vipsOf(global))).toEqual(after)
  // The zone itself shows, behind them, what holds in it alone.
  const inEast = Object.entries(await vipsOf(east)).map(([key, vips]): [string, readonly string[]] => [
    key,
    vips.slice(0, 2),
  ])
  expect(shared(Object.fromEntries(inEast))).toEqual(after)
  expect(new Set(Object.values(after).flat()).size).toBe(6)
  const aliases = await ask('GET', `${east.apiUrl}/_holdfast/vips?size=1000`)
  const scopes = (aliases.body as { items: { scope: string; address: string }[] }).items
  const held = scopes.flatMap(({ scope, address }) => (scope === 'zone:east' ? [address] : []))
  expect(held).toEqual(expect.arrayContaining(Object.values(before).flat()))
  expect(await federation()).toContain('"collisions":[]')

  // Its mesh is held: everybody can see that, nobody has lost anything, and an operator makes it at global.
  const atGlobal = (...args: string[]) => processes.holdfastctl(['--url', global.apiUrl, ...args])
  const { body: overview } = await ask('GET', `${global.apiUrl}/_holdfast/overview`)
  expect((overview as { attention: readonly { what: string }[] }).attention.map(({ what }) => what)).toContainEqual(
    expect.stringMatching(/\d+ resources of zone east in mesh "shop", which is not here/),
  )
  expect((await ask('GET', `${west.apiUrl}/meshes/shop`)).status).toBe(404)
  const adopt = await atGlobal('zone', 'adopt', 'east', '--yes')
  expect([adopt.status, adopt.out]).toEqual([0, expect.stringMatching(/made here.*:\n {2}Mesh shop\n/)])
  await until('west to have the mesh and what is in it', async () => {
    const { body } = await ask('GET', `${west.apiUrl}/meshes/shop/meshservices`)
    return (body as { items?: readonly unknown[] }).items?.length === 1
  })
  const lacking = await ask('GET', `${global.apiUrl}/_holdfast/zones/east/adopt`)
  expect(lacking.body).toMatchObject({ changed: false, lacking: [], notAsked: null })
  expect((await ask('GET', `${global.apiUrl}/_holdfast/vips/verify`)).body).toMatchObject({ agree: true })
})
