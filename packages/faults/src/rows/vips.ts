import { asks, type Row } from '../row.js'
import { answer, ask, deleteService, type Plane, putService, serviceBody, stored } from '../stand/plane.js'
import { twoAndTwo } from '../stand/stand.js'
import { eachOf } from './resources.js'

interface Shown {
  readonly status?: { readonly vips?: readonly { readonly ip: string }[] }
}

const vipsOf = async (plane: Plane, name: string): Promise<string> => {
  const shown = await ask<Shown>(plane, 'GET', `/meshes/default/meshservices/${name}`)
  return (shown.status?.vips ?? []).map(({ ip }) => ip).join(' ')
}

export const vipRows: readonly Row[] = [
  {
    id: 'F39',
    fault: 'a service is deleted and made again 1,000 times in 60 s',
    asked: asks('✔_same_VIP ✔ ✔ – – N ✔'),
    shape: twoAndTwo,
    quick: true,
    run: async (turn) => {
      const east = turn.stand.zone('east')
      const times = turn.full ? 1_000 : 150
      await putService(east, 'phoenix')
      const first = await vipsOf(east, 'phoenix')
      const others = new Set<string>()
      const tookMs = await turn.timed(async () => {
        for (let i = 0; i < times; i++) {
          await deleteService(east, 'phoenix')
          await putService(east, 'phoenix', 1 + (i % 60_000))
          others.add(await vipsOf(east, 'phoenix'))
        }
      })
      others.delete(first)
      return {
        figures: [`${times} times in ${(tookMs / 1000).toFixed(1)} s`, `always ${first}`],
        wrong: { V: [...others].map((vips) => `it was ${first} and then ${vips}`) },
      }
    },
  },
  {
    id: 'F40',
    fault: '64 allocators at once',
    asked: asks('✔ ✔ ✔ – – N ✔'),
    shape: twoAndTwo,
    quick: true,
    standIn: '64 clients at two processes of one zone, every other name at both of them',
    run: async (turn) => {
      const { stand } = turn
      const east = stand.zone('east')
      const second = await stand.process(
        'east-second',
        'east',
        east.url,
        ['--join', await stand.bundle('east', east.links)],
        east.links,
      )
      try {
        const names = Array.from({ length: 256 }, (_, i) => `rival-${i}`)
        const asked = names.flatMap((name, i) =>
          i % 2 === 0
            ? [
                { at: east, name },
                { at: second, name },
              ]
            : [{ at: i % 4 === 1 ? east : second, name }],
        )
        const refused: string[] = []
        await eachOf(
          asked,
          async ({ at, name }) => {
            const { status, body } = await answer(at, 'PUT', `/meshes/default/meshservices/${name}`, serviceBody(name))
            if (status >= 300) refused.push(`${at.name}: ${name} was answered with ${status} ${JSON.stringify(body)}`)
          },
          64,
        )
        const made = await stored(east, 'rival-')
        const vips = new Set(made.map((row) => row.vips))
        await eachOf(names, (name) => deleteService(east, name))
        return {
          figures: [`${asked.length} requests, ${made.length} services, ${vips.size} VIPs`],
          wrong: {
            V:
              vips.size === names.length && made.length === names.length
                ? []
                : [`${made.length} services have ${vips.size} VIPs`],
            W: refused,
          },
        }
      } finally {
        await second.process.stop()
      }
    },
  },
]
