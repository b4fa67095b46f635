import { byHand } from '@holdfast/store/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { allServices, applyServices, bothInStep, converged, get, type Mesh, startMesh } from '../testing/faults.js'
import { type Plane, until } from '../testing/mesh.js'

// HEAL: `sync diff` names exactly what differs between a zone and global, asked at either end, over the questions of
// their session.
let mesh: Mesh
beforeAll(async () => {
  mesh = await startMesh()
})
afterAll(() => mesh?.close())

interface Diff {
  readonly inStep: boolean
  readonly directions: readonly {
    readonly from: string
    readonly revision: number
    readonly digest: string
    readonly differences: number
  }[]
  readonly differences: readonly {
    readonly from: string
    readonly type: string
    readonly key: string
    readonly kind: string
    readonly reason?: string
  }[]
}

const diffOf = async (plane: Plane, zone: string): Promise<Diff> =>
  get<Diff>(plane, `/_holdfast/sync/diff${plane.name === 'global' ? `?zone=${zone}` : ''}`)

/** Both ends, which must say the same. */
async function diff(zone: 'east' | 'west'): Promise<Diff> {
  const [atGlobal, atZone] = [await diffOf(mesh.global, zone), await diffOf(mesh[zone], zone)]
  expect(atZone.differences).toEqual(atGlobal.differences)
  return atGlobal
}

/** From, display name, kind. */
const told = ({ differences }: Diff): readonly string[] =>
  differences.map(
    ({ from, type, key, kind }) => `${from}: ${type} ${key.replace(/-[0-9a-z]{16}\.default$/, '')}: ${kind}`,
  )

/** A heartbeat may find at any moment what is damaged here: it would be repaired while it is looked at, and nothing is within a minute. */
const repairedJustNow = async (plane: Plane, channel: 'down' | 'up', peer: string, from: Plane): Promise<void> => {
  const { epoch } = (await from.store.status()).head
  await byHand(
    plane.database.url,
    `insert into repairs (peer, channel, type, epoch, at)
     select $1, $2, type, $3, now() from unnest(array['MeshService', 'HostnameGenerator']) type
     on conflict (peer, channel, type) do update set epoch = excluded.epoch, at = excluded.at`,
    [peer, channel, epoch],
  )
}

const unseen = (plane: Plane, text: string) =>
  byHand(plane.database.url, `set session_replication_role = replica; ${text}; set session_replication_role = origin`)

test('in step: no difference, with revision and digest of both directions', async () => {
  await converged([mesh.global, mesh.east, mesh.west], allServices)
  await until('all to be in step', () => bothInStep(mesh.global, mesh.east) && bothInStep(mesh.global, mesh.west))
  for (const zone of ['east', 'west'] as const) {
    const found = await diff(zone)
    expect(found).toMatchObject({ inStep: true, differences: [] })
    expect(found.directions.map(({ from, digest, differences }) => [from, digest.length, differences])).toEqual([
      ['global', 32, 0],
      [`zone ${zone}`, 32, 0],
    ])
  }
})

test('each kind of difference, and nothing else', { timeout: 60_000 }, async () => {
  const { west, global } = mesh
  const of = (name: string, origin: string) =>
    `type = 'MeshService' and display_name = '${name}' and origin = '${origin}'`
  const damage: readonly (readonly [Plane, string])[] = [
    [west, `update resources set spec = '{}' where ${of('cart', 'east')}`],
    [west, `update resources set vips = '' where ${of('checkout', 'east')}`],
    [west, `delete from resources where ${of('web', 'east')}`],
    [
      west,
      `update resources set hold_id = 'h1', offered_entry = null where type = 'HostnameGenerator' and name = (select min(name) from resources where type = 'HostnameGenerator' and origin = ''); insert into holds (id, peer, type, origin, reason, key_count, since, state) values ('h1', '', 'HostnameGenerator', '', 'vanished', 1, now(), 'held'); update resources set spec = '{}' where hold_id = 'h1'`,
    ],
    [global, `update resources set spec = '{}' where ${of('ratings', 'west')}`],
    [global, `delete from resources where ${of('reviews', 'west')}`],
  ]
  await repairedJustNow(west, 'down', '', global)
  await repairedJustNow(global, 'up', 'west', west)
  for (const [plane, text] of damage) await unseen(plane, text)
  // Sums that the triggers have not followed are those of before.
  for (const plane of [west, global])
    while (!(await plane.store.scrub({ rows: 1_000, everyMs: 0, roundEveryMs: 0 })).roundEnded);
  const found = told(await diff('west'))
  expect(found.filter((line) => !line.includes('HostnameGenerator'))).toEqual([
    'global: MeshService cart: content',
    'global: MeshService checkout: VIPs',
    'global: MeshService web: missing',
    'zone west: MeshService ratings: content',
    'zone west: MeshService reviews: missing',
  ])
  expect(found.filter((line) => line.includes('HostnameGenerator'))).toEqual([expect.stringMatching(/: held$/)])
})

test('a large type is compared by buckets: of 1,200 services the three that differ', { timeout: 120_000 }, async () => {
  const many = Array.from({ length: 1_200 }, (_, i) => `m${i}`)
  await applyServices(mesh.east, many)
  await until(
    'global to have them',
    async () => {
      const { total } = await mesh.global.store.read.list({
        type: 'MeshService',
        nameContains: 'm1199',
        offset: 0,
        limit: 1,
      })
      return total === 1 && bothInStep(mesh.global, mesh.east)
    },
    60_000,
  )
  await repairedJustNow(mesh.global, 'up', 'east', mesh.east)
  await byHand(
    mesh.global.database.url,
    "update resources set spec = '{}' where display_name in ('m3', 'm700', 'm1100')",
  )
  const found = await diffOf(mesh.global, 'east')
  const expected = ['m1100', 'm3', 'm700'].map((name) => `zone east: MeshService ${name}: content`)
  // The other way round nothing differs: a zone is not shown what it owns itself.
  expect(told(found).filter((line) => line.startsWith('zone east'))).toEqual(expected)
})
