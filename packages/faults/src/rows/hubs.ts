import { byHand, holdTable } from '@holdfast/store/testing'
import { logged } from '../judge.js'
import { asks, type Row } from '../row.js'
import { answer, dialled, isProven, metric, type Plane, peersOf, sessionOf } from '../stand/plane.js'
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
    run: async (turn) => {
      const { stand } = turn
      const victim = await holder(turn, 'upkeep')
      const fromByte = victim.process.logBytes
      await countZombie(victim)
      try {
        victim.process.send('SIGSTOP')
        const tookMs = await turn.timed(() => takenOver(turn, others(stand, victim)))
        await turn.until('another to lead', async () =>
          (
            await Promise.all(others(stand, victim).map((g) => metric(g, 'holdfast_lease_held', { lease: 'upkeep' })))
          ).includes(1),
        )
        await turn.last(turn.full ? 60_000 - Math.min(tookMs, 60_000) : 2_000)
        await byHand(victim.url, 'delete from zombie_rows')
        victim.process.send('SIGCONT')
        const everywhereMs = await turn.converged()
        await turn.until('the zombie to be itself again', async () =>
          (await peersOf(victim)).every((p) => !p.connected || p.channels.length > 0),
        )
        const rows = await byHand<{ what: string }>(victim.url, 'select what from zombie_rows')
        return {
          converged: { ms: everywhereMs, boundMs: turn.bound(10_000) },
          alarm: logged(victim, fromByte, /lease|stood still|session|fence/i),
          figures: [
            `zones were with the other one after ${Math.round(tookMs)} ms`,
            `the zombie wrote ${rows.length} rows of zones`,
          ],
          wrong: { W: rows.map(({ what }) => `the zombie wrote ${what}`) },
        }
      } finally {
        victim.process.send('SIGCONT')
        await byHand(victim.url, 'drop function note_zombie cascade; drop table zombie_rows')
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

/** The database itself counts what this process still writes for zones. */
const countZombie = (victim: Plane): Promise<unknown> =>
  byHand(
    victim.url,
    `create table zombie_rows (what text not null);
     create function note_zombie() returns trigger language plpgsql as $$
     begin
       if current_setting('application_name') = '${victim.name}' then insert into zombie_rows values (tg_table_name); end if;
       return null;
     end $$;
     create trigger zombie after insert or update on resources for each row when (new.origin <> '') execute function note_zombie();
     create trigger zombie after insert or update or delete on cursors for each row execute function note_zombie();`,
  )
