import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  hasBlocks,
  putDataplane,
  putMesh,
  putTagged,
  removeDataplane,
  serviceProblems,
  shownService,
} from '../testing/dataplanes.js'
import {
  type GlobalPlane,
  inStep,
  putService,
  remove,
  startGlobal,
  startZone,
  until,
  type ZonePlane,
} from '../testing/mesh.js'

// MeshServices that a zone makes of its Dataplanes, in one zone and as they are seen in another one.
let global: GlobalPlane
let east: ZonePlane
let west: ZonePlane

beforeAll(async () => {
  global = await startGlobal()
  await putMesh(global, 'Exclusive')
  ;[east, west] = await Promise.all([startZone('east', global.port), startZone('west', global.port)])
  await until('both zones to be in step', () => inStep(east) && inStep(west), 30_000)
  // Without them a service would wait for its VIP, and say so.
  await until('east to have blocks', () => hasBlocks(east), 30_000)
})

afterAll(async () => {
  await Promise.allSettled([east?.close(), west?.close()])
  await global?.close()
})

const withinMs = 20_000
const serviceIn = (plane: GlobalPlane | ZonePlane, name: string) => shownService(plane, name, 'east')
const untilService = (name: string, level: (service: Awaited<ReturnType<typeof serviceIn>>) => boolean) =>
  until(`${name} in east`, async () => level(await serviceIn(east, name)), withinMs)

test('VIP-5: a Dataplane with a tag makes a service with ports, labels, state, status and VIP at once', async () => {
  await putTagged(east, 'dp-1', 'backend')
  await untilService('backend', (service) => service !== undefined)
  const service = await serviceIn(east, 'backend')
  expect(service).toMatchObject({
    name: 'backend',
    labels: {
      'kuma.io/mesh': 'default',
      'kuma.io/display-name': 'backend',
      'kuma.io/managed-by': 'meshservice-generator',
      'kuma.io/env': 'universal',
      'kuma.io/zone': 'east',
      'kuma.io/origin': 'zone',
    },
    spec: {
      state: 'Available',
      selector: { dataplaneTags: { 'kuma.io/service': 'backend' } },
      ports: [{ name: '8080', port: 8080, targetPort: 8080, appProtocol: 'http' }],
      identities: [{ type: 'ServiceTag', value: 'backend' }],
    },
    status: { tls: { status: 'NotReady' }, dataplaneProxies: { healthy: 1, total: 1 } },
  })
  expect(service?.status.vips).toHaveLength(2)
  await until('west to have it', async () => (await serviceIn(west, 'backend')) !== undefined, withinMs)
  const there = await serviceIn(west, 'backend')
  expect([there?.spec, there?.status.vips]).toEqual([service?.spec, service?.status.vips])
})

test('a Dataplane with a workload label makes a service of all its inbounds', async () => {
  await putDataplane(east, 'dp-cart', {
    labels: { 'kuma.io/workload': 'cart' },
    inbound: [
      { port: 8080, name: 'http', protocol: 'http' },
      { port: 9090, protocol: 'grpc' },
    ],
  })
  await untilService('cart', (service) => service !== undefined)
  expect(await serviceIn(east, 'cart')).toMatchObject({
    spec: {
      state: 'Available',
      selector: { dataplaneLabels: { matchLabels: { 'kuma.io/workload': 'cart' } } },
      ports: [
        { name: 'http', port: 8080, targetPort: 8080, appProtocol: 'http' },
        { name: '9090', port: 9090, targetPort: 9090, appProtocol: 'grpc' },
      ],
    },
  })
})

test('an inbound that is not ready makes the service unavailable, here and elsewhere; its VIP stays', async () => {
  const setting = (state: 'Ready' | 'NotReady') => ({
    labels: { 'kuma.io/workload': 'shaky' },
    inbound: [{ port: 8080, state }],
  })
  await putDataplane(east, 'dp-shaky', setting('Ready'))
  await untilService('shaky', (service) => service?.spec.state === 'Available')
  const vips = (await serviceIn(east, 'shaky'))?.status.vips
  await putDataplane(east, 'dp-shaky', setting('NotReady'))
  await untilService('shaky', (service) => service?.spec.state === 'Unavailable')
  await until('west to see it', async () => (await serviceIn(west, 'shaky'))?.spec.state === 'Unavailable', withinMs)
  const service = await serviceIn(east, 'shaky')
  expect(service?.status).toMatchObject({ dataplaneProxies: { total: 1 }, vips })
  expect(service?.status.dataplaneProxies?.healthy).toBeUndefined()
  await until(
    'global to have the status',
    async () => (await serviceIn(global, 'shaky'))?.status.dataplaneProxies?.total === 1,
    withinMs,
  )
})

test('OWN: a service made by hand is neither touched nor taken over; it is said, and made once its name is free', async () => {
  await putService(east, 'manual')
  const before = await serviceIn(east, 'manual')
  await putTagged(east, 'dp-manual', 'manual')
  await until('the problem to show', async () => (await serviceProblems(east)).length > 0, withinMs)
  expect(await serviceProblems(east)).toMatchObject([{ name: 'manual', reason: 'NameTaken' }])
  expect(await serviceIn(east, 'manual')).toEqual(before)
  await remove(east, '/meshes/default/meshservices/manual')
  await untilService('manual', (service) => service?.labels['kuma.io/managed-by'] === 'meshservice-generator')
  expect((await serviceIn(east, 'manual'))?.status.vips).toEqual(before?.status.vips)
  await until('the problem to go', async () => (await serviceProblems(east)).length === 0, withinMs)
})

test('OWN: a generated service that was changed or deleted by hand is as its Dataplanes say again, with its VIP', async () => {
  await putTagged(east, 'dp-mended', 'mended')
  await untilService('mended', (service) => service !== undefined)
  const before = await serviceIn(east, 'mended')
  await remove(east, '/meshes/default/meshservices/mended')
  await untilService('mended', (service) => service?.spec.state === 'Available')
  expect(await serviceIn(east, 'mended')).toMatchObject({ spec: before?.spec, status: { vips: before?.status.vips } })
})

test('of Dataplanes that disagree the service follows the oldest, says who differs, and changes with the last of them', async () => {
  await putTagged(east, 'old-1', 'rolling', 8080)
  await untilService('rolling', (service) => service !== undefined)
  const vips = (await serviceIn(east, 'rolling'))?.status.vips
  await putTagged(east, 'new-1', 'rolling', 8080, 9090)
  await until('the conflict to show', async () => (await serviceProblems(east)).length > 0, withinMs)
  expect(await serviceProblems(east)).toMatchObject([{ name: 'rolling', reason: 'PortConflict' }])
  expect((await serviceProblems(east))[0]?.message).toContain('new-1')
  expect((await serviceIn(east, 'rolling'))?.spec.ports).toHaveLength(1)
  await removeDataplane(east, 'old-1')
  await untilService('rolling', (service) => service?.spec.ports?.length === 2)
  expect((await serviceIn(east, 'rolling'))?.status.vips).toEqual(vips)
  await until('the conflict to be over', async () => (await serviceProblems(east)).length === 0, withinMs)
})
