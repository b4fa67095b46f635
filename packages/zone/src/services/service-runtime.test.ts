import { expect, test } from 'vitest'
import { ServiceStand, until } from '../testing/service-stand.js'

const tag = (service: string, protocol?: string) => ({
  'kuma.io/service': service,
  ...(protocol === undefined ? {} : { 'kuma.io/protocol': protocol }),
})

test('VIP-5: a new service is one row in one revision: labels, ports, state, status and VIP', async () => {
  await using zone = await ServiceStand.start()
  await zone.putTagged('dp-1', 'web', 80, 81)
  await until('web', async () => (await zone.service('web')) !== undefined)
  const row = await zone.service('web')
  expect(row).toMatchObject({
    labels: { 'kuma.io/managed-by': 'meshservice-generator', 'kuma.io/zone': 'east', 'kuma.io/mesh': 'default' },
    vips: { addresses: [expect.stringMatching(/^241\.16\./)] },
  })
  expect(await zone.specOf('web')).toEqual({
    state: 'Available',
    selector: { dataplaneTags: { 'kuma.io/service': 'web' } },
    ports: [
      { name: '80', port: 80, targetPort: 80, appProtocol: 'tcp' },
      { name: '81', port: 81, targetPort: 81, appProtocol: 'tcp' },
    ],
    identities: [{ type: 'ServiceTag', value: 'web' }],
  })
  expect(await zone.statusOf('web')).toEqual({
    tls: { status: 'NotReady' },
    dataplaneProxies: { healthy: 1, total: 1 },
  })
  // Nobody who follows the log has seen it otherwise: its row was written once.
  expect([row?.statusRevision, row?.createdAtMs]).toEqual([row?.revision, row?.modifiedAtMs])
})

test('RO: a process that starts anew, or a second one, finds everything done and writes nothing', async () => {
  await using zone = await ServiceStand.start()
  for (const name of ['a', 'b', 'c']) await zone.putTagged(`dp-${name}`, name)
  await zone.settle()
  const revision = await zone.revision()
  await zone.stop()
  zone.asked.length = 0
  zone.serve()
  zone.serve()
  // Both have read to the end once they have made what comes now; only one of them has.
  await zone.putTagged('dp-d', 'd')
  await until('d', async () => (await zone.service('d')) !== undefined)
  await zone.stop()
  expect(await zone.revision()).toBe(revision + 2)
  expect(new Set(zone.asked)).toEqual(new Set(['d']))
})

test('a service stays through its grace and goes after it; the VIP waits for its return', async () => {
  await using zone = await ServiceStand.start()
  await zone.putTagged('dp-1', 'web')
  await until('web', async () => (await zone.service('web')) !== undefined)
  const vips = (await zone.service('web'))?.vips
  await zone.remove('Dataplane', 'dp-1')
  const grace = 'kuma.io/deletion-grace-period-started-at'
  await until('its grace', async () => (await zone.service('web'))?.labels[grace] !== undefined)
  expect((await zone.service('web'))?.labels[grace]).toBe('2026-01-02T03:04:05Z')
  expect((await zone.specOf('web'))?.state).toBe('Unavailable')
  zone.nowMs += 59_000
  await zone.settle()
  expect(await zone.service('web')).toBeDefined()
  zone.nowMs += 1_000
  await zone.putTagged('dp-other', 'other')
  await until('web to go', async () => (await zone.service('web')) === undefined)
  await zone.putTagged('dp-1', 'web')
  await until('web again', async () => (await zone.service('web')) !== undefined)
  expect((await zone.service('web'))?.vips?.addresses).toEqual(vips?.addresses)
})

test('a grace that cannot be read begins again', async () => {
  await using zone = await ServiceStand.start()
  await zone.putTagged('dp-1', 'web')
  await until('web', async () => (await zone.service('web')) !== undefined)
  await zone.remove('Dataplane', 'dp-1')
  const grace = 'kuma.io/deletion-grace-period-started-at'
  await until('its grace', async () => (await zone.service('web'))?.labels[grace] !== undefined)
  await zone.put('MeshService', 'web', {
    labels: { ...(await zone.service('web'))?.labels, [grace]: 'yesterday' },
    spec: await zone.specOf('web'),
  })
  await until('a new grace', async () => (await zone.service('web'))?.labels[grace] === '2026-01-02T03:04:05Z')
})

