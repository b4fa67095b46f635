import { describe, expect, test } from 'vitest'
import { ago, apiError, run } from '../testing/run.js'

const owner = { kind: 'MeshService', mesh: 'default', zone: 'east', namespace: 'shop', name: 'web' }
const row = {
  ...owner,
  address: '241.16.0.1',
  family: 4,
  scope: 'canonical',
  state: 'active',
  generation: 1,
  block: 'b1',
  allocatedAt: ago(3_600),
  tombstonedAt: null,
}
const global = {
  ...row,
  kind: 'MeshMultiZoneService',
  zone: null,
  namespace: '',
  name: 'all',
  address: '243.0.0.9',
  generation: 0,
}
const event = {
  at: ago(3_600),
  event: 'allocated',
  address: '241.16.0.1',
  ...owner,
  scope: 'canonical',
  generation: 1,
  revision: 7,
  why: 'first choice',
}

test('vip list', async () => {
  const answers = {
    'GET /_holdfast/vips?size=1000': { items: [row], next: 'http://cp/_holdfast/vips?after=1&size=1000' },
    'GET /_holdfast/vips?after=1&size=1000': { items: [global], next: null },
  }
  const ran = await run(['vip', 'list'], { answers })
  expect([ran.status, ran.err]).toEqual([0, ''])
  expect(ran.out).toBeGolden('vip-list.txt')
})

test('vip list, narrowed', async () => {
  const url = 'GET /_holdfast/vips?kind=MeshService&mesh=demo&zone=east&deleted=true&size=1000'
  const args = ['vip', 'list', '--kind', 'MeshService', '--zone', 'east', '--deleted', '-m', 'demo', '-o', 'json']
  const ran = await run(args, { answers: { [url]: { items: [row], next: null } } })
  expect(JSON.parse(ran.out)).toEqual({ total: 1, items: [row] })
})

describe('vip explain', () => {
  test('an address', async () => {
    const answer = {
      matches: [
        {
          owner,
          state: 'active',
          addresses: [row],
          service: { name: 'web.shop', shown: ['241.16.0.1'], revision: 7 },
          because: ['241.16.0.1 was allocated here'],
          history: [event],
        },
      ],
      because: [],
    }
    const ran = await run(['vip', 'explain', '241.16.0.1'], {
      answers: { 'GET /_holdfast/vips/explain?address=241.16.0.1': answer },
    })
    expect(ran.status).toBe(0)
    expect(ran.out).toBeGolden('vip-explain.txt')
  })

  test('that nobody has', async () => {
    const ran = await run(['vip', 'explain', 'web', '--zone', 'east'], {
      answers: {
        'GET /_holdfast/vips/explain?name=web&zone=east': {
          matches: [],
          because: ['no service "web"', 'nor was there'],
        },
      },
    })
    expect(ran).toMatchObject({ status: 1, out: 'no service "web"\nnor was there\n' })
  })

  test('needs a subject', async () => {
    expect(await run(['vip', 'explain'])).toMatchObject({
      status: 2,
      err: "Error: missing required argument 'subject'\nsee 'holdfastctl vip explain --help'\n",
    })
  })
})

test('vip history', async () => {
  const url = 'GET /_holdfast/vips/history?address=fd00%3A%3A1&size=1000'
  const ran = await run(['vip', 'history', 'fd00::1'], { answers: { [url]: { items: [event] } } })
  expect(ran.status).toBe(0)
  expect(ran.out).toBeGolden('vip-history.txt')
})

