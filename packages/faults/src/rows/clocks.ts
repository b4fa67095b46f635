import { oneTypeMore, type StartOptions, shifted } from '@holdfast/testkit'
import { asks, type Row } from '../row.js'
import { answer, ask, type Plane } from '../stand/plane.js'
import { twoAndTwo } from '../stand/stand.js'

const hourMs = 3_600_000

export const clockRows: readonly Row[] = [
  {
    id: 'F22',
    fault: 'the clock of any node is an hour off',
    asked: asks('✔ ✔ ✔ none – N ✔'),
    shape: twoAndTwo,
    standIn: 'a preloaded Date; sockets, PostgreSQL and OpenSSL keep the clock of the machine',
    run: async (turn) => {
      const { stand } = turn
      const [east, global] = [stand.zone('east'), stand.global()]
      const off = async (plane: Plane, ms: number): Promise<void> => {
        await plane.process.kill()
        await plane.process.start({ env: ms === 0 ? {} : shifted(stand.folder, ms) })
      }
      await off(east, hourMs)
      await off(global, -hourMs)
      await stand.connected()
      const aheadMs = await turn.converged()
      await off(east, -hourMs)
      await off(global, hourMs)
      await stand.connected()
      const behindMs = await turn.converged()
      await off(east, 0)
      await off(global, 0)
      await stand.connected()
      return {
        converged: { ms: Math.max(aheadMs, behindMs), boundMs: turn.bound(5_000) },
        figures: [`a change everywhere after ${Math.round(aheadMs)} and ${Math.round(behindMs)} ms`],
      }
    },
  },
  {
    id: 'F25',
    fault: 'an unknown type from a newer hub',
    asked: asks('✔ ✔ ✔ – – info ✔'),
    shape: twoAndTwo,
    standIn: 'the hubs are started with a type more in their table',
    run: async (turn) => {
      const { stand } = turn
      const again = async (how: StartOptions): Promise<void> => {
        for (const { process } of stand.globals) {
          await process.kill()
          await process.start(how)
        }
        await stand.connected()
      }
      await again(oneTypeMore(stand.folder))
      const gadget = {
        ...{ type: 'MeshGadget', mesh: 'default', name: 'thing', labels: { 'kuma.io/origin': 'global' } },
        spec: { text: 'new', deep: { b: 2, a: [1, { z: 0 }] } },
      }
      const path = '/meshes/default/meshgadgets/thing'
      await ask(stand.global(), 'PUT', path, gadget)
      const total = async (zone: Plane): Promise<number> =>
        (await ask<{ readonly total: number }>(zone, 'GET', '/_holdfast/raw/MeshGadget')).total
      for (const zone of stand.zones)
        await turn.until(`${zone.name} to keep what it does not know`, async () => (await total(zone)) === 1)
      await ask(stand.global(), 'DELETE', path)
      for (const zone of stand.zones)
        await turn.until(`${zone.name} to have lost it`, async () => (await total(zone).catch(() => 0)) === 0)
      const { body } = await answer(stand.zone('east'), 'GET', '/_holdfast/types')
      await again({})
      const everywhereMs = await turn.converged()
      return {
        figures: [
          `kept as it is in ${stand.zones.length} zones`,
          `a zone says ${JSON.stringify(body).slice(0, 100)}`,
          `a change everywhere after ${Math.round(everywhereMs)} ms`,
        ],
      }
    },
  },
]
