import { asControlPlane, type ControlPlaneStore, MemoryStore } from '@holdfast/store'
import { pino } from 'pino'
import { beforeEach, expect, test } from 'vitest'
import { createApi } from '../create-api.js'
import { noSync } from '../sync/sync-view.js'
import { problem } from '../testing/harness.js'

// Over the store's real plans: what an operator sees of a global whose zone came back with another log.
const { signal } = new AbortController()
const title = 'Could not decide about a hold'
const startMs = Date.UTC(2026, 0, 2, 3, 4, 5)
let store: ControlPlaneStore
let call: (method: 'GET' | 'POST', url: string, payload?: unknown, admin?: boolean) => Promise<unknown>
let nowMs: number

const up = () => store.channel({ channel: 'up', peer: 'east' })
const batch = (more: object) => ({
  op: 'apply' as const,
  batch: { type: 'MeshTimeout', offers: [], removals: [], absent: [], ...more },
  nowMs,
})

beforeEach(async () => {
  let chance = 0
  nowMs = startMs
  store = asControlPlane(
    new MemoryStore({
      identity: { role: 'global', name: '', storeId: '00000000-0000-4000-8000-000000000001' },
      nowMs: () => nowMs,
      hexDigits: (length) => (++chance).toString(16).padStart(length, '0'),
    }),
  )
  await store.initialise({ actor: 'test', random: Uint8Array.from({ length: 16 }, (_, i) => i) })
  const app = createApi({
    store,
    mode: 'global',
    zoneName: '',
    server: { product: 'Kuma', version: 'preview', hostname: 'h', instanceId: 'i' },
    sync: noSync,
    config: () => ({}),
    log: pino({ level: 'silent' }),
    authenticate: ({ headers }) => ({
      name: String(headers['x-user'] ?? 'anna'),
      groups: ['mesh-system:admin'],
      admin: headers['x-user'] === undefined,
    }),
    nowMs: () => nowMs,
  })
  call = async (method, url, payload, admin = true) => {
    const response = await app.inject({
      method,
      url,
      headers: { 'content-type': 'application/json', ...(admin ? {} : { 'x-user': 'guest' }) },
      ...(payload === undefined ? {} : { payload: typeof payload === 'string' ? payload : JSON.stringify(payload) }),
    })
    return { status: response.statusCode, body: response.json() }
  }
})

const names = (count: number): readonly string[] => Array.from({ length: count }, (_, i) => `thing-${i}`)
const offer = (name: string) => ({
  version: '0'.repeat(64),
  resource: {
    type: 'FutureThing',
    mesh: 'default',
    name,
    labels: { 'kuma.io/zone': 'east' },
    typeUrl: 'type.googleapis.com/future.Thing',
    spec: new Uint8Array(),
  },
})

/** Some of what east has is missing from another log than the one that it was learned from. */
async function hold(count: number): Promise<string> {
  await up().perform(batch({ type: 'FutureThing', offers: names(count).map(offer) }), { signal })
  const absent = names(count).map((name) => `${name}.default`)
  await up().perform(batch({ type: 'FutureThing', absent, epoch: 'f'.repeat(32) }), { signal })
  const [made] = await store.read.holds()
  return made?.id ?? ''
}

test('a hold is shown with what it keeps, approved, and shown with what became of it', async () => {
  const id = await hold(3)
  const held = {
    id,
    peer: 'east',
    type: 'FutureThing',
    zone: 'east',
    resources: 3,
    state: 'held',
    since: '2026-01-02T03:04:05.000Z',
    reason: "3 FutureThing of zone east absent after a change of the sender's log: it may have lost them",
    first: 3,
    offeredAgain: 0,
    deleted: 0,
    decidedBy: null,
    endedAt: null,
    fate: '3 of 3 resources wait for an operator',
  }
  expect(await call('GET', '/_holdfast/holds')).toEqual({ status: 200, body: { items: [held], absent: [] } })
  expect(await call('GET', `/_holdfast/holds/${id}`)).toEqual({
    status: 200,
    body: {
      ...held,
      keys: names(3).map((name) => ({ mesh: 'default', name, displayName: name })),
      keysMore: 0,
    },
  })
  nowMs += 60_000
  expect(await call('POST', `/_holdfast/holds/${id}/approve`, { resources: 3 })).toEqual({
    status: 200,
    body: {
      ...held,
      resources: 0,
      state: 'approved',
      deleted: 3,
      decidedBy: 'anna',
      endedAt: '2026-01-02T03:05:05.000Z',
      fate: 'approved by anna at 2026-01-02T03:05:05.000Z, 3 resources deleted',
      decided: 3,
    },
  })
  expect(await call('GET', '/_holdfast/holds')).toEqual({ status: 200, body: { items: [], absent: [] } })
  expect(await call('GET', '/_holdfast/holds?all=true')).toMatchObject({ body: { items: [{ id, state: 'approved' }] } })
})

test('rejected: what it keeps stays, and may be looked at and approved later', async () => {
  const id = await hold(2)
  expect(await call('POST', `/_holdfast/holds/${id}/reject`, {})).toMatchObject({
    status: 200,
    body: { state: 'rejected', resources: 2, decided: 2 },
  })
  expect(await call('GET', `/_holdfast/holds/${id}`)).toMatchObject({ body: { keys: [{}, {}] } })
  expect(await call('POST', `/_holdfast/holds/${id}/reject`, {})).toEqual(
    problem(
      409,
      'Conflict',
      `hold ${id} is not open any more: rejected by anna at 2026-01-02T03:04:05.000Z, 2 resources kept`,
    ),
  )
  expect(await call('POST', `/_holdfast/holds/${id}/approve`, {})).toMatchObject({ status: 200, body: { deleted: 2 } })
})

test('a decision about what is not there, gone, decided or more than was seen: said, and nothing is lost', async () => {
  const id = await hold(3)
  const unknown = '00000000-0000-8000-8000-000000000000'
  const approve = (of: string, body: unknown = {}) => call('POST', `/_holdfast/holds/${of}/approve`, body)
  expect(await approve(unknown)).toEqual(
    problem(404, title, `there is no hold ${unknown}; see those there are with 'holdfastctl hold list --all'`),
  )
  expect(await call('GET', `/_holdfast/holds/${unknown}`)).toMatchObject({ status: 404 })
  expect(await approve('h1')).toEqual(
    problem(400, 'Bad Request', `"h1" is no id of a hold; it is a UUID, see 'holdfastctl hold list'`),
  )
  expect(await approve(id, { resources: 2 })).toEqual(
    problem(409, 'Conflict', `hold ${id} has 3 resources now, not 2: look at it again`),
  )
  for (const [body, detail] of [
    ['{', /not valid JSON/],
    ['[1]', /must be a JSON object/],
    [{ count: 3, force: true }, /unknown fields: count, force/],
    [{ resources: -1 }, /0 or more, not -1/],
    [{ resources: '3' }, /0 or more, not "3"/],
  ] as const)
    expect(await approve(id, body)).toMatchObject({ status: 400, body: { detail: expect.stringMatching(detail) } })
  expect(await call('POST', `/_holdfast/holds/${id}/approve`, {}, false)).toEqual(
    problem(403, 'Access Denied', 'user "guest" may not approve a hold'),
  )
  expect((await store.read.list({ type: 'FutureThing', offset: 0, limit: 10 })).total).toBe(3)
  await approve(id.toUpperCase())
  expect(await approve(id)).toMatchObject({ status: 409, body: { detail: expect.stringMatching(/approved by anna/) } })
})
