import { byHand } from '@holdfast/store/testing'
import { asks, type Row } from '../row.js'
import { metric, type Plane, putService } from '../stand/plane.js'
import { twoAndTwo } from '../stand/stand.js'

const pending = async (plane: Plane): Promise<readonly string[]> =>
  (
    await byHand<{ words: string }>(
      plane.url,
      `select display_name || ': ' || pending_reason as words from resources
       where type = 'MeshService' and pending_reason is not null and not deleted order by 1`,
    )
  ).map(({ words }) => words)

export const poolRows: readonly Row[] = [
  {
    id: 'F37',
    fault: 'the pool of VIPs is exhausted',
    found: 'some gauges showed what was so at the scrape before; `packages/cp/src/store-metrics.test.ts`',
    asked: asks('✔ ✔ ✔ Pending – Y ✔'),
    // Two blocks, one for each zone.
    shape: { ...twoAndTwo, globalFlags: ['--vip-pool', 'MeshService=241.200.0.0/19'] },
    own: true,
    run: async (turn) => {
      const { stand } = turn
      const north = await stand.addZone('north')
      await turn.session(north)
      await putService(north, 'too-late')
      let words: readonly string[] = []
      await turn.until('its service to wait', async () => {
        words = await pending(north)
        return words.length === 1
      })
      const gauge = await metric(north, 'holdfast_vips_pending')
      await turn.converged(stand.zones.filter((zone) => zone !== north))
      await north.process.kill()
      stand.forget(north)
      await stand.ctl(['zone', 'decommission', 'north', '--yes'])
      return {
        alarm: gauge > 0 ? `holdfast_vips_pending is ${gauge}; ${words[0]}`.slice(0, 160) : undefined,
        figures: ['the third zone got no block; the other two went on'],
      }
    },
  },
  {
    id: 'F38',
    fault: 'the pool is enlarged: a second pool',
    found: 'there was no way to add a pool; `holdfastctl vip pool add`, `packages/store/src/conformance/pools.ts`',
    asked: asks('✔ ✔ ✔ – – N ✔'),
    shape: { ...twoAndTwo, globalFlags: ['--vip-pool', 'MeshService=241.200.0.0/19'] },
    own: true,
    run: async (turn) => {
      const { stand } = turn
      const second = '241.208.0.0/16'
      // A third zone before it: its service waits, and nobody touches it again.
      const north = await stand.addZone('north')
      await turn.session(north)
      await putService(north, 'in-time')
      await turn.until('its service to wait', async () => (await pending(north)).length === 1)
      await stand.ctl(['vip', 'pool', 'add', `MeshService=${second}`, '--yes'])
      let vips: readonly { address: string }[] = []
      await turn.until('its service to have an address', async () => {
        vips = await byHand(
          north.url,
          "select address::text as address from vip_ledger where display_name = 'in-time' and family = 4",
        )
        return vips.length === 1
      })
      await turn.converged()
      await north.process.kill()
      stand.forget(north)
      await stand.ctl(['zone', 'decommission', 'north', '--yes'])
      const address = vips[0]?.address ?? ''
      return {
        figures: [`a third zone got ${address}`],
        wrong: { V: address.startsWith('241.208.') ? [] : [`the third zone got ${address}`] },
      }
    },
  },
]
