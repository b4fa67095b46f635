import { byHand, holdTable } from '@holdfast/store/testing'
import { logged } from '../judge.js'
import { asks, type Row } from '../row.js'
import { answer, ask, dialled, isProven, metric, type Plane, peersOf, sessionOf } from '../stand/plane.js'
import { type Stand, twoAndTwo } from '../stand/stand.js'
import type { Turn } from '../turn.js'

/** The global that a zone has its session with: globals themselves tell of each other's sessions too. */
async function serverOf(stand: Stand, zone: Plane): Promise<Plane | undefined> {
  const address = await dialled(zone)
  return stand.globals[zone.links.findIndex(({ port }) => address?.endsWith(`:${port}`) === true)]
}

/** The same, once it has one. */
async function serving(turn: Turn, zone: Plane): Promise<Plane> {
  let found: Plane | undefined
  await turn.until(`${zone.name} to have a session`, async () => {
    found = await serverOf(turn.stand, zone)
    return found !== undefined
  })
  if (found === undefined) throw new Error(`no global has a session of ${zone.name}`)
  return found
}

/** The global that has a lease, once one has it. */
async function holder(turn: Turn, lease: string): Promise<Plane> {
  let found: Plane | undefined
  await turn.until(`a global to hold the lease ${lease}`, async () => {
    for (const global of turn.stand.globals)
      if (global.process.pid !== undefined && (await metric(global, 'holdfast_lease_held', { lease })) === 1)
        found = global
    return found !== undefined
  })
  if (found === undefined) throw new Error(`nobody holds the lease ${lease}`)
  return found
}

const others = (stand: Stand, victim: Plane): readonly Plane[] => stand.globals.filter((global) => global !== victim)

/** Every zone has its session with one of these globals. @param isQuiet and was proven there */
async function takenOver(turn: Turn, globals: readonly Plane[], isQuiet = false): Promise<void> {
  for (const zone of turn.stand.zones)
    await turn.until(`${zone.name} to be with another global`, async () => {
      const server = await serverOf(turn.stand, zone)
      if (server === undefined || !globals.includes(server)) return false
      return !isQuiet || isProven(await sessionOf(zone))
    })
}

const bulk = 120

