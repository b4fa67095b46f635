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
    asked: asks('✔ ✔ ✔ – – N ✔'),
    shape: { ...twoAndTwo, globalFlags: ['--vip-pool', 'MeshService=241.200.0.0/19'] },
    own: true,
    standIn: 'the second pool is written into the table by hand: there is no command for it yet',
    run: async (turn) => {
      const { stand } = turn
      const global = stand.global()
      const [row] = await byHand<{ text: string }>(
        global.url,
        "select to_jsonb(p)::text as text from vip_pools p where kind = 'MeshService' and family = 4",
      )
      const pool = JSON.parse(row?.text ?? '{}') as Record<string, unknown>
      const added = { ...pool, cidr: '241.208.0.0/16', ...(typeof pool.id === 'string' ? { id: `${pool.id}-2` } : {}) }
      await byHand(global.url, 'insert into vip_pools select * from jsonb_populate_record(null::vip_pools, $1)', [
        JSON.stringify(added),
      ])
      const north = await stand.addZone('north')
      await turn.session(north)
      await putService(north, 'in-time')
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
