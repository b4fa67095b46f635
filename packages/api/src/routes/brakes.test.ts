import { beforeEach, expect, test } from 'vitest'
import { openReal, type Real } from '../testing/real.js'

let api: Real
beforeEach(async () => {
  api = await openReal('global')
})

const mesh = { type: 'Mesh', name: 'shop' }

test('read-only: 423 with who, why and the way out, for whatever would change something; reads and dry runs go on', async () => {
  expect((await api.call('GET', '/_holdfast/read-only')).body).toEqual({ readOnly: null })
  const set = await api.call('PUT', '/_holdfast/read-only', { reason: 'an upgrade' })
  expect(set).toMatchObject({ status: 200, body: { changed: true, readOnly: { reason: 'an upgrade' } } })
  const by = set.body.readOnly.by
  expect(by).not.toBe('')
  for (const [method, url, body] of [
    ['PUT', '/meshes/shop', mesh],
    ['POST', '/_apply', { items: [mesh] }],
    ['DELETE', '/meshes/shop', undefined],
    ['POST', '/_holdfast/zones/east/decommission', {}],
    ['POST', '/_holdfast/zones/east/adopt', {}],
    ['POST', '/_holdfast/zones/east/join', {}],
    ['POST', '/_holdfast/holds/00000000-0000-4000-8000-000000000000/approve', {}],
    ['POST', '/_holdfast/vips/import', { claims: [], apply: true }],
    ['POST', '/_holdfast/vips/rebuild', { apply: true }],
    ['POST', '/_holdfast/vips/pools', { kind: 'MeshService', cidr: '241.208.0.0/16', apply: true }],
    ['POST', '/_holdfast/secrets/rotate', {}],
  ] as const) {
    const { status, body: said } = await api.call(method, url, body)
    expect([url, status, said.title]).toEqual([url, 423, 'Read-only'])
    expect(said.detail).toContain(by)
    expect(said.detail).toMatch(/an upgrade.*holdfastctl read-only off/)
  }
  expect((await api.call('PUT', '/meshes/shop?dryRun=true', mesh)).status).toBe(200)
  expect((await api.call('POST', '/_holdfast/vips/import', { claims: [] })).status).toBe(200)
  expect((await api.call('GET', '/meshes')).body.total).toBe(0)
  expect((await api.call('GET', '/_holdfast/status')).body.readOnly).toEqual(set.body.readOnly)
  // Whoever comes second changes nothing, and ends it all the same.
  const second = await api.call('PUT', '/_holdfast/read-only', { reason: 'another one' })
  expect(second.body).toEqual({ changed: false, readOnly: set.body.readOnly })
  expect((await api.call('DELETE', '/_holdfast/read-only')).body).toEqual({ changed: true, readOnly: null })
  expect((await api.call('PUT', '/meshes/shop', mesh)).status).toBe(201)
})

test('a zone is paused and resumed; what is no zone, no reason and no place for it is told', async () => {
  const none = await api.call('POST', '/_holdfast/zones/east/pause', {})
  expect([none.status, none.body.detail]).toEqual([404, expect.stringContaining('holdfastctl zone list')])
  await api.store.sessions.meetPlain('east')
  const paused = await api.call('POST', '/_holdfast/zones/east/pause', { reason: 'its database moves' })
  expect(paused.body).toMatchObject({ zone: 'east', changed: true, paused: { reason: 'its database moves' } })
  expect((await api.call('GET', '/_holdfast/zones')).body.items).toMatchObject([
    { name: 'east', paused: { reason: 'its database moves' } },
  ])
  expect((await api.call('GET', '/_holdfast/overview')).body.attention).toContainEqual({
    what: expect.stringMatching(/^zone east is paused by .*: its database moves$/),
    since: paused.body.paused.since,
    next: 'holdfastctl zone resume east',
  })
  const wrong = await api.call('POST', '/_holdfast/zones/east/pause', { why: 'x' })
  expect([wrong.status, wrong.body.detail]).toEqual([400, 'unknown fields: why; only "reason" is known'])
  expect((await api.call('POST', '/_holdfast/zones/east/pause', { reason: 'x'.repeat(501) })).status).toBe(400)
  const resumed = await api.call('POST', '/_holdfast/zones/east/resume', {})
  expect(resumed.body).toEqual({ zone: 'east', changed: true, paused: null })
  const zone = await openReal('federated')
  expect((await zone.call('POST', '/_holdfast/zones/east/pause', {})).status).toBe(405)
})

test('brakes work while another one is pulled', async () => {
  await api.store.sessions.meetPlain('east')
  await api.call('PUT', '/_holdfast/read-only', {})
  expect((await api.call('POST', '/_holdfast/zones/east/pause', {})).body.changed).toBe(true)
  expect((await api.call('POST', '/_holdfast/zones/east/resume', {})).body.changed).toBe(true)
})

test('what is protected is deleted after the label was taken off, and not before', async () => {
  const labels = { 'holdfast.io/delete-protection': 'true' }
  expect((await api.call('PUT', '/meshes/shop', { ...mesh, labels })).status).toBe(201)
  const refused = await api.call('DELETE', '/meshes/shop')
  expect([refused.status, refused.body.detail]).toEqual([
    409,
    'Mesh "shop" is protected from deletion: apply it without the label holdfast.io/delete-protection first',
  ])
  await api.call('PUT', '/meshes/shop', mesh)
  expect((await api.call('DELETE', '/meshes/shop')).status).toBe(200)
})

test('labels of brakes are checked where they are written', async () => {
  const labels = { 'holdfast.io/quota-resources': 'many', 'holdfast.io/delete-protection': 'yes' }
  const zone = await api.call('PUT', '/zones/east', { type: 'Zone', name: 'east', enabled: true, labels })
  expect(zone.body.invalid_parameters).toEqual([
    { field: 'labels["holdfast.io/quota-resources"]', reason: 'must be a whole number of 1 or more, in digits' },
    { field: 'labels["holdfast.io/delete-protection"]', reason: 'must be true or false' },
  ])
  const other = await api.call('PUT', '/meshes/shop', { ...mesh, labels: { 'holdfast.io/quota-bytes': '1' } })
  expect(other.body.invalid_parameters).toEqual([
    { field: 'labels["holdfast.io/quota-bytes"]', reason: 'limits a Zone; a Mesh has no quota: leave the label out' },
  ])
})