export const hubRows: readonly Row[] = [
  {
    id: 'F07',
    fault: 'kill -9 of the hub replica that serves',
    asked: asks('✔ ✔ ✔ 5_s 2_KiB×zones N ✔'),
    shape: twoAndTwo,
    quick: true,
    run: async (turn) => {
      const { stand } = turn
      let bytes = 0
      let tookMs = 0
      const killed = async (isQuiet: boolean): Promise<void> => {
        const victim = await serving(turn, stand.zone('east'))
        await victim.process.kill()
        tookMs = Math.max(tookMs, await turn.timed(() => takenOver(turn, others(stand, victim), isQuiet)))
        bytes = 0
        for (const zone of stand.zones) bytes += (await peersOf(zone))[0]?.bytesToProven ?? 0
        await victim.process.start()
      }
      let quietBytes = 0
      const quiet = await turn.quietly(async () => {
        await killed(true)
        quietBytes = bytes
      })
      await killed(false)
      const everywhereMs = await turn.converged()
      return {
        converged: { ms: tookMs, boundMs: turn.bound(5_000) },
        bytes: { most: quietBytes, bound: 2 * 1024 * stand.zones.length },
        figures: ['killed twice, once under writes', `a change everywhere after ${Math.round(everywhereMs)} ms`],
        wrong: { W: quiet.wrong },
      }
    },
  },
  {
    id: 'F08',
    fault: 'kill -9 of the leader in the middle of a transaction',
    asked: asks('✔ ✔ ✔ 10_s – N ✔'),
    shape: twoAndTwo,
    quick: true,
    run: async (turn) => {
      const { stand } = turn
      const victim = await holder(turn, 'upkeep')
      const names = Array.from({ length: bulk }, (_, i) => `whole-${i}`)
      // Rows are written when their sums are: there it has to wait, with its transaction open.
      const held = await holdTable(victim.url, 'digests')
      const applied = answer(victim, 'POST', '/_apply', names.map(multiZone)).catch(() => undefined)
      await turn.until('its transaction to wait', async () => {
        const rows = await byHand(
          victim.url,
          `select from pg_stat_activity where application_name = $1 and wait_event_type = 'Lock' and xact_start is not null
           and backend_xid is not null limit 1`,
          [victim.name],
        )
        return rows.length > 0
      })
      await victim.process.kill()
      await held.close()
      await applied
      const tookMs = await turn.timed(async () => {
        await takenOver(turn, others(stand, victim))
        await turn.converged()
      })
      const next = await holder(turn, 'upkeep')
      const there = await byHand(
        victim.url,
        "select from resources where type = 'MeshMultiZoneService' and starts_with(display_name, 'whole-') and not deleted",
      )
      await victim.process.start()
      return {
        converged: { ms: tookMs, boundMs: turn.bound(10_000) },
        figures: [`${there.length} of ${bulk} of its transaction are there`, `${next.name} leads`],
        wrong: {
          D:
            there.length === 0 || there.length === bulk
              ? []
              : [`${there.length} of ${bulk} of one transaction are there`],
        },
      }
    },
  },
  {
    id: 'F09',
    fault: 'SIGSTOP of the leader for 60 s, then SIGCONT (a zombie)',
    found: 'a process that stood still did not say so; `packages/cp/src/lifecycle/stall-watch.test.ts`',
    asked: asks('✔ fenced ✔ 10_s – Y ✔'),
    shape: twoAndTwo,
    own: true,
    standIn: 'the global that leads, and the process of a zone with all leases of that zone, which has a second one',
    run: async (turn) => {
      const { stand } = turn
      const east = stand.zone('east')
      // Whoever is there first has the leases: so the observers are at the process that stands by.
      const flags = ['--join', await stand.bundle('east', east.links)]
      const leader = await stand.process('east-leader', 'east', east.url, flags, east.links)
      const leads = async (process: Plane): Promise<boolean> => {
        const held = zoneLeases.map((lease) => metric(process, 'holdfast_lease_held', { lease }))
        return (await Promise.all(held)).every((one) => one === 1)
      }
      await east.process.stop()
      await turn.until('the other process of east to lead', () => leads(leader))
      await east.process.start()
      const victim = await holder(turn, 'upkeep')
      const zombies = [victim, leader]
      const [fromByte, leaderFrom] = [victim.process.logBytes, leader.process.logBytes]
      // Generated, changed while its generator stands still, and not to be changed back by it.
      const mesh = { type: 'Mesh', name: 'default', meshServices: { mode: 'Exclusive' } }
      await ask(stand.global(), 'PUT', '/meshes/default', mesh)
      await ask(east, 'PUT', '/meshes/default/dataplanes/stood', dataplane(8080))
      await turn.until('a service to be made of it', async () => (await generatedPort(east)) === 8080)
      await countZombie(victim)
      await countZombie(leader, 'every')
      try {
        for (const { process } of zombies) process.send('SIGSTOP')
        const stoppedMs = performance.now()
        const zoneMs = await turn.timed(() => turn.until('the process that stood by to lead', () => leads(east)))
        const tookMs = await turn.timed(() => takenOver(turn, others(stand, victim)))
        await turn.until('another to lead', async () =>
          (
            await Promise.all(others(stand, victim).map((g) => metric(g, 'holdfast_lease_held', { lease: 'upkeep' })))
          ).includes(1),
        )
        await ask(east, 'PUT', '/meshes/default/dataplanes/stood', dataplane(9090))
        await turn.until('the service to follow', async () => (await generatedPort(east)) === 9090)
        const stoodMs = performance.now() - stoppedMs
        await turn.last(turn.full ? 60_000 - Math.min(stoodMs, 60_000) : 2_000)
        const stood = performance.now() - stoppedMs
        for (const { url } of zombies) await byHand(url, 'delete from zombie_rows')
        for (const { process } of zombies) process.send('SIGCONT')
        const everywhereMs = await turn.converged()
        await turn.until('the zombie to be itself again', async () =>
          (await peersOf(victim)).every((p) => !p.connected || p.channels.length > 0),
        )
        // Where its session still stood it ends with that reason, and nothing is said a second time.
        const isStandingBy = () =>
          leader.process
            .log(leaderFrom)
            .some(({ msg, reason }) => /of this zone has the session/.test(`${msg} ${reason}`))
        await turn.until('the zombie of east to stand by', isStandingBy)
        const written = await Promise.all(
          zombies.map(async ({ name, url }) =>
            (await byHand<{ what: string }>(url, 'select what from zombie_rows')).map(({ what }) => `${name}: ${what}`),
          ),
        )
        const port = await generatedPort(east)
        return {
          converged: { ms: everywhereMs, boundMs: turn.bound(10_000) },
          alarm: logged(victim, fromByte, /lease|stood still|session|fence/i),
          figures: [
            `both stood for ${Math.round(stood / 1_000)} s`,
            `all leases of the zone were with its other process after ${Math.round(zoneMs)} ms`,
            `zones were with the other global after ${Math.round(tookMs)} ms`,
            `the zombies wrote ${written.flat().length} rows of zones`,
          ],
          wrong: {
            W: [
              ...written.flat().map((what) => `a zombie wrote ${what}`),
              ...(port === 9090 ? [] : [`the generated service has port ${port} again`]),
            ],
          },
        }
      } finally {
        for (const { process, url } of zombies) {
          process.send('SIGCONT')
          await uncountZombie(url)
        }
      }
    },
  },
  {
    id: 'F45',
    fault: 'the hub stands still for 5 s (GC pause, blocked event loop)',
    found: 'as F09: nobody was told that the hub stood still; `packages/cp/src/lifecycle/stall-watch.test.ts`',
    asked: asks('✔ ✔ ✔ no_false_offline – Y ✔'),
    shape: twoAndTwo,
    quick: true,
    standIn: 'SIGSTOP for 5 s, then SIGCONT',
    run: async (turn) => {
      const { stand } = turn
      const victim = await serving(turn, stand.zone('east'))
      const sessions = await Promise.all(stand.zones.map((zone) => turn.session(zone)))
      const logFrom = stand.globals.map((global) => global.process.logBytes)
      victim.process.send('SIGSTOP')
      let offline = 0
      const endMs = performance.now() + 5_000
      while (performance.now() < endMs) {
        for (const zone of stand.zones) if ((await peersOf(zone))[0]?.connected !== true) offline++
        await turn.last(250)
      }
      victim.process.send('SIGCONT')
      const everywhereMs = await turn.converged()
      const after = await Promise.all(stand.zones.map((zone) => turn.session(zone)))
      const alarm = stand.globals
        .map((global, i) => logged(global, logFrom[i] ?? 0, /lease|stood still|stall/i))
        .find((words) => words !== undefined)
      return {
        converged: { ms: everywhereMs, boundMs: turn.bound(5_000) },
        alarm,
        figures: [
          `${offline} times a zone said that it is not connected`,
          `a change everywhere after ${Math.round(everywhereMs)} ms`,
        ],
        wrong: {
          Q: after.flatMap((session, i) =>
            session === sessions[i] ? [] : [`${stand.zones[i]?.name} has another session`],
          ),
        },
      }
    },
  },
]

