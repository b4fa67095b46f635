import { byHand, holdTable, isAnybodyWaiting } from '@holdfast/store/testing'
import { expect, test } from 'vitest'
import { closing } from '../testing/closing.js'
import { applyServices, converged, vipsOf } from '../testing/faults.js'
import {
  eager,
  type GlobalPlane,
  inStep,
  type Plane,
  put,
  putService,
  remove,
  startGlobal,
  startZone,
  until,
  type ZonePlane,
} from '../testing/mesh.js'
import { type Resolving, resolving } from '../testing/names.js'

// OWN, ONE: a zone that is deleted, disabled or taken over in the middle of something. Two globals on one database.
const { own, closes } = closing()

interface Stand {
  readonly first: GlobalPlane
  readonly second: GlobalPlane
  readonly east: ZonePlane
  readonly west: ZonePlane
  readonly inEast: Resolving
}

const names = ['cart', 'checkout', 'web']
const keys = names.flatMap((name) => [`east/${name}`, `west/${name}`])
const left = names.map((name) => `west/${name}`)

/** East is at the first global, west at the second one; both have services. */
async function stand(): Promise<Stand> {
  const first = own(await startGlobal())
  const second = own(await startGlobal({ database: first.database }))
  const east = own(await startZone('east', first.port, { backoff: eager }))
  const west = own(await startZone('west', second.port, { backoff: eager }))
  await until('both zones to be in step', () => inStep(east) && inStep(west), 20_000)
  for (const name of names) await Promise.all([putService(east, name), putService(west, name)])
  await converged([first, second, east, west], keys)
  // East answers whatever it did; at west the names of east go, and never have another address.
  const inEast = await resolving(east, ['cart.svc.mesh.local', 'web.svc.mesh.local', 'web.svc.west.mesh.local'])
  closes(() => inEast.end())
  const inWest = await resolving(west, ['web.svc.mesh.local'], ['cart.svc.east.mesh.local', 'web.svc.east.mesh.local'])
  closes(() => inWest.end())
  return { first, second, east, west, inEast }
}

const zoneJson = (enabled: boolean) => ({ type: 'Zone', name: 'east', enabled })
const statusOfDelete = async (plane: Plane, url: string): Promise<number> =>
  (await plane.api.inject({ method: 'DELETE', url })).statusCode
const deleteEast = (plane: Plane): Promise<number> => statusOfDelete(plane, '/zones/east?force=true')

const rows = <T extends Readonly<Record<string, unknown>>>(plane: Plane, text: string): Promise<readonly T[]> =>
  byHand<T>(plane.database.url, text)

/** What must hold while a zone is deleted: nothing of it lives at global or in the others, and its addresses rest. */
async function isGone({ first, west }: Stand): Promise<void> {
  await until(
    'nothing of east to be left at west',
    async () => JSON.stringify(Object.keys(await vipsOf(west))) === JSON.stringify(left),
    20_000,
  )
  expect(await rows(first, "select from resources where origin = 'east' and not deleted")).toEqual([])
  expect(await rows(first, "select from resources where type = 'Zone' and name = 'east' and not deleted")).toEqual([])
  for (const plane of [first, west]) {
    const states = await rows<{ state: string }>(plane, "select distinct state from vip_ledger where origin = 'east'")
    expect(states).toEqual([{ state: 'tombstoned' }])
  }
  expect(await rows(west, "select from holds where state = 'held'")).toEqual([])
}

/** Made again, it comes back with every address that it had. */
async function comesBack(s: Stand, before: Readonly<Record<string, readonly string[]>>): Promise<void> {
  expect(await put(s.second, '/zones/east', zoneJson(true))).toBe(201)
  // A zone that was told so waits before it asks again; a new process of it asks at once.
  const { database } = s.east
  await s.inEast.detach()
  await s.east.close()
  const again = own(await startZone('east', s.first.port, { database, backoff: eager }))
  await s.inEast.attach(again)
  await until('east to be in step again', () => inStep(again), 20_000)
  expect(await converged([s.first, s.second, again, s.west], Object.keys(before), 20_000)).toEqual(before)
}

test('OWN: a deleted zone ends at once, whichever global it is at; it is told why, and comes back with all its VIPs', {
  timeout: 90_000,
}, async () => {
  const s = await stand()
  const before = await vipsOf(s.west)
  // Kuma refuses while it is connected; who insists is obeyed.
  expect(await statusOfDelete(s.second, '/zones/east')).toBe(400)
  expect(await deleteEast(s.second)).toBe(200)
  await until('the session of east to end', () => s.first.runtime.views().every((view) => view.peer !== 'east'))
  await until('east to be told', () =>
    /was deleted at global.*create it there again/.test(s.east.runtime.lastEnd?.reason ?? ''),
  )
  await isGone(s)
  // It serves on by itself, and what it does meanwhile is told when it is back.
  await putService(s.east, 'late')
  await isGone(s)
  expect(Object.keys(await vipsOf(s.east))).toEqual(expect.arrayContaining([...keys, 'east/late']))
  const late = (await vipsOf(s.east))['east/late'] ?? []
  await comesBack(s, { ...before, 'east/late': late })
})

