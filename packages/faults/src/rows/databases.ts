import { byHand, holdTransaction } from '@holdfast/store/testing'
import { asks, type Row } from '../row.js'
import { type NotifyFilter, startNotifyFilter } from '../stand/notify-filter.js'
import { answer, type Plane, putService, readinessOf, stored } from '../stand/plane.js'
import { type Stand, twoAndTwo } from '../stand/stand.js'
import { fullDisk } from '../stand/tiny-disk.js'
import type { Turn } from '../turn.js'

/** In which words a control plane says that its database is not as it should be. */
export async function toldUnready(turn: Turn, planes: readonly Plane[]): Promise<string> {
  let words = ''
  await turn.until('somebody not to be ready', async () => {
    for (const plane of planes) {
      const said = await readinessOf(plane)
      if (!said.ready) words = `${plane.name} is not ready: ${said.words.slice(0, 160)}`
    }
    return words !== ''
  })
  return words
}

/** In which words a write is refused with a status of the server's. */
export async function writeRefused(
  turn: Turn,
  plane: Plane,
  path: string,
  body: (i: number) => unknown,
): Promise<string> {
  let words = ''
  let i = 0
  await turn.until('a write to be refused', async () => {
    const said = await answer(plane, 'PUT', `${path}${++i}`, body(i), 60_000)
    if (said.status >= 500) words = `${plane.name} answers ${said.status}: ${JSON.stringify(said.body).slice(0, 160)}`
    return words !== ''
  })
  return words
}

const multiZone = (name: string): Readonly<Record<string, unknown>> => ({
  ...{ type: 'MeshMultiZoneService', mesh: 'default', name },
  spec: {
    selector: { meshService: { matchLabels: { 'kuma.io/display-name': name } } },
    ports: [{ port: 80, name: 'main', appProtocol: 'http' }],
  },
})
const atHub = '/meshes/default/meshmultizoneservices/'

/** Whoever is connected has to connect again. */
const sendAway = (plane: Plane): Promise<unknown> =>
  byHand(
    plane.url,
    'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
  )

const readOnly = async (plane: Plane, on: boolean): Promise<void> => {
  const name = decodeURIComponent(new URL(plane.url).pathname.slice(1))
  await byHand(
    plane.cluster.url,
    `alter database ${name} ${on ? 'set default_transaction_read_only = on' : 'reset default_transaction_read_only'}`,
  )
  await sendAway(plane)
}

const filters = new WeakMap<Stand, NotifyFilter>()