describe('vip verify', () => {
  const url = 'GET /_holdfast/vips/verify'
  const verified = (controlPlane: string) => ({ controlPlane, result: 'verified', services: 16 })
  const away = { controlPlane: 'west', result: 'not verified', reason: 'zone west is not connected' }
  const scope = 'global and every zone'
  const differing = {
    owner,
    problem: 'MeshService "web" in mesh "default" of zone east: zone west and zone east differ',
    claims: [
      { source: 'zone east, ledger', addresses: ['241.16.0.1'] },
      { source: 'zone west, ledger', addresses: [] },
      { source: 'zone west, API', addresses: null },
    ],
  }

  test.each([
    [
      'all agree',
      0,
      { agree: true, complete: true, scope, checked: [verified('global'), verified('east')], disagreements: [] },
      'vip-verify-agree.txt',
    ],
    [
      'two disagree',
      1,
      {
        agree: false,
        complete: true,
        scope,
        checked: [verified('global'), verified('west')],
        disagreements: [differing],
      },
      'vip-verify-differ.txt',
    ],
    [
      'one cannot be asked',
      3,
      { agree: true, complete: false, scope, checked: [verified('global'), away], disagreements: [] },
      'vip-verify-unsure.txt',
    ],
  ])('%s: exit status %i', async (_, status, answer, file) => {
    const table = await run(['vip', 'verify'], { answers: { [url]: answer } })
    expect(table.status).toBe(status)
    expect(table.out).toBeGolden(file)
    const json = await run(['vip', 'verify', '-o', 'json'], { answers: { [url]: answer } })
    expect([json.status, JSON.parse(json.out)]).toEqual([status, answer])
  })

  test('colours carry nothing of their own', async () => {
    const answer = { agree: true, complete: true, scope, checked: [], disagreements: [] }
    const plain = await run(['vip', 'verify'], { answers: { [url]: answer } })
    const coloured = await run(['vip', 'verify'], { answers: { [url]: answer }, colour: true })
    expect(coloured.out).toBe(plain.out.replace('all agree', '\u001b[32mall agree\u001b[0m'))
  })

  test('that fails', async () => {
    const ran = await run(['vip', 'verify'], {
      answers: { [url]: apiError(500, 'Could not tell about a VIP', 'Internal Server Error') },
    })
    expect(ran).toMatchObject({ status: 1, err: 'Error: Could not tell about a VIP (Internal Server Error)\n' })
  })
})

describe('inspect zones', () => {
  const subscription = (connected: number, ended: number | undefined, sent: string, rejected?: string) => ({
    connectTime: ago(connected),
    ...(ended === undefined ? {} : { disconnectTime: ago(ended) }),
    status: {
      lastUpdateTime: ago(5),
      total: { responsesSent: sent, ...(rejected === undefined ? {} : { responsesRejected: rejected }) },
    },
    version: { kumaCp: { version: '0.1.0' } },
    config: '{"store":{"type":"postgres"}}',
  })
  const zones = [
    {
      name: 'east',
      zone: { enabled: true },
      zoneInsight: { subscriptions: [subscription(90_000, 7_200, '40', '1'), subscription(7_100, undefined, '2')] },
    },
    { name: 'north', zone: {} },
    {
      name: 'south',
      zone: { enabled: false },
      zoneInsight: { subscriptions: [{ ...subscription(100, undefined, '7'), config: 'not JSON' }] },
    },
    { name: 'west', zone: {}, zoneInsight: { subscriptions: [subscription(400, 300, '7')] } },
  ]

  test('in the columns of kumactl', async () => {
    const answers = {
      'GET /zones/_overview?size=1000': { total: 4, items: zones, next: null },
      'GET /_holdfast/sync': {
        peers: [
          {
            ...{ peer: 'east', refused: 1, refusedByPeer: 2, held: 40, heldByPeer: 3 },
            channels: [
              { channel: 'down', lagSeconds: 2.5, provenEqualAt: ago(90) },
              { channel: 'up', lagSeconds: null, provenEqualAt: ago(4) },
            ],
          },
          { peer: 'south', paused: { by: 'alice', since: ago(9), reason: '' }, channels: [] },
        ],
      },
    }
    const ran = await run(['inspect', 'zones'], { answers })
    expect(ran.status).toBe(0)
    expect(ran.out).toBeGolden('inspect-zones.txt')
  })
})
