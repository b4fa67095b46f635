import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { shifted } from '@holdfast/testkit'
import { logged } from '../judge.js'
import { asks, type Row } from '../row.js'
import { type Plane, sessionOf } from '../stand/plane.js'
import { type Stand, twoAndTwo } from '../stand/stand.js'
import type { Turn } from '../turn.js'

const dayMs = 24 * 3_600_000
const certified = /global has certified the name of this zone/

const said = (plane: Plane, fromByte: number, words: RegExp): string | undefined =>
  plane.process.log(fromByte).find(({ msg }) => words.test(msg))?.msg

/** A zone's process is started with a clock that is past the half of its certificate: it asks for another one. */
async function renewed(turn: Turn, zone: Plane): Promise<void> {
  const { stand } = turn
  const fromByte = zone.process.logBytes
  await zone.process.stop()
  await zone.process.start({ env: shifted(stand.folder, 4 * dayMs) })
  await turn.until(`${zone.name} to have a new certificate`, () => said(zone, fromByte, certified) !== undefined)
  await zone.process.stop()
  await zone.process.start()
  await turn.session(zone)
}

const bundleOf = (file: string): { token: string; authorities: string; addresses: readonly string[] } =>
  JSON.parse(readFileSync(file, 'utf8'))

/** What a process has said on its standard error when it gave up. */
export const lastWords = (plane: Plane): string =>
  (/^holdfast \w+: (.*)$/m.exec(plane.process.lastLog(200))?.[1] ?? plane.process.lastLog(3)).slice(0, 240)

/** A process that may not join. @returns the words with which it ends */
async function refused(stand: Stand, name: string, zone: string, flags: readonly string[]): Promise<string> {
  const url = await stand.clusters.zones.database(name)
  const plane = await stand.process(name, zone, url, flags, [], { wait: false })
  const status = await plane.process.ended(120_000)
  if (status !== 1) throw new Error(`${name} ended with ${status}, not with 1`)
  return lastWords(plane)
}

export const identityRows: readonly Row[] = [
  {
    id: 'F29',
    fault: "a zone's certificate expires",
    asked: asks('✔ ✔ ✔ renew_or_reject – Y ✔'),
    shape: twoAndTwo,
    own: true,
    standIn: "the zone's clock is moved by a preloaded Date: by 4 days it renews, by 8 it has nothing to show",
    run: async (turn) => {
      const { stand } = turn
      const east = stand.zone('east')
      await renewed(turn, east)
      const fromByte = east.process.logBytes
      await east.process.kill()
      await east.process.start({ env: shifted(stand.folder, 8 * dayMs) })
      let alarm: string | undefined
      await turn.until('east to say that it is not let in', async () => {
        alarm = (await sessionOf(east))?.lastError ?? logged(east, fromByte, /expired|does not let|certificate/)
        return alarm !== undefined
      })
      const isServed = (await turn.watch.clients.get('east')?.answersAll()) === true
      await east.process.kill()
      await east.process.start()
      await turn.session(east)
      const everywhereMs = await turn.converged()
      return {
        alarm: alarm?.slice(0, 160),
        figures: ['renewed at half of its life', `a change everywhere after ${Math.round(everywhereMs)} ms`],
        wrong: { L: isServed ? [] : ['names were not answered while it was not let in'] },
      }
    },
  },
  {
    id: 'F30',
    fault: 'rotation of the authority: old, both, new',
    asked: asks('✔ ✔ ✔ 0_resets – N ✔'),
    shape: twoAndTwo,
    own: true,
    run: async (turn) => {
      const { stand } = turn
      const sessions = (): Promise<readonly string[]> => Promise.all(stand.zones.map((zone) => turn.session(zone)))
      let resets = 0
      const words: string[] = []
      // As an operator does it (docs/identity.md); after each step everybody connects anew, and is let in.
      for (const step of ['begin', 'switch', 'finish']) {
        const before = await sessions()
        words.push((await stand.ctl(['rotate', 'authority', step])).trim().split('\n')[0] ?? '')
        await turn.last(2_000)
        const after = await sessions()
        resets += after.filter((session, i) => session !== before[i]).length
        for (const zone of stand.zones) for (const link of zone.links) link.cut('fin')
        for (const [i, zone] of stand.zones.entries()) await turn.reconnected(zone, after[i] ?? '')
      }
      const everywhereMs = await turn.converged()
      return {
        figures: [
          `${resets} sessions ended by the rotation itself`,
          ...words.map((text) => text.slice(0, 80)),
          `a change everywhere after ${Math.round(everywhereMs)} ms`,
        ],
        wrong: { Q: resets === 0 ? [] : [`${resets} sessions were ended by the rotation`] },
      }
    },
  },
  {
    id: 'F31',
    fault: 'a forged name of a zone; a token is used again',
    asked: asks('✔ ✔ ✔ rejected – Y_sec ✔'),
    shape: twoAndTwo,
    run: async (turn) => {
      const { stand } = turn
      const [east] = stand.zones
      const fromBytes = stand.globals.map(({ process }) => process.logBytes)
      const file = await stand.bundle('east', east?.links ?? [])
      const { token, authorities, addresses } = bundleOf(file)
      const [ca, tokenFile] = [join(stand.folder, 'ca.pem'), join(stand.folder, 'token')]
      writeFileSync(ca, authorities)
      writeFileSync(tokenFile, token)
      const forged = await refused(stand, 'forger', 'north', [
        ...['--global-address', addresses[0] ?? '', '--global-ca-file', ca, '--zone-token-file', tokenFile],
      ])
      // The same bundle with another store: the name has one already.
      const replayed = await refused(stand, 'replayer', 'east', ['--join', file])
      const alarm = stand.globals
        .map((global, i) => logged(global, fromBytes[i] ?? 0, /was not let in|refused|stranger/))
        .find((words) => words !== undefined)
      const everywhereMs = await turn.converged()
      return {
        alarm,
        figures: [forged, replayed, `a change everywhere after ${Math.round(everywhereMs)} ms`],
        wrong: {
          Q: /token is not that of zone/.test(forged) ? [] : [`the forger was told ${forged}`],
          V: /belongs to the store|zone adopt/.test(replayed)
            ? []
            : [`whoever used the token again was told ${replayed}`],
        },
      }
    },
  },
]
