import { expect, test } from 'vitest'
import { harness, ok, problem } from '../testing/harness.js'

const generator = (selector: string, labels: Readonly<Record<string, string>>, template: string) =>
  Buffer.from(JSON.stringify({ selector: { [selector]: { matchLabels: labels } }, template }))
const local = generator('meshService', { 'kuma.io/origin': 'zone' }, '{{ .DisplayName }}.svc.mesh.local')
const synced = generator(
  'meshService',
  { 'kuma.io/origin': 'global', 'kuma.io/env': 'universal' },
  '{{ .DisplayName }}.svc.{{ .Zone }}.mesh.local',
)
const labelsOf = (zone: string) => ({
  'kuma.io/display-name': 'web',
  'kuma.io/env': 'universal',
  'kuma.io/mesh': 'default',
  'kuma.io/zone': zone,
})
const spec = Buffer.from('{"selector":{}}')
const vips = { addresses: ['241.16.0.1'], generation: 0 }

type Shown = { status: { addresses?: { hostname: string }[]; conditions?: unknown[] } }
const hostnames = ({ body }: { body: unknown }) =>
  ((body as Shown).status.addresses ?? []).map(({ hostname }) => hostname)

test('a zone names what is its own and what is of other zones differently', async () => {
  const { call, store } = harness('federated')
  store.put({ type: 'Mesh', mesh: '', name: 'default', origin: '' })
  store.put({ type: 'HostnameGenerator', mesh: '', name: 'local', spec: local })
  store.put({ type: 'HostnameGenerator', mesh: '', name: 'synced-x', spec: synced, origin: '' })
  store.put({ type: 'MeshService', mesh: 'default', name: 'web', labels: labelsOf('zone-1'), spec, vips })
  store.put({
    type: 'MeshService',
    mesh: 'default',
    name: 'web-x',
    labels: labelsOf('west'),
    spec,
    vips,
    origin: 'west',
  })
  expect(hostnames(await call('GET', '/meshes/default/meshservices/web'))).toEqual(['web.svc.mesh.local'])
  expect(hostnames(await call('GET', '/meshes/default/meshservices/web-x'))).toEqual(['web.svc.west.mesh.local'])
})

test('VIP-5: without a VIP a service has no name, and gets it with the VIP', async () => {
  const { call, store } = harness('federated')
  store.put({ type: 'Mesh', mesh: '', name: 'default', origin: '' })
  store.put({ type: 'HostnameGenerator', mesh: '', name: 'local', spec: local })
  const web = { type: 'MeshService', mesh: 'default', name: 'web', labels: labelsOf('zone-1'), spec }
  store.put({ ...web, pendingReason: 'pool full' })
  expect(hostnames(await call('GET', '/meshes/default/meshservices/web'))).toEqual([])
  store.put({ ...web, vips })
  expect(hostnames(await call('GET', '/meshes/default/meshservices/web'))).toEqual(['web.svc.mesh.local'])
})

test('global shows the names that all other zones use, and _hostnames all of them', async () => {
  const { call, store } = harness('global')
  store.put({ type: 'Mesh', mesh: '', name: 'default' })
  store.put({ type: 'HostnameGenerator', mesh: '', name: 'synced', spec: synced })
  store.put({ type: 'HostnameGenerator', mesh: '', name: 'local-e', spec: local, origin: 'east' })
  store.put({ type: 'HostnameGenerator', mesh: '', name: 'local-w', spec: local, origin: 'west' })
  for (const zone of ['east', 'west'])
    store.put({
      type: 'MeshService',
      mesh: 'default',
      name: `web-${zone}`,
      labels: labelsOf(zone),
      spec,
      vips,
      origin: zone,
    })
  const path = '/meshes/default/meshservices'
  expect(hostnames(await call('GET', `${path}/web-east`))).toEqual(['web.svc.east.mesh.local'])
  expect(hostnames(await call('GET', `${path}/web-west`))).toEqual(['web.svc.west.mesh.local'])
  expect(await call('GET', `${path}/web-east/_hostnames`)).toEqual(
    ok({
      items: [
        { hostname: 'web.svc.east.mesh.local', zones: [{ name: 'east' }] },
        { hostname: 'web.svc.mesh.local', zones: [{ name: 'east' }] },
      ],
      total: 2,
    }),
  )
})

test('_hostnames of what has none', async () => {
  const { call, store } = harness('global')
  store.put({ type: 'Mesh', mesh: '', name: 'default' })
  store.put({ type: 'MeshService', mesh: 'default', name: 'web', spec, origin: 'east' })
  expect(await call('GET', '/meshes/default/meshservices/web/_hostnames')).toEqual(ok({ items: null, total: 0 }))
  expect(await call('GET', '/meshes/default/meshservices/nope/_hostnames')).toEqual(
    problem(404, 'could not retrieve service', 'Not found'),
  )
  expect(await call('GET', '/meshes/default/meshtimeouts/x/_hostnames')).toEqual(
    problem(
      400,
      'only "meshservices,meshexternalservices,meshmultizoneservices" are available for inspection',
      'Resource is not valid',
    ),
  )
})
