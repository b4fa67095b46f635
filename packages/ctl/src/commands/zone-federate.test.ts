import { expect, test } from 'vitest'
import { run } from '../testing/run.js'

const status = {
  mode: 'standalone',
  zone: 'east',
  storeId: 'store-1',
  counts: { pendingVips: 1 },
  blocks: [
    { cidr: '241.16.0.0/20', zone: 'east' },
    { cidr: '241.32.0.0/20', zone: 'east' },
  ],
}
const row = (name: string, address: string, more: object = {}) => ({
  ...{ kind: 'MeshService', mesh: 'default', namespace: '', name, zone: 'east' },
  ...{ address, scope: 'canonical', state: 'active', ...more },
})
const atZone = {
  'GET /_holdfast/status': status,
  'GET /meshes?size=1000': { total: 2, items: [{ name: 'default' }, { name: 'shop' }] },
  'GET /_holdfast/vips?size=1000': {
    items: [
      row('api', '241.32.0.1'),
      row('api', 'fd00::1'),
      row('web', '241.16.0.1'),
      row('old', '241.16.0.2', { state: 'tombstoned' }),
      row('their', '241.48.0.1', { zone: 'west' }),
    ],
  },
}
const plan = 'POST http://global:5681/_holdfast/federation/plan'
const service = (name: string, mesh: string, held: boolean, ...addresses: readonly object[]) => ({
  ...{ kind: 'MeshService', mesh, namespace: '', name, zone: 'east', held, waiting: false, addresses },
})
const canonical = (address: string) => ({ address, fate: 'canonical', reason: null })
const whole = {
  refused: null,
  blocks: [{ cidr: '241.16.0.0/20', confirmed: true, reason: null }],
  meshes: [],
  services: [service('api', 'default', false, canonical('241.32.0.1'))],
}
const line = ['zone', 'federate', '--global', 'http://global:5681']

test('zone federate --global asks both sides, changes neither, and tells what would become of the zone', async () => {
  const answer = {
    refused: null,
    blocks: [
      { cidr: '241.16.0.0/20', confirmed: false, reason: 'it is leased to zone west' },
      { cidr: '241.32.0.0/20', confirmed: true, reason: null },
    ],
    meshes: [{ name: 'shop', held: true }],
    services: [
      service('api', 'default', false, canonical('241.32.0.1'), canonical('fd00::1')),
      service('web', 'default', false, { address: '241.16.0.1', fate: 'alias', reason: 'it is leased to zone west' }),
      service('was', 'default', false, { address: '241.32.0.4', fate: 'conflict', reason: 'global remembers another' }),
      service('cart', 'shop', true, canonical('241.32.0.2')),
    ],
  }
  const { status: code, out, asked } = await run(line, { answers: { ...atZone, [plan]: answer } })
  expect(code).toBe(3)
  expect(out).toBe(`global would let zone east in
services that would join: 4, of which 1 has no address yet
addresses that stay as they are, for everybody: 3
blocks that global cannot confirm:
  241.16.0.0/20: it is leased to zone west
addresses that would hold in this zone alone; everybody gets others once you say "zone federate --yes" after the join:
  MeshService default/web: 241.16.0.1
addresses that global would refuse:
  MeshService default/was: 241.32.0.4: global remembers another
meshes that global does not have; what lives in them is kept and told to nobody until "holdfastctl zone adopt east --yes" at global makes them there:
  shop, with 1 service
nothing was changed, here or there
`)
  const services = [
    {
      ...{ kind: 'MeshService', mesh: 'default', namespace: '', name: 'api' },
      addresses: ['241.32.0.1', 'fd00::1'],
    },
    { kind: 'MeshService', mesh: 'default', namespace: '', name: 'web', addresses: ['241.16.0.1'] },
  ]
  const blocks = ['241.16.0.0/20', '241.32.0.0/20']
  // The provisional mesh gives way: it is not asked about. What rests, and what is another zone's, is not either.
  expect(asked.at(-1)).toEqual([plan, { zone: 'east', storeId: 'store-1', blocks, meshes: ['shop'], services }])
  expect(asked.map(([request]) => request.split(' ')[0])).toEqual(['GET', 'GET', 'GET', 'POST'])
})

test('with nothing in the way the exit status is 0, and 3 for a name that is taken', async () => {
  expect((await run(line, { answers: { ...atZone, [plan]: whole } })).status).toBe(0)
  const taken = { ...whole, refused: 'the name "east" belongs to the store store-2' }
  const { status: code, out } = await run(line, { answers: { ...atZone, [plan]: taken } })
  expect([code, out.split('\n')[0]]).toEqual([
    3,
    'global would not let zone east in: the name "east" belongs to the store store-2',
  ])
})

test.each([
  ['a global', { ...status, mode: 'global', zone: null }, 'this is a global: ask the zone that is to join it'],
  ['a zone that has joined', { ...status, mode: 'federated' }, 'zone east has a global already'],
])('%s is told what to ask instead', async (_, said, words) => {
  const { status: code, err } = await run(line, { answers: { 'GET /_holdfast/status': said } })
  expect([code, err]).toEqual([1, expect.stringContaining(words)])
})

test('the plan is not the deed: --global and --yes exclude each other', async () => {
  const { status: code, err, asked } = await run([...line, '--yes'])
  expect([code, err, asked]).toEqual([2, expect.stringContaining('--global only tells'), []])
})