const multiZone = (name: string): Readonly<Record<string, unknown>> => ({
  ...{ type: 'MeshMultiZoneService', mesh: 'default', name },
  spec: {
    selector: { meshService: { matchLabels: { 'kuma.io/display-name': name } } },
    ports: [{ port: 80, name: 'main', appProtocol: 'http' }],
  },
})

const zoneLeases = ['dial', 'services', 'upkeep', 'scrub'] as const

const dataplane = (port: number): Readonly<Record<string, unknown>> => ({
  ...{ type: 'Dataplane', mesh: 'default', name: 'stood' },
  networking: { address: '127.0.0.1', inbound: [{ port, name: 'main', tags: { 'kuma.io/service': 'stood' } }] },
})

/** What the service says that is made of it; undefined: there is none yet. */
async function generatedPort(zone: Plane): Promise<number | undefined> {
  const { status, body } = await answer(zone, 'GET', '/meshes/default/meshservices/stood')
  const { spec } = body as { readonly spec?: { readonly ports?: readonly { readonly port: number }[] } }
  return status === 200 ? spec?.ports?.[0]?.port : undefined
}

const zombieTables = ['resources', 'cursors', 'vip_ledger', 'refused'] as const

/**
 * The database itself counts what this process still writes: at global what is of zones, for its own is written by clients
 * wherever they ask; of a zone's process that nobody asks everything.
 */
async function countZombie(victim: Plane, whose: 'zones' | 'every' = 'zones'): Promise<void> {
  await byHand(
    victim.url,
    `create table zombie_rows (what text not null);
     create function note_zombie() returns trigger language plpgsql as $$
     begin
       if current_setting('application_name') = '${victim.name}' then insert into zombie_rows values (tg_table_name); end if;
       return null;
     end $$`,
  )
  // Each by itself: whoever writes meanwhile has locks on some of them, and wants the others.
  for (const table of whose === 'zones' ? zombieTables.slice(0, 2) : zombieTables) {
    const ofZones = table === 'resources' && whose === 'zones' ? "when (new.origin <> '')" : ''
    const events = table === 'resources' ? 'insert or update' : 'insert or update or delete'
    const trigger = `create trigger zombie after ${events} on ${table} for each row ${ofZones}`
    await byHand(victim.url, `${trigger} execute function note_zombie()`)
  }
}

/** Each by itself as well: with one statement for all that depends on the function, somebody's write deadlocks with it. */
async function uncountZombie(url: string): Promise<void> {
  for (const table of zombieTables) await byHand(url, `drop trigger if exists zombie on ${table}`)
  await byHand(url, 'drop function if exists note_zombie; drop table if exists zombie_rows')
}