export const databaseRows: readonly Row[] = [
  {
    id: 'F10',
    fault: 'PostgreSQL is restarted, killed with SIGKILL, and stands still (SIGSTOP)',
    asked: asks('✔ ✔ ✔ 10_s – Y ✔'),
    shape: twoAndTwo,
    quick: true,
    run: async (turn) => {
      const { stand } = turn
      const { global, zones } = stand.clusters
      let slowestMs = 0
      const away = async (
        how: () => Promise<void>,
        come: () => Promise<void>,
        planes: readonly Plane[],
      ): Promise<string> => {
        await how()
        const words = await toldUnready(turn, planes)
        await come()
        slowestMs = Math.max(slowestMs, await turn.converged())
        return words
      }
      const alarm = await away(
        () => global.stop(),
        () => global.start(),
        stand.globals,
      )
      await away(
        () => zones.kill(),
        () => zones.start(),
        stand.zones,
      )
      global.freeze()
      await turn.last(3_000)
      global.thaw()
      slowestMs = Math.max(slowestMs, await turn.converged())
      for (const plane of stand.globals) plane.database.cut('reset')
      slowestMs = Math.max(slowestMs, await turn.converged())
      return {
        converged: { ms: slowestMs, boundMs: turn.bound(10_000) },
        alarm,
        figures: [
          'that of the hub restarted and frozen for 3 s, that of the zones killed, each connection of the hub reset in the middle of its work',
        ],
      }
    },
  },
  {
    id: 'F12',
    fault: 'PostgreSQL is read-only; its disk is full',
    asked: asks('✔ ✔ ✔ after_fix_10_s – Y ✔'),
    shape: twoAndTwo,
    standIn: 'a tablespace on a file system of 24 MiB in memory that is full, or a trigger where none may be mounted',
    run: async (turn) => {
      const { stand } = turn
      const global = stand.global()
      await readOnly(global, true)
      const readOnlyWords = await writeRefused(turn, global, `${atHub}read-only-`, (i) => multiZone(`read-only-${i}`))
      await readOnly(global, false)
      const afterReadOnlyMs = await turn.converged()
      const disk = await fullDisk(global, stand.folder)
      let fullWords = ''
      let afterFullMs = 0
      try {
        fullWords = await writeRefused(turn, global, `${atHub}full-`, (i) => multiZone(`full-${i}`))
        await disk.empty()
        afterFullMs = await turn.converged()
      } finally {
        await disk.close()
      }
      return {
        converged: { ms: Math.max(afterReadOnlyMs, afterFullMs), boundMs: turn.bound(10_000) },
        alarm: `${readOnlyWords}; ${fullWords}`,
        figures: [disk.how],
      }
    },
  },
  {
    id: 'F13',
    fault: 'PostgreSQL returns 0 rows for a table (bad search_path)',
    asked: asks('✔ ✔ ✔ never_ready – Y ✔'),
    shape: twoAndTwo,
    own: true,
    run: async (turn) => {
      const { stand } = turn
      const [global, west] = [stand.global(), stand.zone('west')]
      const before = await stored(west, 'steady-')
      await turn.watch.pace.rest()
      await byHand(
        global.url,
        'alter table resources rename to resources_away; create table resources (like resources_away including all)',
      )
      const alarm = await toldUnready(turn, stand.globals)
      // One that starts into it is never ready either.
      await global.process.kill()
      await global.process.begin()
      await turn.last(5_000)
      const during = await stored(west, 'steady-')
      const { ready } = await readinessOf(global).catch(() => ({ ready: false }))
      // In another schema nothing is in sight, and nothing is made there.
      await byHand(
        global.url,
        'drop table resources; alter table resources_away rename to resources; create schema elsewhere',
      )
      const astray = `${global.url}?options=${encodeURIComponent('-c search_path=elsewhere')}`
      const other = await stand.globalProcess('global-astray', astray)
      const status = await other.ended(60_000)
      const made = await byHand(
        global.url,
        "select from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'elsewhere'",
      )
      await byHand(global.url, 'drop schema elsewhere')
      await turn.until('the hub to be ready', async () => (await readinessOf(global)).ready)
      turn.watch.pace.go()
      const everywhereMs = await turn.converged()
      return {
        alarm,
        figures: [
          `with another search_path it ends with status ${status} and has made ${made.length} tables`,
          `a change everywhere ${Math.round(everywhereMs)} ms after`,
        ],
        wrong: {
          Q: ready ? ['a hub was ready on an empty table'] : [],
          D: JSON.stringify(before) === JSON.stringify(during) ? [] : ['a zone has lost services'],
          W:
            status === 1 && made.length === 0
              ? []
              : [`with another search_path: status ${status}, ${made.length} tables`],
        },
      }
    },
  },
  {
    id: 'F15',
    fault: 'a pooler drops LISTEN',
    asked: asks('✔ ✔ ✔ 1_s_poll – N ✔'),
    shape: { ...twoAndTwo, redis: false },
    own: true,
    quick: true,
    standIn: "a proxy before each hub's database lets everything through but notifications",
    prepare: async (stand) => {
      const filter = stand.own(await startNotifyFilter(stand.clusters.global.port))
      filters.set(stand, filter)
      for (const plane of stand.globals) {
        plane.database.retarget(filter.port)
        plane.database.cut('reset')
      }
      // Each zone at another hub: what one does reaches the other only by the log.
      for (const [i, zone] of stand.zones.entries()) {
        await zone.links[1 - i]?.refuse()
        zone.links[1 - i]?.cut('reset')
      }
      await stand.inStep()
    },
    run: async (turn) => {
      const { stand } = turn
      const [east, west] = [stand.zone('east'), stand.zone('west')]
      let slowestMs = 0
      for (let i = 1; i <= 10; i++) {
        await putService(east, 'hinted', i)
        slowestMs = Math.max(
          slowestMs,
          await turn.timed(() =>
            turn.until('west to have it', async () => (await stored(west, 'hinted'))[0]?.port === i),
          ),
        )
      }
      return {
        converged: { ms: slowestMs, boundMs: turn.bound(1_000) },
        figures: [`${filters.get(stand)?.dropped() ?? 0} notifications were dropped`],
        wrong: { Q: (filters.get(stand)?.dropped() ?? 0) > 0 ? [] : ['no notification was dropped'] },
      }
    },
  },
  {
    id: 'F42',
    fault: 'a transaction stays open for long and holds what others need',
    found:
      'whoever waited for the head waited for ever, and nobody said for whom; `packages/store/src/pg/writer.pg.test.ts`',
    asked: asks('✔ ✔ ✔ lag_alarm – Y ✔'),
    shape: twoAndTwo,
    run: async (turn) => {
      const { stand } = turn
      const global = stand.global()
      const horizon = await holdTransaction(global.url, 'select pg_current_xact_id()')
      const besideMs = await turn.converged()
      await horizon.close()
      const head = await holdTransaction(global.url, 'select from store_head for update')
      let alarm: string
      try {
        alarm = await writeRefused(turn, global, `${atHub}waits-`, (i) => multiZone(`waits-${i}`))
      } finally {
        await head.close()
      }
      const afterMs = await turn.converged()
      return {
        alarm,
        figures: [
          `beside one that only holds the horizon a change was everywhere after ${Math.round(besideMs)} ms`,
          `after one that held the head of the log, ${Math.round(afterMs)} ms`,
        ],
        converged: { ms: Math.max(besideMs, afterMs), boundMs: turn.bound(10_000) },
      }
    },
  },
]
