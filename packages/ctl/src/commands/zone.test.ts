import { describe, expect, test } from 'vitest'
import { ago, apiError, run } from '../testing/run.js'

const adoption = {
  zone: 'east',
  changed: true,
  from: 'store-1',
  to: 'store-2',
  claimedAt: ago(60),
  blocks: [{ id: 'b', kind: 'MeshService', cidr: '241.16.0.0/20', generation: 2 }],
  resources: [{ type: 'MeshService', count: 3 }],
}
const get = 'GET /_holdfast/zones/east/adopt'
const post = 'POST /_holdfast/zones/east/adopt'

test('zone adopt tells what would happen, and does nothing', async () => {
  const { status, out, asked } = await run(['zone', 'adopt', 'east'], { answers: { [get]: adoption } })
  expect(status).toBe(0)
  expect(out).toBe(
    `zone east: the name would belong to the store store-2, no longer to store-1
blocks leased to it:
  MeshService 241.16.0.0/20, lease generation 2
goes back to it when it connects: 3 MeshService, with their addresses
nothing was changed; run it again with --yes to do so
`,
  )
  expect(asked).toEqual([[get]])
})

test('zone adopt --yes does what it has shown, for that very store', async () => {
  const { status, out, asked } = await run(['zone', 'adopt', 'east', '--yes'], {
    answers: { [get]: adoption, [post]: adoption },
  })
  expect(status).toBe(0)
  expect(out).toContain('the name now belongs to the store store-2')
  expect(asked).toEqual([[get], [post, { storeId: 'store-2' }]])
})

test('zone adopt of a name that is that store’s already asks for nothing', async () => {
  const { status, out, asked } = await run(['zone', 'adopt', 'east', '--yes', '--store-id', 'store-2'], {
    answers: { [`${get}?storeId=store-2`]: { ...adoption, changed: false, from: 'store-2' } },
  })
  expect([status, out]).toEqual([0, 'zone east belongs to the store store-2 already; nothing changed\n'])
  expect(asked).toEqual([[`${get}?storeId=store-2`]])
})

test('zone adopt makes at global what only the zone has, once somebody says so', async () => {
  const lacking = [{ type: 'Mesh', name: 'shop' }]
  const answers = { [get]: { ...adoption, changed: false, from: 'store-2', lacking }, 'POST /_apply': { results: [] } }
  const told = await run(['zone', 'adopt', 'east'], { answers })
  expect(told.out).toBe(`zone east belongs to the store store-2 already
the zone has and global has not:
  Mesh shop
nothing was changed; run it again with --yes to do so
`)
  expect(told.asked).toEqual([[get]])
  const done = await run(['zone', 'adopt', 'east', '--yes'], { answers })
  expect([done.status, done.asked]).toEqual([0, [[get], ['POST /_apply', { items: lacking }]]])
  expect(done.out).toContain('made here, and what waits for it in the zone is shared now:\n  Mesh shop\n')
})

test('zone adopt of a living zone fails with who it is', async () => {
  const answers = { [get]: apiError(409, 'Conflict', 'zone "east" is connected (session s of process p)') }
  const { status, err } = await run(['zone', 'adopt', 'east', '--yes'], { answers })
  expect(status).toBe(1)
  expect(err).toContain('zone "east" is connected (session s of process p)')
})

test('zone list: who has each name, and who asks for it', async () => {
  const zone = {
    connected: false,
    address: null,
    storeId: 'store-1',
    claimant: null,
    adoptedAt: null,
    owesReturn: false,
  }
  const items = [
    { ...zone, name: 'east', claimant: { storeId: 'store-2', since: ago(60) } },
    { ...zone, name: 'north', connected: true, address: '10.0.0.1:40', adoptedAt: ago(120), owesReturn: true },
    { ...zone, name: 'west', connected: true, address: '10.0.0.2:40' },
  ]
  const { out } = await run(['zone', 'list'], { answers: { 'GET /_holdfast/zones?size=1000': { items } } })
  expect(out).toBeGolden('zone-list.txt')
})

describe('zone rename', () => {
  const answers = {
    'GET /_holdfast/zones': { items: [{ name: 'east' }, { name: 'west' }] },
    'GET /meshservices?filter%5Blabels.kuma.io%2Fzone%5D=east&size=1': { total: 12, items: [] },
    'GET /_holdfast/vips/blocks': {
      items: [
        { zone: 'east', kind: 'MeshService', cidr: '241.16.0.0/20' },
        { zone: 'west', kind: 'MeshService', cidr: '241.32.0.0/20' },
      ],
    },
    'GET /meshmultizoneservices?size=1000': {
      total: 2,
      items: [
        { mesh: 'default', name: 'web', status: { meshServices: [{ name: 'web', zone: 'east' }] } },
        { mesh: 'default', name: 'api', status: { meshServices: [{ name: 'api', zone: 'west' }] } },
      ],
    },
  }

  test('renames nothing, and says what is at stake and which way works', async () => {
    const { status, out, asked } = await run(['zone', 'rename', 'east', 'east-1'], { answers })
    expect(status).toBe(1)
    expect(out).toBeGolden('zone-rename.txt')
    expect(asked.every(([line]) => line.startsWith('GET '))).toBe(true)
  })

  test('as JSON, to a name that is there already', async () => {
    const { status, out } = await run(['zone', 'rename', 'east', 'west', '-o', 'json'], { answers })
    expect([status, JSON.parse(out)]).toMatchObject([
      1,
      {
        ...{ zone: 'east', newName: 'west', renamed: false, meshServices: 12, blocks: ['MeshService 241.16.0.0/20'] },
        meshMultiZoneServices: ['default/web'],
        steps: [{ step: expect.stringContaining('a zone west is known already') }, {}, {}, {}, {}],
      },
    ])
  })

  test.each([
    [['nope', 'east-1'], 1, 'there is no zone "nope"'],
    [['east', 'East_1'], 2, '"East_1" can be no zone\'s name'],
    [['east', 'east'], 2, 'the zone is called east already'],
    [['east'], 2, 'new-name'],
  ])('%j fails with %i and says why', async (args, status, said) => {
    const ran = await run(['zone', 'rename', ...args], { answers })
    expect([ran.status, ran.err]).toEqual([status, expect.stringContaining(said)])
  })
})
