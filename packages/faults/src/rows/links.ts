import { asks, type Row, type Seen } from '../row.js'
import type { Plane } from '../stand/plane.js'
import { peersOf, putService, stored } from '../stand/plane.js'
import { twoAndTwo } from '../stand/stand.js'
import type { Turn } from '../turn.js'

const kib = 1024

/** Ends a zone's session once with nothing to be said and some times under writes, and waits until it is back. */
async function ended(turn: Turn, how: (zone: Plane) => void, times: number, boundMs: number): Promise<Seen> {
  const { zones } = turn.stand
  let slowestMs = 0
  let most = 0
  const quiet = await turn.quietly(async () => {
    for (const zone of zones) {
      const before = await turn.session(zone)
      const tookMs = await turn.timed(async () => {
        how(zone)
        most = Math.max(most, (await turn.proven(zone, before)).bytesToProven ?? 0)
      })
      slowestMs = Math.max(slowestMs, tookMs)
    }
  })
  let everywhereMs = 0
  for (let i = 0; i < times; i++) {
    const before = await Promise.all(zones.map((zone) => turn.session(zone)))
    const tookMs = await turn.timed(async () => {
      for (const zone of zones) how(zone)
      for (const [k, zone] of zones.entries()) await turn.reconnected(zone, before[k] ?? '')
      await turn.converged()
    })
    everywhereMs = Math.max(everywhereMs, tookMs)
  }
  return {
    converged: { ms: slowestMs, boundMs: turn.bound(boundMs) },
    bytes: { most, bound: 2 * kib },
    figures: [
      `${zones.length * (times + 1)} sessions ended`,
      `under writes a change was everywhere after ${Math.round(everywhereMs)} ms`,
    ],
    wrong: { W: quiet.wrong },
  }
}