test('HOLD: a zone that is disabled is hidden from the others, keeps its session, and comes back without a VIP changed', {
  timeout: 90_000,
}, async () => {
  const s = await stand()
  const before = await vipsOf(s.west)
  const session = s.east.runtime.view()?.sessionId
  for (let round = 0; round < 3; round++) {
    expect(await put(s.second, '/zones/east', zoneJson(false))).toBe(200)
    await until(
      'east to be hidden from west',
      async () => JSON.stringify(Object.keys(await vipsOf(s.west))) === JSON.stringify(left),
    )
    await putService(s.east, 'cart', 90 + round)
    expect(await put(s.second, '/zones/east', zoneJson(true))).toBe(200)
    expect(await converged([s.first, s.second, s.east, s.west], keys)).toEqual(before)
  }
  expect(s.east.runtime.view()?.sessionId).toBe(session)
})

/** What the database itself saw: rows of east that were written after its Zone object was gone. */
const watchLateRows = `
  create table late_rows (what text not null);
  create function note_late_row() returns trigger language plpgsql as $$
  begin
    if new.origin = 'east' and not new.deleted
      and exists (select from resources z where z.type = 'Zone' and z.name = 'east' and z.deleted)
    then insert into late_rows values (new.name); end if;
    return null;
  end $$;
  create trigger late_rows after insert or update on resources for each row execute function note_late_row();
  create function note_late_ledger() returns trigger language plpgsql as $$
  begin
    if new.origin = 'east' and new.state = 'active'
      and exists (select from resources z where z.type = 'Zone' and z.name = 'east' and z.deleted)
    then insert into late_rows values (new.display_name); end if;
    return null;
  end $$;
  create trigger late_ledger after insert or update on vip_ledger for each row execute function note_late_ledger()`

/** Something of the zone that is under way when it is deleted. Answers how to let it go on. */
const moments: readonly { readonly when: string; readonly begin: (s: Stand) => Promise<() => Promise<unknown>> }[] = [
  {
    when: 'its snapshot is being read from PostgreSQL',
    begin: async (s) => {
      // Every reader of `resources` waits for this one.
      const lock = own(await holdTable(s.first.database.url, 'resources'))
      s.east.proxy.cut('reset')
      await until('somebody to wait for the table', () => isAnybodyWaiting(s.first.database.url))
      return () => lock.close()
    },
  },
  {
    when: 'a write to it is blocked by its own slowness',
    begin: async (s) => {
      s.east.proxy.freeze()
      const big = Array.from({ length: 400 }, (_, i) => `big${i}`)
      await applyServices(s.west, big)
      await until('global to have them', async () => Object.keys(await vipsOf(s.first)).length > 400)
      return async () => {
        await s.east.proxy.restore()
        for (const name of big) await remove(s.west, `/meshes/default/meshservices/${name}`)
      }
    },
  },
  {
    when: 'a heartbeat and what it sent are received and not yet stored',
    begin: async (s) => {
      const lock = own(await holdTable(s.first.database.url, 'store_head'))
      await putService(s.east, 'cart', 8080)
      await putService(s.east, 'fresh')
      await until('somebody to wait for the head', () => isAnybodyWaiting(s.first.database.url))
      return () => lock.close()
    },
  },
  {
    when: 'blocks are being leased to it',
    begin: async (s) => {
      const lock = own(await holdTable(s.first.database.url, 'vip_blocks'))
      s.east.proxy.cut('reset')
      await Promise.all(Array.from({ length: 30 }, (_, i) => putService(s.east, `n${i}`)))
      return () => lock.close()
    },
  },
]

test.each(moments)(
  'OWN: a zone is deleted while $when: nothing of it is written any more, and it comes back whole',
  {
    timeout: 120_000,
  },
  async ({ begin }) => {
    const s = await stand()
    const before = await vipsOf(s.west)
    await byHand(s.first.database.url, watchLateRows)
    const goOn = await begin(s)
    // The deletion may have to wait for what is under way as well.
    const deleted = deleteEast(s.second)
    await goOn()
    expect(await deleted).toBe(200)
    await until(
      'the session of east to end',
      () => s.first.runtime.views().every((view) => view.peer !== 'east'),
      30_000,
    )
    await isGone(s)
    expect(await rows(s.first, 'select what from late_rows')).toEqual([])
    // Triggers of ours, not of the product: its own come back to an empty table.
    await byHand(s.first.database.url, 'drop trigger late_rows on resources; drop trigger late_ledger on vip_ledger')
    const now = await vipsOf(s.east)
    const ours = Object.fromEntries(Object.entries(now).filter(([key]) => key.startsWith('east/')))
    await comesBack(s, {
      ...Object.fromEntries(Object.entries(before).filter(([key]) => key.startsWith('west/'))),
      ...ours,
    })
  },
)

test('ONE: a zone is deleted while a newer stream of it connects through the other global', {
  timeout: 120_000,
}, async () => {
  const s = await stand()
  const before = await vipsOf(s.west)
  await byHand(s.first.database.url, watchLateRows)
  const { database } = s.east
  const twin = own(await startZone('east', s.second.port, { database, backoff: eager }))
  const gone = deleteEast(s.first)
  await putService(twin, 'cart', 8080)
  expect(await gone).toBe(200)
  const none = (plane: GlobalPlane): boolean => plane.runtime.views().every((view) => view.peer !== 'east')
  await until('no global to have a session of east', () => none(s.first) && none(s.second), 30_000)
  await isGone(s)
  expect(await rows(s.first, 'select what from late_rows')).toEqual([])
  await byHand(s.first.database.url, 'drop trigger late_rows on resources; drop trigger late_ledger on vip_ledger')
  await twin.close()
  await comesBack(s, before)
})
