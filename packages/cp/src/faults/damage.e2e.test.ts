import { byHand } from '@holdfast/store/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { allServices, bothInStep, converged, type Mesh, startMesh, vipsOf } from '../testing/faults.js'
import { type Plane, until } from '../testing/mesh.js'

// HEAL: a row that rots or is edited behind the program's back is found by its digest and comes back from its origin.
let mesh: Mesh

beforeAll(async () => {
  mesh = await startMesh()
})
afterAll(() => mesh?.close())

const planes = () => [mesh.global, mesh.east, mesh.west]
const settled = () =>
  until(
    'everybody to be in step',
    () => bothInStep(mesh.global, mesh.east) && bothInStep(mesh.global, mesh.west),
    30_000,
  )

/** What a store has of the services of one zone, as bytes: by display name. */
async function contentsOf(plane: Plane, origin: string): Promise<Readonly<Record<string, string>>> {
  const rows = await byHand<{ name: string; content: string }>(
    plane.database.url,
    `select display_name as name, encode(content, 'hex') || ' ' || encode(vips, 'hex') as content
     from resources where type = 'MeshService' and origin = $1 and not deleted order by 1`,
    [origin],
  )
  return Object.fromEntries(rows.map(({ name, content }) => [name, content]))
}

async function reconnect(zone: Mesh['east']): Promise<void> {
  const before = zone.runtime.view()?.sessionId
  zone.proxy.cut('reset')
  await until('a new session', () => zone.runtime.view() !== undefined && zone.runtime.view()?.sessionId !== before)
}

const damages = [
  {
    what: 'its spec is edited',
    text: "update resources set spec = '{\"ports\":[]}'::bytea where type = 'MeshService' and display_name = 'cart'",
  },
  { what: 'it is deleted', text: "delete from resources where type = 'MeshService' and display_name = 'cart'" },
  {
    what: 'it is marked as deleted',
    text: "update resources set deleted = true, deleted_at = now() where type = 'MeshService' and display_name = 'cart'",
  },
  {
    what: 'its VIPs are edited',
    text: "update resources set vips = (select vips from resources where display_name = 'checkout') where display_name = 'cart'",
  },
]

for (const victim of ['west', 'global'] as const)
  test.each(damages)(
    `HEAL: a row of east at ${victim}: $what; found at the latest by a reconnect`,
    { timeout: 40_000 },
    async ({ text }) => {
      await settled()
      const before = { vips: await converged(planes(), allServices), content: await contentsOf(mesh.east, 'east') }
      // Each damage is a day of its own: a type is repaired once a minute.
      for (const plane of planes()) await byHand(plane.database.url, 'delete from repairs')
      await byHand(mesh[victim].database.url, text)
      await reconnect(mesh.east)
      await reconnect(mesh.west)
      const healed = async (): Promise<boolean> =>
        (await Promise.all(planes().map((plane) => contentsOf(plane, 'east')))).every(
          (contents) => JSON.stringify(contents) === JSON.stringify(before.content),
        )
      await until('the row to be as it was', healed, 12_000).catch(async () => {
        expect(await Promise.all(planes().map((plane) => contentsOf(plane, 'east')))).toEqual(
          planes().map(() => before.content),
        )
      })
      await settled()
      expect(await Promise.all(planes().map(vipsOf))).toEqual(planes().map(() => before.vips))
    },
  )
