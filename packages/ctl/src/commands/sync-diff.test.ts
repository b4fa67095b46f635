import { expect, test } from 'vitest'
import { run } from '../testing/run.js'

const direction = {
  from: 'global',
  to: 'zone east',
  revision: 42,
  digest: 'ab'.repeat(16),
  resources: 17,
  differences: 0,
}
const up = { ...direction, from: 'zone east', to: 'global', revision: 9 }
const get = 'GET /_holdfast/sync/diff?zone=east'

test('sync diff of what is in step says at which revision, with which digest; exit status 0', async () => {
  const answers = {
    [get]: { zone: 'east', inStep: true, directions: [direction, up], differences: [], truncated: false },
  }
  const { status, out } = await run(['sync', 'diff', 'east'], { answers })
  expect([status, out]).toEqual([
    0,
    `global to zone east: in step at revision 42, digest ${'ab'.repeat(16)} (17 resources)
zone east to global: in step at revision 9, digest ${'ab'.repeat(16)} (17 resources)
`,
  ])
})

test('sync diff names each resource that differs; exit status 3', async () => {
  const held = { from: 'global', to: 'zone east', type: 'Mesh', key: 'shop.', kind: 'held', reason: '1 of 2 vanished' }
  const edited = { from: 'zone east', to: 'global', type: 'MeshService', key: 'web-1.default', kind: 'VIPs' }
  const directions = [
    { ...direction, differences: 1 },
    { ...up, differences: 1 },
  ]
  const answers = { [get]: { zone: 'east', inStep: false, directions, differences: [held, edited], truncated: true } }
  const { status, out } = await run(['sync', 'diff', 'east'], { answers })
  expect(status).toBe(3)
  expect(out).toBeGolden('sync-diff.txt')
})

test('a zone compares itself: no zone is named', async () => {
  const answers = {
    'GET /_holdfast/sync/diff': { zone: 'east', inStep: true, directions: [], differences: [], truncated: false },
  }
  expect((await run(['sync', 'diff'], { answers })).status).toBe(0)
})
