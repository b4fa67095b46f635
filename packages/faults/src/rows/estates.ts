import { byHand } from '@holdfast/store/testing'
import { asks, type Row } from '../row.js'
import { applyServices, putService, stored } from '../stand/plane.js'
import { twoAndTwo } from '../stand/stand.js'
import { lastWords } from './identities.js'

const count = 40

export const estateRows: readonly Row[] = [
  {
    id: 'F32',
    fault: 'a zone is taken out of service while it syncs',
    found:
      '`vip verify` was never complete again after a zone was taken out of service; `packages/api/src/routes/vips.test.ts`',
    asked: asks('tomb. ✔ cascade_only 2_s – N –'),
    shape: twoAndTwo,
    run: async (turn) => {
      const { stand } = turn
      const west = stand.zone('west')
      const north = await stand.addZone('north')
      await turn.session(north)
      const names = Array.from({ length: count }, (_, i) => `northern-${i}`)
      await applyServices(north, names)
      // A zone has its first block a moment after its first services: what has no address yet leaves none behind.
      await turn.until('west to have them with their addresses', async () => {
        const there = await stored(west, 'northern-')
        return there.length === count && there.every(({ vips }) => vips !== '' && vips !== null)
      })
      const before = await stored(west, 'northern-')
      // In the middle of a burst; a zone that is connected cannot be taken out of service.
      const burst = Promise.allSettled(names.map((name) => putService(north, name, 81)))
      await north.process.kill()
      await burst
      await turn.until('the hub to let it go', () =>
        stand.ctl(['zone', 'decommission', 'north', '--yes']).then(
          () => true,
          () => false,
        ),
      )
      const tookMs = await turn.timed(() =>
        turn.until('west to have none of its services', async () => (await stored(west, 'northern-')).length === 0),
      )
      stand.forget(north)
      const resting = await byHand<{ n: string }>(
        stand.global().url,
        "select count(*) as n from vip_ledger where starts_with(display_name, 'northern-') and family = 4 and state <> 'active'",
      )
      const everywhereMs = await turn.converged()
      return {
        converged: { ms: tookMs, boundMs: turn.bound(2_000) },
        figures: [
          `${before.length} services are gone, ${resting[0]?.n} addresses rest`,
          `a change everywhere after ${Math.round(everywhereMs)} ms`,
        ],
        wrong: { V: Number(resting[0]?.n) >= count ? [] : [`only ${resting[0]?.n} of ${count} addresses rest`] },
      }
    },
  },
  {
    id: 'F33',
    fault: 'a zone gets another name, or moves to another hub',
    asked: asks('✔ plan_only ✔ plan – N ✔'),
    shape: twoAndTwo,
    own: true,
    run: async (turn) => {
      const { stand, watch } = turn
      const east = stand.zone('east')
      const other = await stand.process(
        'east-renamed',
        'north',
        east.url,
        ['--join', await stand.bundle('north', east.links)],
        east.links,
        { wait: false },
      )
      const status = await other.process.ended(120_000)
      const words = lastWords(other)
      await watch.pace.rest()
      const plan = (await stand.ctl(['zone', 'federate'], east)).trim().split('\n')[0] ?? ''
      watch.pace.go()
      const everywhereMs = await turn.converged()
      return {
        figures: [
          words,
          `federate says: ${plan.slice(0, 120)}`,
          `a change everywhere after ${Math.round(everywhereMs)} ms`,
        ],
        wrong: {
          Q:
            status === 1 && /belongs to zone east/.test(words)
              ? []
              : [`another name was answered with status ${status}: ${words}`],
        },
      }
    },
  },
]
