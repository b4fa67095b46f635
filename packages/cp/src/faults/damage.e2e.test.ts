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

/** A whole round of the scrub, as a running control plane makes in a minute. */
async function scrubbed(plane: Plane): Promise<readonly string[]> {
  const said: string[] = []
  for (let ended = false; !ended; ) {
    const { found, roundEnded } = await plane.store.scrub({ rows: 1_000, everyMs: 0, roundEveryMs: 0 })
    said.push(...found.map(({ subject, problem, outcome }) => `${outcome}: ${subject}: ${problem}`))
    ended = roundEnded
  }
  return said
}

const cart = "type = 'MeshService' and display_name = 'cart'"
const unseen = [
  ...damages,
  { what: 'its labels are edited', text: `update resources set labels = labels || '{"a": "b"}' where ${cart}` },
  {
    what: 'it is edited, and so is what was offered of it',
    text: `update resources set spec = '{}' where ${cart}; update resources set offered_entry = entry where ${cart}`,
  },
  { what: 'its origin is edited', text: `update resources set origin = 'north' where ${cart}` },
  { what: 'nobody may see it any more', text: `update resources set audience = 'none' where ${cart}` },
  { what: 'its identity is edited', text: `update resources set identity = '\\x00' where ${cart}` },
  { what: 'its bucket is edited', text: `update resources set bucket = 7 where ${cart}` },
  {
    what: 'its address in the ledger is edited',
    text: "update vip_ledger set address = '241.250.0.1' where display_name = 'cart' and family = 4",
  },
  { what: 'it is taken out of the ledger', text: "delete from vip_ledger where display_name = 'cart'" },
  {
    what: 'a sum is edited',
    text: "update digests set lane2 = lane2 # 77, count = count + 1 where type = 'MeshService'",
  },
]

for (const victim of ['west', 'global'] as const)
  test.each(unseen)(
    `HEAL: a row of east at ${victim}, and no trigger saw it: $what; a round of the scrub and a proof, and all is as it was`,
    { timeout: 60_000 },
    async ({ text }) => {
      await settled()
      const before = { vips: await converged(planes(), allServices), content: await contentsOf(mesh.east, 'east') }
      const ledgerOf = (plane: Plane) =>
        byHand(plane.database.url, 'select address, display_name, state from vip_ledger order by address')
      const ledgers = await Promise.all(planes().map(ledgerOf))
      for (const plane of planes()) await byHand(plane.database.url, 'delete from repairs')
      await byHand(
        mesh[victim].database.url,
        `set session_replication_role = replica; ${text}; set session_replication_role = origin`,
      )
      expect((await scrubbed(mesh[victim])).join('\n')).toMatch(/^(asked|mended)/)
      await reconnect(mesh.east)
      await reconnect(mesh.west)
      const healed = async (): Promise<boolean> =>
        (await Promise.all(planes().map((plane) => contentsOf(plane, 'east')))).every(
          (contents) => JSON.stringify(contents) === JSON.stringify(before.content),
        )
      await until('the row to be as it was', healed, 15_000)
      await settled()
      expect(await Promise.all(planes().map(vipsOf))).toEqual(planes().map(() => before.vips))
      expect(await Promise.all(planes().map(ledgerOf))).toEqual(ledgers)
      expect(await scrubbed(mesh[victim])).toEqual([])
    },
  )

test.each(damages.filter(({ what }) => what !== 'it is deleted'))(
  'HEAL: a damaged copy at global does not spread while its origin is away: $what',
  { timeout: 60_000 },
  async ({ text }) => {
    await settled()
    const before = await contentsOf(mesh.east, 'east')
    for (const plane of planes()) await byHand(plane.database.url, 'delete from repairs')
    await mesh.east.proxy.refuse()
    mesh.east.proxy.cut('reset')
    await until('east to be away', () => mesh.global.runtime.views().every((view) => view.peer !== 'east'))
    await byHand(mesh.global.database.url, text)
    await reconnect(mesh.west)
    await until('west to be in step', () => bothInStep(mesh.global, mesh.west), 15_000)
    expect(await contentsOf(mesh.west, 'east')).toEqual(before)
    await mesh.east.proxy.restore()
    await settled()
    await until(
      'the copy at global to be as it was',
      async () => JSON.stringify(await contentsOf(mesh.global, 'east')) === JSON.stringify(before),
      15_000,
    )
    expect(await contentsOf(mesh.west, 'east')).toEqual(before)
  },
)
