import { byHand } from '@holdfast/store/testing'
import { type DialOptions, dialKds, type Link } from '@holdfast/transport'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { applyServices, holdsOf, type Mesh, quiet, startMesh } from '../testing/faults.js'
import {
  eager,
  inStep,
  meshService,
  type Plane,
  put,
  rowsOf,
  startZone,
  until,
  type ZonePlane,
} from '../testing/mesh.js'

// Many at once: none is lost for the sake of one, none moves, and nothing is said twice.
let mesh: Mesh
beforeAll(async () => {
  mesh = await startMesh({ backoff: { baseMs: 100, maxMs: 1_000, steadyMs: 0 } })
})
afterAll(() => mesh?.close())

const numbered = (prefix: string, count: number): readonly string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}-${String(i).padStart(4, '0')}`)

/** Live services of a zone whose names begin so, with their VIPs as stored: name and bytes. */
async function stored(plane: Plane, origin: string, prefix: string): Promise<ReadonlyMap<string, string>> {
  const rows = await byHand<{ name: string; vips: string }>(
    plane.database.url,
    `select display_name as name, encode(vips, 'hex') as vips from resources
     where type = 'MeshService' and origin = $1 and not deleted and starts_with(display_name, $2) order by 1`,
    [origin, prefix],
  )
  return new Map(rows.map(({ name, vips }) => [name, vips]))
}
const settled = () => quiet([mesh.global, mesh.east], [mesh.global, mesh.west])

interface Refused {
  readonly name: string
  readonly reason: string
}
const refusedAt = async (plane: Plane): Promise<readonly Refused[]> =>
  (await plane.api.inject({ method: 'GET', url: '/_holdfast/refused' })).json<{ items: readonly Refused[] }>().items

test('HOLD: what vanishes at global without a word is held in west, shown, and served on; it is nothing when it is back', {
  timeout: 120_000,
}, async () => {
  const { global, east, west } = mesh
  // So many that a repair compares them bucket by bucket.
  await applyServices(east, numbered('held', 600))
  await until('west to have them', async () => (await stored(west, 'east', 'held-')).size === 600)
  const before = await stored(west, 'east', 'held-')
  await settled()
  await east.proxy.refuse()
  east.proxy.cut('reset')
  await until('east to be gone', () => global.runtime.views().every(({ peer }) => peer !== 'east'))
  await byHand(global.database.url, "delete from resources where origin = 'east' and type = 'MeshService'")
  // Ten seconds go by before west is told of another sum: by the heartbeat after the one with which global looks. Then buckets are compared.
  await until('west to hold them', async () => (await holdsOf(west)).length > 0, 40_000)
  expect(await holdsOf(west)).toMatchObject([{ type: 'MeshService', zone: 'east', state: 'held' }])
  expect(await stored(west, 'east', 'held-')).toEqual(before)
  await east.proxy.restore()
  await settled()
  expect([await stored(global, 'east', 'held-'), await stored(west, 'east', 'held-')]).toEqual([before, before])
  await until('nothing to be held', async () => (await holdsOf(west)).length === 0)
})

test('ISO: one of 1,000 is invalid: it alone is refused, by name, and the reconnect stays as small as ever', {
  timeout: 60_000,
}, async () => {
  const { global, east, west } = mesh
  await settled()
  await east.proxy.refuse()
  east.proxy.cut('reset')
  await applyServices(east, numbered('many', 1_000))
  const all = await stored(east, 'east', 'many-')
  expect([all.size, new Set(all.values()).size]).toEqual([1_000, 1_000])
  // What no API of ours would take, and what a zone of another make may well send.
  await byHand(east.database.url, "update resources set spec = '\\x01' where display_name = 'many-0500'")
  await east.proxy.restore()
  const others = new Map([...all].filter(([name]) => name !== 'many-0500'))
  await until('999 to be in west', async () => (await stored(west, 'east', 'many-')).size === 999, 30_000)
  await settled()
  expect([await stored(global, 'east', 'many-'), await stored(west, 'east', 'many-')]).toEqual([others, others])
  expect(await refusedAt(global)).toMatchObject([
    { name: expect.stringMatching(/^many-0500-/), reason: expect.stringContaining('JSON') },
  ])

  // East is told once; after that a reconnect says nothing of it.
  await until('east to know', async () => (await east.store.guards.reports()).some(({ body }) => body !== ''), 30_000)
  const rows = await rowsOf([global, east, west])
  const session = east.runtime.view()?.sessionId
  east.proxy.cut('reset')
  await until('a new session', () => inStep(east) && east.runtime.view()?.sessionId !== session)
  await settled()
  expect(east.runtime.view()?.bytesToProven).toBeLessThanOrEqual(2_048)
  expect(await rowsOf([global, east, west])).toBe(rows)

  await put(east, '/meshes/default/meshservices/many-0500', meshService('many-0500', 81))
  await until('the last one to be in west', async () => (await stored(west, 'east', 'many-')).size === 1_000)
  expect(await stored(west, 'east', 'many-')).toEqual(all)
  expect(await refusedAt(global)).toEqual([])
})

test('a mass deletion that is said passes at once, and its services come back with their VIPs', {
  timeout: 60_000,
}, async () => {
  const { global, east, west } = mesh
  const names = numbered('fleeting', 400)
  await applyServices(east, names)
  const before = await stored(east, 'east', 'fleeting-')
  await until('west to have them', async () => (await stored(west, 'east', 'fleeting-')).size === 400)
  const outcomes = await east.store.local.apply(
    {
      changes: names.map((name) => ({ change: 'delete', key: { type: 'MeshService', mesh: 'default', name } })),
      atomic: true,
      actor: 'test',
    },
    { signal: AbortSignal.timeout(10_000) },
  )
  expect(new Set(outcomes.map(({ outcome }) => outcome))).toEqual(new Set(['deleted']))
  await until('west to have none', async () => (await stored(west, 'east', 'fleeting-')).size === 0)
  expect([await holdsOf(global), await holdsOf(west)]).toEqual([[], []])
  await applyServices(east, names)
  await until('west to have them again', async () => (await stored(west, 'east', 'fleeting-')).size === 400)
  expect([await stored(east, 'east', 'fleeting-'), await stored(west, 'east', 'fleeting-')]).toEqual([before, before])
})

test('5,000 at once: in west with the same VIPs, in messages of 1 MiB at most, from a block that grew in time', {
  timeout: 120_000,
}, async () => {
  const { global, east, west } = mesh
  const small = await stored(west, 'east', 'c')
  await applyServices(east, numbered('bulk', 5_000))
  // More than its blocks have room for: the others wait for the next one, and are served in the moment it comes.
  await until('all to have addresses', async () => {
    const waiting = await byHand(east.database.url, 'select from resources where pending_reason is not null limit 1')
    return waiting.length === 0
  })
  const blocks = (await east.store.vip.blocks()).filter(
    ({ owner, kind, family }) => owner === 'east' && kind === 'MeshService' && family === 4,
  )
  expect(blocks.length).toBeGreaterThan(1)
  const all = await stored(east, 'east', 'bulk-')
  await until('west to have all', async () => (await stored(west, 'east', 'bulk-')).size === 5_000, 60_000)
  await settled()
  expect([await stored(global, 'east', 'bulk-'), await stored(west, 'east', 'bulk-')]).toEqual([all, all])
  expect(new Set(all.values()).size).toBe(5_000)
  expect(await stored(west, 'east', 'c')).toEqual(small)

  // A newcomer, whose first sync is cut in the middle: the second session goes on where the first one was.
  const sizes: number[] = []
  const north: ZonePlane = await startZone('north', global.port, { backoff: eager, dial: measuredDial(sizes) })
  try {
    const held = async () =>
      (await byHand<{ n: string }>(north.database.url, 'select count(*) as n from resources where not deleted'))[0]?.n
    north.proxy.shape({ bytesPerSecond: 2_000_000 })
    let received = 0
    await until(
      'the first third',
      () => {
        received = down(north)?.received ?? 0
        return received > 2_000
      },
      30_000,
    )
    const first = north.runtime.view()?.sessionId
    north.proxy.cut('reset')
    await until(
      'the second session',
      () => north.runtime.view() !== undefined && north.runtime.view()?.sessionId !== first,
    )
    north.proxy.shape({ bytesPerSecond: undefined })
    await until('north to be in step', () => inStep(north), 60_000)
    expect(await stored(north, 'east', 'bulk-')).toEqual(all)
    const total = Number(await held())
    expect(received).toBeGreaterThan(2_000)
    // A page that was under way may come twice.
    expect(received + (down(north)?.received ?? 0)).toBeLessThan(total + 4_100)
    expect(down(north)?.received).toBeLessThan(total - 1_000)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(1024 * 1024)
  } finally {
    await north.close()
  }
})

const down = (zone: ZonePlane) => zone.runtime.view()?.channels.find(({ channel }) => channel === 'down')

/** A link that notes the size of every message that arrives. */
function measuredDial(sizes: number[]): (options: DialOptions) => Link {
  return (options) => {
    const link = dialKds(options)
    let before = 0
    return new Proxy(link, {
      get(target, name) {
        if (name === 'start')
          return (listener: Parameters<Link['start']>[0]): void =>
            target.start((event) => {
              const now = target.counters().payloadBytesReceived
              if (now > before) sizes.push(now - before)
              before = now
              listener(event)
            })
        const value: unknown = Reflect.get(target, name, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
  }
}
