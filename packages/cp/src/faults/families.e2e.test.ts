import { afterEach, expect, test } from 'vitest'
import { converged, get, vipsOf } from '../testing/faults.js'
import { eager, inStep, type Plane, putService, startGlobal, startZone, until } from '../testing/mesh.js'

const open: Plane[] = []
const kept = <P extends Plane>(plane: P): P => {
  open.push(plane)
  return plane
}

afterEach(async () => {
  for (const plane of open.splice(0).reverse()) await plane.close()
})

/** A /64 of this installation's own IPv6 pool of MeshServices: what an operator would give. */
async function ipv6Block(global: Plane): Promise<string> {
  const { items } = await get<{ items: readonly { spec: { kind: string; family: number; cidr: string } }[] }>(
    global,
    '/vip-pools',
  )
  const pool = items.map(({ spec }) => spec).find(({ kind, family }) => kind === 'MeshService' && family === 6)
  return (pool?.cidr ?? '').replace(/^([0-9a-f]+:[0-9a-f]+:[0-9a-f]+):.*/, '$1:77::/64')
}

test.each([
  { given: 'IPv4', cidr: () => Promise.resolve('241.200.16.0/20') },
  { given: 'IPv6', cidr: ipv6Block },
])(
  'VIP-2, VIP-5: a zone that was given an $given block only serves with it while it is cut off, and gets the other family from global',
  async ({ cidr }) => {
    const global = kept(await startGlobal())
    const block = await cidr(global)
    const west = kept(await startZone('west', global.port, { backoff: eager }))
    const east = kept(await startZone('east', global.port, { backoff: eager, wantedCidrs: [block], reachable: false }))
    expect(await east.store.vip.adoptBlocks([block])).toEqual([])
    await putService(east, 'web')
    const alone = (await vipsOf(east))['east/web'] ?? []
    expect(alone).toHaveLength(1)

    await east.proxy.restore()
    await until('both zones to be in step', () => inStep(east) && inStep(west), 20_000)
    const vips = await converged([global, east, west], ['east/web'], 20_000)
    expect(vips['east/web']).toEqual(expect.arrayContaining([...alone]))

    // Cut off again it still gives both to whoever comes.
    await east.proxy.refuse()
    east.proxy.cut('reset')
    await putService(east, 'api')
    expect((await vipsOf(east))['east/api']).toHaveLength(2)
    await east.proxy.restore()
    await converged([global, east, west], ['east/api', 'east/web'], 20_000)
  },
)
