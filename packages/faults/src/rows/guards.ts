import { byHand } from '@holdfast/store/testing'
import { type PolicyHookServer, startHttpHook } from '@holdfast/testkit'
import { asks, type Row } from '../row.js'
import {
  answer,
  applyServices,
  ask,
  deleteService,
  metric,
  type Plane,
  peersOf,
  putService,
  stored,
} from '../stand/plane.js'
import { type Stand, twoAndTwo } from '../stand/stand.js'
import type { Turn } from '../turn.js'
import { eachOf } from './resources.js'

const hooks = new WeakMap<Stand, PolicyHookServer>()

async function unplug(turn: Turn, zone: Plane): Promise<void> {
  for (const link of zone.links) {
    await link.refuse()
    link.cut('reset')
  }
  await turn.until(`${zone.name} to be away`, async () => (await peersOf(zone)).every(({ connected }) => !connected))
  for (const global of turn.stand.globals)
    await turn.until(`${global.name} to have seen it`, async () =>
      (await peersOf(global)).every(({ peer, connected }) => peer !== zone.name || !connected),
    )
}

const plug = async (zone: Plane): Promise<void> => {
  for (const link of zone.links) await link.restore()
}

export const guardRows: readonly Row[] = [
  {
    id: 'F36',
    fault: 'mass disappearance without tombstones',
    asked: asks('✔ ✔ held op_ack – Y ✔'),
    shape: twoAndTwo,
    standIn: "rows are taken out of the hub's table by hand while their zone is away",
    run: async (turn) => {
      const { stand, watch } = turn
      const [east, west, global] = [stand.zone('east'), stand.zone('west'), stand.global()]
      const names = Array.from({ length: 300 }, (_, i) => `vanish-${i}`)
      await applyServices(east, names)
      await turn.until('west to have them', async () => (await stored(west, 'vanish-')).length === names.length)
      const before = await stored(west, 'vanish-')
      await watch.pace.rest()
      await watch.settle(180_000)
      await unplug(turn, east)
      await byHand(
        global.url,
        "delete from resources where origin = 'east' and type = 'MeshService' and starts_with(display_name, 'vanish-')",
      )
      let alarm: string | undefined
      await turn.until('west to hold them', async () => {
        const holds = await ask<{ items: { type: string; resources: number; reason: string }[] }>(
          west,
          'GET',
          '/_holdfast/holds',
        )
        const [hold] = holds.items
        alarm = hold === undefined ? undefined : `${hold.resources} ${hold.type} are held: ${hold.reason}`
        return alarm !== undefined
      })
      const during = await stored(west, 'vanish-')
      await plug(east)
      await turn.session(east)
      await watch.settle(180_000)
      await turn.until(
        'nothing to be held',
        async () => (await ask<{ items: unknown[] }>(west, 'GET', '/_holdfast/holds')).items.length === 0,
      )
      watch.pace.go()
      await eachOf(names, (name) => deleteService(east, name))
      await turn.until('west to have none', async () => (await stored(west, 'vanish-')).length === 0)
      return {
        alarm: alarm?.slice(0, 160),
        figures: [`${during.length} of ${before.length} stayed in west; they were offered again, and the hold ended`],
        wrong: {
          D: JSON.stringify(before) === JSON.stringify(during) ? [] : [`${during.length} of ${before.length} stayed`],
        },
      }
    },
  },
  {
    id: 'F44',
    fault: 'the validation hook is down and flaps',
    found: 'the scrub showed to everybody what waits for a hook; `packages/store/src/pg/hooks.pg.test.ts`',
    asked: asks('✔ ✔ ✔ after_fix_5_s – Y ✔'),
    shape: twoAndTwo,
    own: true,
    prepare: async (stand) => {
      const hook = await startHttpHook()
      stand.own({ close: () => hook.stop() })
      hooks.set(stand, hook)
      const setting = JSON.stringify([{ name: 'judge', url: hook.url, types: ['MeshService'], timeoutMs: 1_000 }])
      for (const { process } of stand.globals) {
        await process.stop()
        await process.start({ moreFlags: ['--policy-hooks', setting] })
      }
      await stand.inStep()
    },
    run: async (turn) => {
      const { stand } = turn
      const hook = hooks.get(stand)
      if (hook === undefined) throw new Error('the hook has not been started')
      const [east, west] = [stand.zone('east'), stand.zone('west')]
      await putService(east, 'judged', 1)
      await turn.until('west to have it', async () => (await stored(west, 'judged'))[0]?.port === 1)
      await hook.stop()
      await putService(east, 'judged', 2)
      await turn.until('somebody to say that the hook is away', async () => {
        const up = await Promise.all(stand.globals.map((global) => metric(global, 'holdfast_hook_up')))
        return up.includes(0)
      })
      const kept = (await stored(west, 'judged'))[0]?.port
      const { status } = await answer(stand.global(), 'PUT', '/meshes/default/meshtimeouts/unjudged', {
        ...{ type: 'MeshTimeout', mesh: 'default', name: 'unjudged' },
        spec: { targetRef: { kind: 'Mesh' }, to: [{ targetRef: { kind: 'Mesh' }, default: { idleTimeout: '20s' } }] },
      })
      const flows = status < 300
      if (flows)
        await turn.until('another type to flow', async () => {
          // In a zone it has the name that is hashed.
          const said = await answer(west, 'GET', '/meshes/default/meshtimeouts?size=1000')
          return JSON.stringify(said.body).includes('unjudged')
        })
      for (let i = 0; i < 5; i++) {
        await hook.start()
        await turn.last(300)
        await hook.stop()
        await turn.last(300)
      }
      await hook.start()
      const tookMs = await turn.timed(async () => {
        await turn.until('west to have the change', async () => (await stored(west, 'judged'))[0]?.port === 2)
        await turn.converged()
      })
      await deleteService(east, 'judged')
      return {
        converged: { ms: tookMs, boundMs: turn.bound(5_000) },
        alarm: 'holdfast_hook_up is 0',
        figures: [`west kept version ${kept} while it was down`, `another type was answered with ${status} and flowed`],
        wrong: {
          L: kept === 1 ? [] : [`west had version ${kept} while the hook was down`],
          Q: flows ? [] : ['another type was not taken'],
        },
      }
    },
  },
]