test('OWN: pins and other labels that an operator has put on a generated service stay on it', async () => {
  await using zone = await ServiceStand.start()
  await zone.putTagged('dp-1', 'web')
  await until('web', async () => (await zone.service('web')) !== undefined)
  const row = await zone.service('web')
  await zone.put('MeshService', 'web', {
    labels: { ...row?.labels, 'kuma.io/kds-sync': 'disabled', tier: 'gold' },
    spec: await zone.specOf('web'),
  })
  await zone.putTagged('dp-1', 'web', 80, 81)
  await until('two ports', async () => (await zone.portsOf('web')).length === 2)
  expect((await zone.service('web'))?.labels).toMatchObject({ 'kuma.io/kds-sync': 'disabled', tier: 'gold' })
})

test('labels of Dataplanes are passed on only where allowed and where all of them agree', async () => {
  await using zone = await ServiceStand.start({ propagated: ['team', 'tier'] })
  const inbound = [{ port: 80, tags: tag('web') }]
  await zone.putDataplane('dp-1', inbound, { team: 'a', tier: 'x', secret: 's' })
  await until('web', async () => (await zone.service('web')) !== undefined)
  expect((await zone.service('web'))?.labels).toMatchObject({ team: 'a', tier: 'x' })
  await zone.putDataplane('dp-2', inbound, { team: 'a', tier: 'y' })
  await until('the label to go', async () => (await zone.service('web'))?.labels.tier === undefined)
  expect((await zone.service('web'))?.labels).toMatchObject({ team: 'a' })
  expect((await zone.service('web'))?.labels.secret).toBeUndefined()
})

test('connected are those whose insight says so, healthy those with a ready inbound for every port', async () => {
  await using zone = await ServiceStand.start()
  await zone.putDataplane('dp-1', [{ port: 80, tags: tag('web') }])
  await zone.putDataplane('dp-2', [{ port: 80, state: 'NotReady', tags: tag('web') }])
  const subscription = { id: '1', controlPlaneInstanceId: 'cp', connectTime: '2026-01-02T03:04:05Z' }
  await zone.put('DataplaneInsight', 'dp-2', { subscriptions: [subscription] })
  const status = (counts: object) => ({ tls: { status: 'NotReady' }, dataplaneProxies: counts })
  await expect.poll(() => zone.statusOf('web')).toEqual(status({ connected: 1, healthy: 1, total: 2 }))
  const { revision } = (await zone.service('web')) ?? {}
  const gone = { ...subscription, disconnectTime: '2026-01-02T03:04:06Z' }
  await zone.put('DataplaneInsight', 'dp-2', { subscriptions: [gone] })
  await expect.poll(() => zone.statusOf('web')).toEqual(status({ healthy: 1, total: 2 }))
  // A status is told upwards only: what other zones read has not moved.
  expect((await zone.service('web'))?.revision).toBe(revision)
})

test('tls is ready once every proxy has a certificate of the mesh, and stays so while the mesh has mTLS', async () => {
  await using zone = await ServiceStand.start()
  const mtls = { mtls: { enabledBackend: 'ca-1', backends: [{ name: 'ca-1', type: 'builtin' }] } }
  await zone.putTagged('dp-1', 'web')
  await until('web', async () => (await zone.service('web')) !== undefined)
  await zone.putMesh('Exclusive', mtls)
  await zone.settle()
  const tls = async () => ((await zone.statusOf('web')) as { tls: { status: string } }).tls.status
  expect(await tls()).toBe('NotReady')
  await zone.put('DataplaneInsight', 'dp-1', { mTLS: { issuedBackend: 'ca-1' } })
  await expect.poll(tls).toBe('Ready')
  await zone.putTagged('dp-2', 'web')
  await expect
    .poll(() => zone.statusOf('web'))
    .toEqual({ tls: { status: 'Ready' }, dataplaneProxies: { healthy: 2, total: 2 } })
  await zone.putMesh('Exclusive')
  await expect.poll(tls).toBe('NotReady')
})

