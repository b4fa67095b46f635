import { type SplittingBalancer, startSplittingBalancer } from '@holdfast/testkit'
import { asks, type Row } from '../row.js'
import type { Plane } from '../stand/plane.js'
import { type Stand, twoAndTwo } from '../stand/stand.js'

const balancers = new WeakMap<Stand, SplittingBalancer>()
/** OK, CANCELLED, DEADLINE_EXCEEDED, UNAVAILABLE. */
const codes = [0, 1, 4, 14] as const
/** A session that stood so long is no failure: whoever loses many in a row waits longer each time, as it should. */
const steadyMs = 11_000
const methods = ['globalToZoneSync', 'zoneToGlobalSync'] as const

/** F02: each of the streams of a session ends by itself, in order or with a status. */
export const channelRow: Row = {
  id: 'F02',
  fault: 'clean FIN or EOF, and each logical channel with each status',
  asked: asks('✔ ✔ ✔ 5_s 2_KiB N ✔'),
  shape: { ...twoAndTwo, globals: 1, redis: false, tls: false },
  own: true,
  standIn: 'a balancer of gRPC streams ends one of them; it has to look into the connection, so without TLS',
  prepare: async (stand) => {
    const port = stand.global().process.ports.kds ?? 0
    const balancer = stand.own(await startSplittingBalancer({ globalToZoneSync: port, zoneToGlobalSync: port }))
    balancers.set(stand, balancer)
    for (const zone of stand.zones)
      for (const link of zone.links) {
        link.retarget(balancer.port)
        link.cut('reset')
      }
    await stand.inStep()
  },
  run: async (turn) => {
    const { stand } = turn
    const balancer = balancers.get(stand)
    let slowestMs = 0
    let most = 0
    const again = async (zone: Plane, how: () => void): Promise<void> => {
      await turn.last(steadyMs)
      const before = await turn.session(zone)
      const tookMs = await turn.timed(async () => {
        how()
        most = Math.max(most, (await turn.proven(zone, before)).bytesToProven ?? 0)
      })
      slowestMs = Math.max(slowestMs, tookMs)
    }
    let ended = 0
    const quiet = await turn.quietly(async () => {
      for (const method of methods)
        for (const code of codes) {
          const [zone] = stand.zones
          if (zone === undefined) return
          await again(zone, () => {
            ended += balancer?.end(method, code) ?? 0
          })
          await stand.inStep()
        }
      for (const zone of stand.zones)
        await again(zone, () => {
          for (const link of zone.links) link.cut('fin')
        })
    })
    const everywhereMs = await turn.converged()
    return {
      converged: { ms: slowestMs, boundMs: turn.bound(5_000) },
      bytes: { most, bound: 2 * 1024 },
      figures: [`${ended} streams ended`, `a change everywhere after ${Math.round(everywhereMs)} ms`],
      wrong: { W: quiet.wrong, Q: ended < methods.length * codes.length ? ['not every stream was ended'] : [] },
    }
  },
}
