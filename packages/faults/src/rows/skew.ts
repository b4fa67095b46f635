import { program } from '@holdfast/testkit'
import { asks, type Row } from '../row.js'
import { type Plane, sessionOf } from '../stand/plane.js'
import { type Shape, twoAndTwo } from '../stand/stand.js'
import type { Turn } from '../turn.js'

/** Everything begins with the version of before, and its own databases. */
const shape: Shape = { ...twoAndTwo, redis: false, starts: 'previous' }
const standIn = 'the version of before is a commit built in a folder of its own (`--previous`)'

/** One process after the other is stopped and started with the program, while changes go on. @returns the longest lag, in ms */
async function rolled(turn: Turn, planes: readonly Plane[], to: string): Promise<number> {
  let slowestMs = 0
  for (const { process } of planes) {
    await process.stop()
    await process.start({ program: to })
    await turn.stand.connected()
    slowestMs = Math.max(slowestMs, await turn.converged())
  }
  return slowestMs
}

const extension = async (turn: Turn): Promise<string> => {
  const sessions = await Promise.all(turn.stand.zones.map(sessionOf))
  return sessions.every((session) => (session?.bytesToProven ?? 0) > 0)
    ? 'each session was proven'
    : 'a session was not proven'
}

export const skewRows: readonly Row[] = [
  {
    id: 'F26',
    fault: 'the hub is of another version than a zone, both ways',
    found:
      'a migration that met a writer of the version before ended with a deadlock, and its process with it; `packages/store/src/migrate/migrate.pg.test.ts`',
    asked: asks('✔ ✔ ✔ 5_s – N ✔'),
    shape,
    own: true,
    standIn,
    run: async (turn) => {
      const { stand } = turn
      const [east] = stand.zones
      // A newer zone at an older hub, with an older zone beside it.
      const newerZoneMs = await rolled(turn, east === undefined ? [] : [east], program)
      const first = await extension(turn)
      // A newer hub, with a newer and an older zone.
      const newerHubMs = await rolled(turn, stand.globals, program)
      return {
        converged: { ms: Math.max(newerZoneMs, newerHubMs), boundMs: turn.bound(5_000) },
        figures: [
          `newer zone, older hub: ${Math.round(newerZoneMs)} ms, ${first}`,
          `newer hub, older zone: ${Math.round(newerHubMs)} ms, ${await extension(turn)}`,
        ],
      }
    },
  },
  {
    id: 'F27',
    fault: 'a rolling upgrade under churn',
    found:
      'a request that a drain cuts off was an error in the log (the version of before still does that); `packages/api/src/client-gone.test.ts`',
    asked: asks('✔ ✔ ✔ lag<2_s – N ✔'),
    shape,
    own: true,
    standIn,
    run: async (turn) => {
      const { stand } = turn
      const hubsMs = await rolled(turn, stand.globals, program)
      const zonesMs = await rolled(turn, stand.zones, program)
      return {
        converged: { ms: Math.max(hubsMs, zonesMs), boundMs: turn.bound(2_000) },
        figures: [`a change everywhere after ${Math.round(hubsMs)} ms (hubs), ${Math.round(zonesMs)} ms (zones)`],
      }
    },
  },
  {
    id: 'F28',
    fault: 'a downgrade after an upgrade',
    asked: asks('✔ ✔ ✔ 5_s – N ✔'),
    shape,
    own: true,
    standIn,
    run: async (turn) => {
      const { stand } = turn
      const before = await stand.previousProgram()
      await rolled(turn, [...stand.zones, ...stand.globals], program)
      const zonesMs = await rolled(turn, stand.zones, before)
      const hubsMs = await rolled(turn, stand.globals, before)
      return {
        converged: { ms: Math.max(hubsMs, zonesMs), boundMs: turn.bound(5_000) },
        figures: ['zones first on the way up, zones first on the way down', await extension(turn)],
      }
    },
  },
]
