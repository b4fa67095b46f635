import { byHand } from '@holdfast/store/testing'
import { asks, type Row } from '../row.js'
import { applyServices, deleteService, isInStep, putService, sessionOf, stored } from '../stand/plane.js'
import { twoAndTwo } from '../stand/stand.js'
import { eachOf } from './resources.js'

/** What the upkeep does after a day, at once. */
const compact = `
  with gone as (
    delete from resources where deleted and offered_entry is null and offered_status_entry is null returning revision
  )
  update store_head set log_from = greatest(log_from, (select max(revision) from gone)) where exists (select from gone)`

export const logRows: readonly Row[] = [
  {
    id: 'F41',
    fault: 'the log is compacted while a zone resumes',
    asked: asks('✔ ✔ ✔ 5_s repair N ✔'),
    shape: twoAndTwo,
    standIn: "the upkeep's own statement by hand, without its waiting for a day",
    run: async (turn) => {
      const { stand, watch } = turn
      const [east, west, global] = [stand.zone('east'), stand.zone('west'), stand.global()]
      const names = Array.from({ length: 200 }, (_, i) => `logged-${i}`)
      // What has vanished from the log is told by its absence, and of that only so much goes without an operator (F36).
      const gone = 10
      const left = names.length - gone
      await applyServices(west, names)
      await turn.until('east to have them', async () => (await stored(east, 'logged-')).length === names.length)
      await watch.pace.rest()
      await watch.settle(180_000)
      for (const link of east.links) {
        await link.refuse()
        link.cut('reset')
      }
      await eachOf(names.slice(0, gone), (name) => deleteService(west, name))
      await eachOf(names.slice(gone), (name) => putService(west, name, 81))
      for (const link of east.links) {
        link.shape({ bytesPerSecond: 20_000 })
        await link.restore()
      }
      let compacted = 0
      const endMs = performance.now() + 120_000
      // At each step of the resume, until it is through.
      while (performance.now() < endMs) {
        const session = await sessionOf(east)
        if (session?.connected === true) {
          await byHand(global.url, compact)
          compacted++
          if (isInStep(session) && (await stored(east, 'logged-')).length === left) break
          for (const link of east.links) link.shape({ bytesPerSecond: undefined })
        }
        await turn.last(50)
      }
      const tookMs = await turn.converged()
      watch.pace.go()
      const there = await stored(east, 'logged-')
      await eachOf(names.slice(gone), (name) => deleteService(west, name))
      return {
        converged: { ms: tookMs, boundMs: turn.bound(5_000) },
        figures: [
          `compacted ${compacted} times`,
          `${(await sessionOf(east))?.bytesToProven ?? 0} bytes until it was proven`,
        ],
        wrong: {
          D:
            there.length === left && there.every(({ port }) => port === 81)
              ? []
              : [`east has ${there.length} of ${left} that were left`],
        },
      }
    },
  },
]
