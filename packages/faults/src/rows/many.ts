import { startTcpProxy } from '@holdfast/testkit'
import { ManyZones } from '../many/many-zones.js'
import { asks, type Row, type Seen } from '../row.js'
import { ask, peersOf, putService } from '../stand/plane.js'
import { type Shape, twoAndTwo } from '../stand/stand.js'
import type { Turn } from '../turn.js'

const shape: Shape = { ...twoAndTwo, globals: 1, redis: false, tls: false }

/** Each is told of the blocks of each: quadratic, and no part of what is measured. */
const joinTimeoutMs = 1_800_000

async function crowd(turn: Turn, count: number) {
  const { stand } = turn
  const cable = stand.own(await startTcpProxy({ targetPort: stand.global().process.ports.kds ?? 0 }))
  const zones = stand.own(await ManyZones.start(count, [`grpc://127.0.0.1:${cable.port}`], stand.signal))
  /** They are gone for good: nobody waits for them any more. */
  const leave = async (): Promise<void> => {
    await zones.close()
    for (const name of zones.names)
      await turn.until(`${name} to be let go`, async () => {
        await ask(stand.global(), 'POST', `/_holdfast/zones/${name}/decommission`, {})
        return true
      })
  }
  return { cable, zones, leave }
}

export const manyRows: readonly Row[] = [
  {
    id: 'F34',
    fault: '500 zones reconnect at once',
    asked: asks('✔ ✔ ✔ 10_s 1_MB_total N ✔'),
    shape,
    own: true,
    standIn:
      "zones are the product's runtime over real sockets with stores in memory, in one process; 100 of them unless `--full`, which joins them while the writers rest",
    run: async (turn: Turn): Promise<Seen> => {
      const count = turn.full ? 500 : 100
      // What is changed would be told to each of them in the one process that they share.
      if (turn.full) await turn.watch.pace.rest()
      const { cable, zones, leave } = await crowd(turn, count)
      await turn.until(
        'all of them to be proven',
        async () => {
          const { proven, sessions } = await zones.state()
          return proven === count && sessions >= count
        },
        joinTimeoutMs,
      )
      await turn.watch.pace.rest()
      // What is leased to one is told to all: nothing of that may be left to say when they are cut.
      await turn.until(
        'all of them to know the blocks of all',
        async () => {
          const { items } = await ask<{ readonly items: readonly { readonly zone: string | null }[] }>(
            turn.stand.global(),
            'GET',
            '/_holdfast/vips/blocks',
          )
          const owners = new Set(items.map(({ zone }) => zone))
          return zones.names.every((name) => owners.has(name)) && (await zones.state()).blocks === items.length
        },
        joinTimeoutMs,
      )
      await turn.watch.settle(180_000)
      const before = (await zones.state()).sessions
      const tookMs = await turn.timed(async () => {
        cable.cut('reset')
        await turn.until(
          'all of them to be proven again',
          async () => {
            const { proven, sessions } = await zones.state()
            return proven === count && sessions >= before + count
          },
          600_000,
        )
      })
      const { bytesOfLast } = await zones.state()
      await leave()
      turn.watch.pace.go()
      return {
        converged: { ms: tookMs, boundMs: turn.bound(10_000) },
        bytes: { most: bytesOfLast, bound: 1024 * 1024 },
        figures: [`${count} zones`],
      }
    },
  },
  {
    id: 'F43',
    fault: 'a slow zone among 100 fast ones',
    asked: asks('✔ ✔ ✔ others_unaffected – Y_slow ✔'),
    shape,
    own: true,
    standIn:
      "the fast ones are the product's runtime with stores in memory, in one process; the slow one is real, behind 1 KiB a second",
    run: async (turn) => {
      const { stand } = turn
      const [east, west] = [stand.zone('east'), stand.zone('west')]
      const { zones, leave } = await crowd(turn, 100)
      await turn.until('all of them to be proven', async () => (await zones.state()).proven === 100, joinTimeoutMs)
      const round = async (i: number): Promise<number> => {
        await Promise.all(Array.from({ length: 10 }, (_, k) => putService(west, `flood-${k}`, i)))
        return turn.timed(() =>
          turn.until('the fast ones to have it', async () => (await zones.versionOf('flood-0', 'west')) >= i),
        )
      }
      // What it takes a hundred in one process, with nobody slow among them.
      let withoutMs = 0
      for (let i = 1; i <= 20; i++) withoutMs = Math.max(withoutMs, await round(i))
      for (const link of east.links) link.shape({ bytesPerSecond: 1_024 })
      let lagMs = 0
      let slowestMs = 0
      for (let i = 21; i <= 40; i++) {
        slowestMs = Math.max(slowestMs, await round(i))
        for (const peer of await peersOf(stand.global()))
          if (peer.peer === 'east')
            for (const channel of peer.channels) lagMs = Math.max(lagMs, 1_000 * (channel.lagSeconds ?? 0))
      }
      for (const link of east.links) link.shape({ bytesPerSecond: undefined })
      await leave()
      return {
        converged: { ms: slowestMs, boundMs: Math.max(turn.bound(2_000), 2 * withoutMs) },
        alarm: lagMs > 0 ? `the hub says that the slow one is ${lagMs} ms behind` : undefined,
        figures: [
          `Q is that of the slowest of the fast ones; with nobody slow among them it was ${Math.round(withoutMs)} ms`,
        ],
      }
    },
  },
]