export const linkRows: readonly Row[] = [
  {
    id: 'F01',
    fault: 'TCP RST between zone and hub',
    found:
      'a client of the API that went away before it was answered was an error of ours in the log; `packages/api/src/client-gone.test.ts`',
    asked: asks('✔ ✔ ✔ 3_s 2_KiB N ✔'),
    shape: twoAndTwo,
    quick: true,
    run: (turn) =>
      ended(
        turn,
        (zone) => {
          for (const link of zone.links) link.cut('reset')
        },
        3,
        3_000,
      ),
  },
  {
    id: 'F03',
    fault: 'packets are dropped one way (half-open), 60 s',
    asked: asks('✔ ✔ ✔ hb×3 2_KiB Y_lag ✔'),
    shape: twoAndTwo,
    standIn: 'the proxy holds back what goes to the hub',
    run: async (turn) => {
      const east = turn.stand.zone('east')
      const before = await turn.session(east)
      const noticedMs = await turn.timed(async () => {
        for (const link of east.links) link.freeze('toTarget')
        await turn.until('east to notice', async () => {
          const [peer] = await peersOf(east)
          return peer?.connected !== true || peer.sessionId !== before
        })
      })
      const [peer] = await peersOf(east)
      const alarm =
        peer?.lastError ?? (peer?.connected === false ? 'the zone says that it is not connected' : undefined)
      await turn.last(turn.full ? 45_000 : 3_000)
      for (const link of east.links) await link.restore()
      await turn.reconnected(east, before)
      const everywhereMs = await turn.converged()
      const [session] = await peersOf(east)
      return {
        converged: { ms: noticedMs, boundMs: turn.bound(15_000) },
        bytes: { most: session?.bytesToProven ?? 0, bound: 64 * kib },
        alarm,
        figures: [
          `noticed after ${Math.round(noticedMs)} ms`,
          `a change everywhere ${Math.round(everywhereMs)} ms after it was over`,
          'bytes with the changes of meanwhile',
        ],
      }
    },
  },
  {
    id: 'F04',
    fault: '200 ms latency and 2 % loss for 10 min, with 100 changes a second',
    asked: asks('✔ ✔ ✔ lag<5_s – N ✔'),
    shape: twoAndTwo,
    standIn:
      'the proxy delays by 200 ms and holds everything back for 300 ms at a time, as a lost segment does until it is sent again; 60 s unless `--full`',
    run: async (turn) => {
      const { zones } = turn.stand
      const links = zones.flatMap((zone) => zone.links)
      for (const link of links) link.shape({ latencyMs: 200 })
      const endMs = performance.now() + (turn.full ? 600_000 : 45_000)
      let slowestMs = 0
      let stalls = 0
      let changes = 0
      const [east] = zones
      while (performance.now() < endMs) {
        // Eighty beside the twenty of the writers.
        for (let i = 0; i < 80 && east !== undefined; i += 8) {
          await Promise.all(
            Array.from({ length: 8 }, (_, k) => putService(east, `busy-${i + k}`, 1 + (changes++ % 60_000))),
          )
          await turn.last(50)
        }
        for (const link of links) link.freeze()
        await turn.last(300)
        for (const link of links) await link.restore()
        stalls++
        slowestMs = Math.max(slowestMs, await turn.converged())
      }
      for (const link of links) link.shape({ latencyMs: 0 })
      return {
        converged: { ms: slowestMs, boundMs: turn.bound(5_000) },
        figures: [`${stalls} stalls of 300 ms`, `${changes} changes beside the writers'`],
      }
    },
  },
  {
    id: 'F05',
    fault: 'bandwidth 64 kbit/s',
    asked: asks('✔ ✔ ✔ bounded – Y_slow ✔'),
    shape: twoAndTwo,
    run: async (turn) => {
      const { stand } = turn
      const [east, west] = [stand.zone('east'), stand.zone('west')]
      for (const link of east.links) link.shape({ bytesPerSecond: 8_000 })
      for (let i = 0; i < 200; i += 20)
        await Promise.all(Array.from({ length: 20 }, (_, k) => putService(west, `wide-${i + k}`)))
      let lagMs = 0
      const arrivedMs = await turn.timed(() =>
        turn.until('east to have all', async () => {
          const peers = (await Promise.all(stand.globals.map(peersOf))).flat()
          for (const peer of peers)
            if (peer.peer === 'east')
              for (const channel of peer.channels) lagMs = Math.max(lagMs, 1_000 * (channel.lagSeconds ?? 0))
          return (await stored(east, 'wide-')).length === 200
        }),
      )
      for (const link of east.links) link.shape({ bytesPerSecond: undefined })
      return {
        converged: { ms: arrivedMs, boundMs: turn.bound(60_000) },
        alarm: lagMs > 0 ? `the hub says that it is ${lagMs} ms behind` : undefined,
        figures: [`200 services in ${Math.round(arrivedMs)} ms`],
      }
    },
  },
  {
    id: 'F06',
    fault: 'a balancer moves the stream to the other replica',
    asked: asks('✔ ✔ ✔ 3_s 4_KiB N ✔'),
    shape: twoAndTwo,
    quick: true,
    run: async (turn) => {
      const { stand } = turn
      const ports = stand.globals.map(({ process }) => process.ports.kds ?? 0)
      let way = 0
      const seen = await ended(
        turn,
        (zone) => {
          const port = ports[++way % ports.length] ?? 0
          for (const link of zone.links) {
            link.retarget(port)
            link.cut('fin')
          }
        },
        2,
        3_000,
      )
      // Each cable leads to its own hub again, and the session that it carries too: rows after this one tell hubs by cables.
      for (const zone of stand.zones) {
        const before = await turn.session(zone)
        for (const [i, link] of zone.links.entries()) {
          link.retarget(ports[i] ?? 0)
          link.cut('fin')
        }
        await turn.reconnected(zone, before)
      }
      return { ...seen, bytes: { most: seen.bytes?.most ?? 0, bound: 4 * kib } }
    },
  },
]
