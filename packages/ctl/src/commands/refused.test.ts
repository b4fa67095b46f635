import { expect, test } from 'vitest'
import { nowMs, run } from '../testing/run.js'

const at = (seconds: number): string => new Date(nowMs + seconds * 1_000).toISOString()
const row = {
  ...{ type: 'MeshService', mesh: 'default', name: 'web-x1', zone: 'east', reason: 'spec: is not JSON' },
  ...{ remembered: null, tries: 3, since: at(-400), nextTry: at(90) },
}

test('refused list: here and at the peers', async () => {
  const answers = {
    'GET /_holdfast/status': { controlPlane: 'global' },
    'GET /_holdfast/refused': {
      items: [{ ...row, peer: 'east' }],
      byPeers: [
        {
          by: 'west',
          at: at(-5),
          refusedTotal: 3,
          holds: [],
          refused: [{ ...row, remembered: '241.0.0.1', nextTry: at(-1) }],
        },
      ],
    },
  }
  const ran = await run(['refused', 'list'], { answers })
  expect([ran.status, ran.err]).toEqual([0, ''])
  expect(ran.out).toBeGolden('refused-list.txt')
})

const item = { type: 'MeshTimeout', mesh: 'default', name: 'slow', labels: {}, spec: {} }
const guards = [
  { mesh: 'default', name: 'slow', state: 'refused', by: 'west', since: at(-400), reason: 'spec: is not JSON' },
  { mesh: 'default', name: 'slow', state: 'held', by: 'global', since: at(-10), reason: 'all 2 absent', hold: 'h1' },
]
const found = 'GET /_holdfast/resources?type=MeshTimeout&name=slow&mesh=default'

test('LKG: get marks what is refused or held, in the table and as comments that can be applied again', async () => {
  const answers = { [found]: { total: 1, items: [item], guards } }
  const lines = [
    `refused by zone west since ${at(-400)}, which keeps its last good version: spec: is not JSON`,
    `held by global since ${at(-10)}, see holdfastctl hold show h1: all 2 absent`,
  ]
  const table = await run(['get', 'meshtimeouts', 'slow'], { answers })
  expect(table.out.split('\n').slice(-3)).toEqual([...lines, ''])
  const yaml = await run(['get', 'meshtimeouts', 'slow', '-o', 'yaml'], { answers })
  expect(yaml.out).toBe(
    `type: MeshTimeout\nmesh: default\nname: slow\nlabels: {}\nspec: {}\n${lines.map((line) => `# ${line}\n`).join('')}`,
  )
  const json = await run(['get', 'meshtimeouts', 'slow', '-o', 'json'], { answers })
  expect(JSON.parse(json.out)).toEqual(item)
})
