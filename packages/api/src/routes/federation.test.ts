import { asControlPlane, MemoryStore } from '@holdfast/store'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { createApi } from '../create-api.js'
import type { Mode } from '../options.js'
import { noSync, type PeerSync, type SyncView } from '../sync/sync-view.js'
import { createAnswerer } from '../vips/questions.js'
import { lackingQuestion } from '../zones/lacking.js'

const storeId = '00000000-0000-4000-8000-000000000001'

/** The API over the store's real plans, in memory. */
async function open(mode: Mode, sync: SyncView = noSync) {
  let chance = 0
  const name = mode === 'global' ? '' : 'east'
  const store = asControlPlane(
    new MemoryStore({
      identity: { role: mode === 'global' ? 'global' : 'zone', name, storeId },
      nowMs: () => 1_000_000,
      hexDigits: (length) => (++chance).toString(16).padStart(length, '0'),
    }),
  )
  await store.initialise({ actor: 'test', random: Uint8Array.from({ length: 16 }, (_, i) => i) })
  const app = createApi({
    ...{ store, mode, zoneName: name, sync },
    server: { product: 'Kuma', version: 'preview', hostname: 'h', instanceId: 'i' },
    config: () => ({}),
    log: pino({ level: 'silent' }),
    nowMs: () => 1_000_000,
  })
  const call = async (method: 'GET' | 'PUT' | 'POST', url: string, payload?: object) => {
    const response = await app.inject({ method, url, ...(payload === undefined ? {} : { payload }) })
    return { status: response.statusCode, body: response.json() }
  }
  return { store, call }
}

const plan = '/_holdfast/federation/plan'
const whole = { zone: 'east', storeId, blocks: ['241.32.0.0/20'], meshes: ['shop'], services: [] }

test('the plan of a join: what stays, what is held, and who would not be let in', async () => {
  const global = await open('global')
  expect((await global.call('PUT', '/meshes/default', { type: 'Mesh', name: 'default' })).status).toBe(201)
  const services = [
    { kind: 'MeshService', mesh: 'default', name: 'web', addresses: ['241.32.0.7'] },
    { kind: 'MeshService', mesh: 'shop', namespace: 'n', name: 'cart', addresses: [] },
  ]
  const { revision } = (await global.store.status()).head
  expect(await global.call('POST', plan, { ...whole, services })).toEqual({
    status: 200,
    body: {
      refused: null,
      blocks: [{ cidr: '241.32.0.0/20', confirmed: true, reason: null }],
      meshes: [{ name: 'shop', held: true }],
      services: [
        {
          ...{ kind: 'MeshService', mesh: 'default', zone: 'east', namespace: '', name: 'web' },
          ...{ held: false, waiting: false },
          addresses: [{ address: '241.32.0.7', fate: 'canonical', reason: null }],
        },
        {
          ...{ kind: 'MeshService', mesh: 'shop', zone: 'east', namespace: 'n', name: 'cart' },
          ...{ held: true, waiting: true, addresses: [] },
        },
      ],
    },
  })
  expect((await global.store.status()).head.revision).toBe(revision)
})

test.each([
  ['no zone', { ...whole, zone: '' }, 400, '"zone"'],
  ['no store', { ...whole, storeId: 7 }, 400, '"storeId"'],
  ['blocks that are none', { ...whole, blocks: '10.0.0.0/8' }, 400, '"blocks" must be a list of texts'],
  ['a service that is none', { ...whole, services: [null] }, 400, '"services[0]" must have a kind and a name'],
  ['a service of a number', { ...whole, services: [{ kind: 'MeshService', name: 5 }] }, 400, '"services[0].name"'],
  [
    'addresses that are none',
    { ...whole, services: [{ kind: 'MeshService', name: 'web', addresses: [1] }] },
    400,
    '"services[0].addresses" must be a list of texts',
  ],
  ['too many services', { ...whole, services: Array.from({ length: 10_001 }, () => null) }, 413, 'ask in parts'],
])('bad input: a plan with %s is refused by name', async (_, body, status, words) => {
  const global = await open('global')
  const answer = await global.call('POST', plan, body)
  expect([answer.status, JSON.stringify(answer.body)]).toEqual([
    status,
    expect.stringContaining(JSON.stringify(words).slice(1, -1)),
  ])
})

test('a zone is not asked what joining it would do', async () => {
  const zone = await open('standalone')
  expect((await zone.call('POST', plan, whole)).status).toBe(405)
})

test('what only a connected zone has is shown with its adoption, as one would write it at global', async () => {
  const zone = await open('standalone')
  expect((await zone.call('PUT', '/meshes/shop', { type: 'Mesh', name: 'shop', labels: { team: 'a' } })).status).toBe(
    201,
  )
  const answer = createAnswerer({ store: zone.store, mode: 'federated', zoneName: 'east' })
  const peers: PeerSync[] = [{ peer: 'east', connected: true, extension: true, channels: [] }]
  const global = await open('global', {
    peers: () => peers,
    askZone: async (_, question, body) => {
      expect(question).toBe(lackingQuestion)
      return answer(question, body)
    },
  })
  await global.call('PUT', '/zones/east', { type: 'Zone', name: 'east', enabled: true })
  const adopt = `/_holdfast/zones/east/adopt?storeId=${storeId}`
  const { body } = await global.call('GET', adopt)
  expect([body.lacking, body.notAsked]).toEqual([[{ type: 'Mesh', name: 'shop', labels: { team: 'a' } }], null])
  expect((await global.call('POST', '/_apply', { items: body.lacking } as object)).status).toBe(200)
  expect((await global.call('GET', '/meshes/shop')).body.labels).toMatchObject({ team: 'a' })
  peers.length = 0
  const away = await global.call('GET', adopt)
  expect([away.body.lacking, away.body.notAsked]).toEqual([[], 'zone east is not connected'])
})
