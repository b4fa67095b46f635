import { asks, type Row } from '../row.js'
import { answer, peersOf, putService, readinessOf, stored } from '../stand/plane.js'
import { twoAndTwo } from '../stand/stand.js'

export const zoneRows: readonly Row[] = [
  {
    id: 'F16',
    fault: 'kill -9 of a zone control plane',
    asked: asks('✔ ✔ ✔ 5_s 2_KiB N ✔_proxies'),
    shape: twoAndTwo,
    quick: true,
    run: async (turn) => {
      const east = turn.stand.zone('east')
      let slowestMs = 0
      const killed = async (isQuiet: boolean): Promise<number> => {
        await east.process.kill()
        await east.process.start()
        let bytes = 0
        const tookMs = await turn.timed(async () => {
          if (isQuiet) bytes = (await turn.proven(east, '')).bytesToProven ?? 0
          else await turn.reconnected(east, '')
        })
        slowestMs = Math.max(slowestMs, tookMs)
        return bytes
      }
      let bytes = 0
      const quiet = await turn.quietly(async () => {
        bytes = await killed(true)
      })
      await killed(false)
      const everywhereMs = await turn.converged()
      return {
        converged: { ms: slowestMs, boundMs: turn.bound(5_000) },
        bytes: { most: bytes, bound: 2 * 1024 },
        figures: ['from ready to in step', `a change everywhere after ${Math.round(everywhereMs)} ms`],
        wrong: { W: quiet.wrong },
      }
    },
  },
  {
    id: 'F17',
    fault: 'a zone control plane starts while the hub is down',
    asked: asks('✔ ✔ ✔ – – Y_stale ✔'),
    shape: twoAndTwo,
    quick: true,
    run: async (turn) => {
      const { stand } = turn
      const [east, west] = [stand.zone('east'), stand.zone('west')]
      await Promise.all(stand.globals.map(({ process }) => process.kill()))
      await east.process.kill()
      await east.process.start()
      const { ready, words } = await readinessOf(east)
      const client = turn.watch.clients.get('east')
      let answersAll = false
      await turn.until('all names to be answered', async () => {
        answersAll = (await client?.answersAll()) === true
        return answersAll
      })
      await putService(east, 'made-alone')
      const [alone] = await stored(east, 'made-alone')
      const [peer] = await peersOf(east)
      const alarm =
        peer?.lastError ?? (peer?.connected === false ? 'the zone says that it is not connected' : undefined)
      for (const global of stand.globals) await global.process.start()
      await turn.until('west to have what was made alone', async () => {
        const [there] = await stored(west, 'made-alone')
        return there !== undefined && there.vips === alone?.vips
      })
      await answer(east, 'DELETE', '/meshes/default/meshservices/made-alone')
      return {
        alarm,
        figures: ['a service that was made meanwhile has the same VIP everywhere'],
        wrong: {
          L: ready ? [] : [`the zone is not ready: ${words}`],
          V: alone?.vips === '' ? ['no VIP was given'] : [],
        },
      }
    },
  },
]