test('a service made by hand gets state and status by its own selector, and by nothing of its labels or ports', async () => {
  await using zone = await ServiceStand.start()
  await zone.put('MeshService', 'by-label', {
    spec: {
      selector: { dataplaneLabels: { matchLabels: { app: 'web', version: 'v1' } } },
      ports: [{ port: 80, targetPort: 'http' }],
    },
  })
  await zone.put('MeshService', 'by-ref', {
    spec: { selector: { dataplaneRef: { name: 'dp-2' } }, ports: [{ port: 80 }] },
  })
  await zone.putDataplane('dp-1', [{ port: 8080, name: 'http' }], { app: 'web', version: 'v1' })
  await zone.putDataplane('dp-2', [{ port: 8080, name: 'http' }], { app: 'web', version: 'v2' })
  await expect.poll(async () => (await zone.specOf('by-label'))?.state).toBe('Available')
  await expect
    .poll(() => zone.statusOf('by-ref'))
    .toEqual({ tls: { status: 'NotReady' }, dataplaneProxies: { total: 1 } })
  // A port without a target is served by no inbound.
  expect((await zone.specOf('by-ref'))?.state).toBe('Unavailable')
  expect(await zone.statusOf('by-label')).toEqual({
    tls: { status: 'NotReady' },
    dataplaneProxies: { healthy: 1, total: 1 },
  })
})

test('nothing is generated in a mesh that does not want it, and a selector counts all the same', async () => {
  await using zone = await ServiceStand.start()
  await zone.putTagged('dp-1', 'web')
  await until('web', async () => (await zone.service('web')) !== undefined)
  await zone.putMesh('Disabled')
  const grace = 'kuma.io/deletion-grace-period-started-at'
  await until('its grace', async () => (await zone.service('web'))?.labels[grace] !== undefined)
  // It is served until then: a mesh that was made anew by mistake takes nothing with it.
  expect((await zone.specOf('web'))?.state).toBe('Available')
  zone.nowMs += 60_000
  await zone.putDataplane('dp-other', [])
  await until('web to go', async () => (await zone.service('web')) === undefined)
  await zone.put('MeshService', 'manual', {
    spec: { selector: { dataplaneTags: { 'kuma.io/service': 'web' } }, ports: [{ port: 80, targetPort: 8080 }] },
  })
  await expect.poll(async () => (await zone.specOf('manual'))?.state).toBe('Available')
})

test('a mesh that is gone takes nothing with it: its services wait for it as they were', async () => {
  await using zone = await ServiceStand.start()
  await zone.putTagged('dp-1', 'web')
  await until('web', async () => (await zone.service('web')) !== undefined)
  const before = await zone.service('web')
  await zone.remove('Mesh', 'default', '')
  await zone.remove('Dataplane', 'dp-1')
  await zone.putMesh('Exclusive', {}, 'other')
  await zone.put(
    'Dataplane',
    'dp-o',
    {
      networking: { address: '10.0.0.1', inbound: [{ port: 80, tags: tag('in-other') }] },
    },
    'other',
  )
  const inOther = { type: 'MeshService', mesh: 'other', name: 'in-other' }
  await until('a service of another mesh', async () => (await zone.store.read.get(inOther)) !== undefined)
  const meanwhile = await zone.service('web')
  expect([meanwhile?.audience, meanwhile?.vips, meanwhile?.labels]).toEqual(['suspended', before?.vips, before?.labels])
  await zone.putMesh('Exclusive')
  await until('the grace, now that the mesh is there', async () => (await zone.specOf('web'))?.state === 'Unavailable')
  expect((await zone.service('web'))?.vips).toEqual(before?.vips)
})

test('a store that recovers is not concluded from', async () => {
  await using zone = await ServiceStand.start()
  await zone.putTagged('dp-1', 'web')
  await until('web', async () => (await zone.service('web')) !== undefined)
  await zone.stop()
  zone.memory.judge([
    { from: 'process', witness: 'test', cursor: { epoch: 'ab'.repeat(16), revision: 9_999, tag: '0' } },
  ])
  expect(zone.memory.status().state).toBe('recovering')
  await zone.remove('Dataplane', 'dp-1')
  const before = await zone.service('web')
  await zone.putTagged('dp-2', 'other')
  const reads = zone.logReads
  zone.serve()
  // It reads the log, and comes back for another look.
  await until('two looks at the log', () => zone.logReads >= reads + 2)
  expect(await zone.service('web')).toEqual(before)
  zone.memory.finishRecovery()
  await until('other', async () => (await zone.service('other')) !== undefined)
})
