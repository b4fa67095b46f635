import { byHand } from '@holdfast/store/testing'
import { asks, type Row } from '../row.js'
import {
  answer,
  applyServices,
  ask,
  deleteService,
  type Plane,
  putService,
  serviceBody,
  stored,
} from '../stand/plane.js'
import { twoAndTwo } from '../stand/stand.js'
import type { Turn } from '../turn.js'

const numbered = (prefix: string, count: number): readonly string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}${String(i).padStart(4, '0')}`)

/** Many at a time, none of them twice. */
export async function eachOf<T>(
  things: readonly T[],
  work: (thing: T) => Promise<unknown>,
  atOnce = 16,
): Promise<void> {
  const left = [...things]
  const one = async (): Promise<void> => {
    for (let thing = left.shift(); thing !== undefined; thing = left.shift()) await work(thing)
  }
  await Promise.all(Array.from({ length: atOnce }, one))
}

async function away(turn: Turn, zone: Plane): Promise<void> {
  for (const link of zone.links) {
    await link.refuse()
    link.cut('reset')
  }
  await turn.until(`${zone.name} to be away`, async () => {
    const { body } = await answer(zone, 'GET', '/_holdfast/sync')
    return (body as { peers: { connected: boolean }[] }).peers.every(({ connected }) => !connected)
  })
}

const back = async (zone: Plane): Promise<void> => {
  for (const link of zone.links) await link.restore()
}

export const resourceRows: readonly Row[] = [
  {
    id: 'F23',
    fault: '1 invalid and 999 valid resources',
    asked: asks('✔ 999 ✔ 2_s – Y_on_item ✔'),
    shape: twoAndTwo,
    standIn: 'one row is damaged by hand: no API of ours takes what is invalid',
    run: async (turn) => {
      const { stand } = turn
      const [east, west, global] = [stand.zone('east'), stand.zone('west'), stand.global()]
      const names = numbered('many-', 1_000)
      await away(turn, east)
      await applyServices(east, names)
      await byHand(east.url, "update resources set spec = '\\x01' where display_name = 'many-0500'")
      await back(east)
      await turn.session(east)
      const tookMs = await turn.timed(() =>
        turn.until('999 to be in west', async () => (await count(west, 'many-')) === 999),
      )
      const refused = await ask<{ items: { name: string; reason: string }[] }>(global, 'GET', '/_holdfast/refused')
      const item = refused.items.find(({ name }) => name.startsWith('many-0500'))
      await putService(east, 'many-0500')
      await turn.until('the last one to be in west', async () => (await count(west, 'many-')) === 1_000)
      await eachOf(names, (name) => deleteService(east, name))
      return {
        converged: { ms: tookMs, boundMs: turn.bound(2_000) },
        alarm: item === undefined ? undefined : `${item.name}: ${item.reason}`.slice(0, 120),
        figures: ['999 arrived, from the moment that the zone was in step', `${refused.items.length} refused`],
        wrong: { W: refused.items.length === 1 ? [] : [`${refused.items.length} are refused`] },
      }
    },
  },
  {
    id: 'F24',
    fault: 'a single resource of 20 MiB',
    asked: asks('✔ ✔ ✔ rejected – Y ✔'),
    shape: twoAndTwo,
    quick: true,
    run: async (turn) => {
      const east = turn.stand.zone('east')
      const body = { ...serviceBody('huge'), labels: { 'kuma.io/origin': 'zone', note: 'x'.repeat(20 * 1024 * 1024) } }
      const said = await answer(east, 'PUT', '/meshes/default/meshservices/huge', body)
      const everywhereMs = await turn.converged()
      return {
        alarm:
          said.status >= 400 && said.status < 500
            ? `${said.status} ${JSON.stringify(said.body).slice(0, 160)}`
            : undefined,
        figures: [`a change everywhere after ${Math.round(everywhereMs)} ms`],
        wrong: { Q: said.status >= 400 && said.status < 500 ? [] : [`it was answered with ${said.status}`] },
      }
    },
  },
  {
    id: 'F35',
    fault: 'mass deletion by an operator',
    asked: asks('tomb. ✔ expected 5_s O(d) info ✔'),
    shape: twoAndTwo,
    quick: true,
    run: async (turn) => {
      const { stand } = turn
      const [east, west] = [stand.zone('east'), stand.zone('west')]
      const names = numbered('mass-', 300)
      await applyServices(east, names)
      await turn.until('all to be in west', async () => (await count(west, 'mass-')) === names.length)
      const first = await stored(west, 'mass-')
      const bytesBefore = bytesOf(west)
      await eachOf(names, (name) => deleteService(east, name))
      const tookMs = await turn.timed(() =>
        turn.until('west to have none', async () => (await count(west, 'mass-')) === 0),
      )
      const bytes = bytesOf(west) - bytesBefore
      const holds = await ask<{ items: unknown[] }>(west, 'GET', '/_holdfast/holds')
      await applyServices(east, names)
      await turn.until('all to be in west again', async () => (await count(west, 'mass-')) === names.length)
      const again = await stored(west, 'mass-')
      await eachOf(names, (name) => deleteService(east, name))
      return {
        converged: { ms: tookMs, boundMs: turn.bound(5_000) },
        bytes: { most: bytes, bound: 2 * 1024 * names.length + 256 * 1024 },
        figures: [
          'bytes on the cable of the other zone, changes of the writers included',
          `${holds.items.length} holds`,
        ],
        wrong: {
          V: JSON.stringify(first) === JSON.stringify(again) ? [] : ['services that came back have other VIPs'],
          D: holds.items.length === 0 ? [] : [`${holds.items.length} holds of what was deleted in so many words`],
        },
      }
    },
  },
]

const count = async (plane: Plane, prefix: string): Promise<number> =>
  Number(
    (
      await byHand<{ n: string }>(
        plane.url,
        "select count(*) as n from resources where type = 'MeshService' and not deleted and starts_with(display_name, $1)",
        [prefix],
      )
    )[0]?.n,
  )

const bytesOf = (zone: Plane): number =>
  zone.links.reduce((sum, link) => sum + link.counts().bytesFromTarget + link.counts().bytesToTarget, 0)
