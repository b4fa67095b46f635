import { byHand } from '@holdfast/store/testing'
import { logged } from '../judge.js'
import { asks, type Row } from '../row.js'
import { peersOf, putService, serviceBody, stored } from '../stand/plane.js'
import { twoAndTwo } from '../stand/stand.js'
import { fullDisk } from '../stand/tiny-disk.js'
import { rewritten, steadyRows } from '../watch/steady.js'
import { writeRefused } from './databases.js'

const patientMs = 180_000

export const storeRows: readonly Row[] = [
  {
    id: 'F18',
    fault: "a zone's store is wiped",
    asked: asks('✔ full ✔ N-bound snapshot Y –'),
    shape: twoAndTwo,
    own: true,
    mayRewrite: true,
    run: async (turn) => {
      const { stand, watch } = turn
      const [east, west] = [stand.zone('east'), stand.zone('west')]
      await watch.pace.rest()
      await watch.settle(patientMs)
      const before = await stored(west, '')
      const fromByte = east.process.logBytes
      await east.process.kill()
      await stand.clusters.zones.wipe(east.url)
      await east.process.begin()
      let words: string | undefined
      await turn.until('the new store to be refused', () => {
        words = /[^"]*zone adopt east[^"]*/.exec(east.process.lastLog(200))?.[0]
        return words !== undefined
      })
      await east.process.kill()
      await stand.ctl(['zone', 'adopt', 'east', '--yes'])
      let bytes = 0
      const tookMs = await turn.timed(async () => {
        await east.process.start()
        bytes = (await turn.proven(east, '')).bytesToProven ?? 0
        await watch.settle(patientMs)
      })
      const after = await stored(east, '')
      watch.pace.go()
      return {
        converged: { ms: tookMs, boundMs: turn.bound(30_000) },
        bytes: { most: bytes, bound: 4 * 1024 * after.length + 256 * 1024 },
        alarm: words?.slice(0, 160) ?? logged(east, fromByte, /adopt/),
        figures: [`${after.length} services are there again, from the start of the process`],
        wrong: {
          V:
            JSON.stringify(before) === JSON.stringify(after)
              ? []
              : ['services of the new store are others than before'],
        },
      }
    },
  },
  {
    id: 'F19',
    fault: "a row of a zone's store is corrupted silently",
    asked: asks('✔ 1_row ✔ 10_s 5_KiB Y ✔'),
    shape: { ...twoAndTwo, zoneFlags: ['--scrub-rows-per-second', '5000'] },
    own: true,
    mayRewrite: true,
    standIn: 'the row is changed by hand, and no trigger sees it',
    run: async (turn) => {
      const { stand } = turn
      const east = stand.zone('east')
      const victim = 'steady-west-1'
      const contents = async (): Promise<string> =>
        JSON.stringify(
          await byHand(
            east.url,
            "select encode(spec, 'hex') as spec, labels, encode(vips, 'hex') as vips from resources where display_name = $1 and type = 'MeshService'",
            [victim],
          ),
        )
      const [before, rows, fromByte] = [await contents(), await steadyRows(east), east.process.logBytes]
      const sentBefore = east.links.reduce((sum, link) => sum + link.counts().bytesFromTarget, 0)
      await byHand(
        east.url,
        `set session_replication_role = replica; update resources set spec = '{"ports":[]}' where display_name = '${victim}' and type = 'MeshService';
         set session_replication_role = origin`,
      )
      let alarm: string | undefined
      const foundMs = await turn.timed(() =>
        turn.until('the scrub to find it', () => {
          alarm = logged(east, fromByte, /scrub|repair|mend|does not match|differs|rot/i)
          return alarm !== undefined
        }),
      )
      const healedMs = await turn.timed(() =>
        turn.until('the row to be as it was', async () => (await contents()) === before),
      )
      const changed = rewritten('east', rows, await steadyRows(east)).filter((words) => !words.includes(victim))
      const bytes = east.links.reduce((sum, link) => sum + link.counts().bytesFromTarget, 0) - sentBefore
      return {
        converged: { ms: healedMs, boundMs: turn.bound(10_000) },
        alarm,
        figures: [
          `found after ${Math.round(foundMs)} ms (a round of the scrub), healed ${Math.round(healedMs)} ms later`,
          `${bytes} bytes on the cable meanwhile, changes of the writers included`,
        ],
        wrong: { W: changed },
      }
    },
  },
  {
    id: 'F20',
    fault: "a zone's disk is full when it stores",
    asked: asks('✔ ✔ ✔ after_fix – Y ✔'),
    shape: twoAndTwo,
    standIn: 'a tablespace on a file system of 24 MiB in memory that is full, or a trigger where none may be mounted',
    run: async (turn) => {
      const { stand } = turn
      const east = stand.zone('east')
      const disk = await fullDisk(east, stand.folder)
      let alarm = ''
      let afterMs = 0
      try {
        alarm = await writeRefused(turn, east, '/meshes/default/meshservices/full-', (i) => serviceBody(`full-${i}`))
        await turn.last(3_000)
        await disk.empty()
        afterMs = await turn.converged()
      } finally {
        await disk.close()
      }
      return {
        converged: { ms: afterMs, boundMs: turn.bound(10_000) },
        alarm,
        figures: [disk.how],
      }
    },
  },
  {
    id: 'F21',
    fault: 'a zone control plane twice under one name (split brain)',
    asked: asks('✔ fenced ✔ newest_wins – Y ✔'),
    shape: twoAndTwo,
    own: true,
    mayRewrite: true,
    standIn: 'a copy of its database with a process of its own',
    run: async (turn) => {
      const { stand, watch } = turn
      const east = stand.zone('east')
      await watch.pace.rest()
      await watch.settle(patientMs)
      await east.process.stop()
      const copy = await stand.clusters.zones.copyOf(east.url)
      await east.process.start()
      await turn.session(east)
      await putService(east, 'after-the-copy')
      await watch.settle(patientMs)
      const fromByte = east.process.logBytes
      const clone = await stand.process(
        'east-clone',
        'east',
        copy,
        ['--join', await stand.bundle('east', east.links)],
        east.links,
      )
      const tookMs = await turn.timed(() => turn.session(clone))
      let alarm: string | undefined
      await turn.until('the first to park', async () => {
        alarm = logged(east, fromByte, /does not let this zone in/)
        return alarm !== undefined
      })
      const [peer] = await peersOf(east)
      await clone.process.stop()
      await turn.session(east)
      await watch.settle(patientMs)
      watch.pace.go()
      return {
        converged: { ms: tookMs, boundMs: turn.bound(30_000) },
        alarm: peer?.lastError?.slice(0, 160) ?? alarm,
        figures: ['the newest was in step, the first parked and took over again when it was gone'],
      }
    },
  },
]
