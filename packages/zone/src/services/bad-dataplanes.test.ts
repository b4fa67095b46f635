import { expect, test } from 'vitest'
import { ServiceStand, until } from '../testing/service-stand.js'

// Dataplanes that no good service can be made of: what is done, and that it is said.
const tag = (service: string, protocol?: string) => ({
  'kuma.io/service': service,
  ...(protocol === undefined ? {} : { 'kuma.io/protocol': protocol }),
})

const problemsOf = (zone: ServiceStand) => zone.runtime.problems().map(({ name, reason }) => [name, reason])

test('a Dataplane without inbounds, or a gateway, makes no service', async () => {
  await using zone = await ServiceStand.start()
  await zone.putDataplane('dp-none', [], { 'kuma.io/workload': 'none' })
  await zone.put('Dataplane', 'gateway', {
    networking: { address: '10.0.0.1', gateway: { type: 'DELEGATED', tags: tag('edge') } },
  })
  await zone.settle()
  expect([await zone.service('none'), await zone.service('edge')]).toEqual([undefined, undefined])
  expect(zone.runtime.problems()).toEqual([])
})

test('a port that several inbounds have is one port of the service, and is said', async () => {
  await using zone = await ServiceStand.start()
  const inbound = (port: number, address: string, protocol: string) => ({ port, address, tags: tag('web', protocol) })
  await zone.putDataplane('dp-1', [
    inbound(80, '10.0.0.1', 'http'),
    inbound(80, '10.0.0.2', 'http'),
    inbound(80, '10.0.0.3', 'grpc'),
  ])
  await until('web', async () => (await zone.service('web')) !== undefined)
  expect((await zone.portsOf('web')).map(({ port, appProtocol }) => [port, appProtocol])).toEqual([
    [80, 'http'],
    [80, 'grpc'],
  ])
  expect(problemsOf(zone)).toEqual([['web', 'DuplicatePort']])
})

test('500 inbounds are 500 ports of one service', async () => {
  await using zone = await ServiceStand.start()
  const inbounds = Array.from({ length: 500 }, (_, i) => ({ port: 1_000 + i, tags: tag('wide') }))
  await zone.putDataplane('dp-1', inbounds)
  await until('wide', async () => (await zone.service('wide')) !== undefined)
  expect(await zone.portsOf('wide')).toHaveLength(500)
  expect((await zone.specOf('wide'))?.state).toBe('Available')
})

test('a value that no service can be called is said with the Dataplane, and the other services of it are made', async () => {
  await using zone = await ServiceStand.start()
  await zone.putDataplane('dp-1', [
    { port: 80, tags: tag('My_Service') },
    { port: 81, tags: tag('fine') },
  ])
  await until('fine', async () => (await zone.service('fine')) !== undefined)
  await expect.poll(() => problemsOf(zone)).toEqual([['My_Service', 'InvalidName']])
  expect(zone.runtime.problems()[0]?.message).toMatch(/^Dataplane dp-1: tag kuma\.io\/service: .*DNS-1035/)
  await zone.putDataplane('dp-1', [{ port: 81, tags: tag('fine') }])
  await expect.poll(() => problemsOf(zone)).toEqual([])
})

test('two Dataplanes that disagree about a protocol: the service follows the older one, whatever its name', async () => {
  await using zone = await ServiceStand.start()
  await zone.putDataplane('z-old', [{ port: 80, tags: tag('web', 'http') }])
  zone.nowMs += 1_000
  await zone.putDataplane('a-new', [{ port: 80, tags: tag('web', 'grpc') }])
  await zone.settle()
  const protocol = async () => (await zone.portsOf('web'))[0]?.appProtocol
  expect(await protocol()).toBe('http')
  expect(problemsOf(zone)).toEqual([['web', 'PortConflict']])
  expect(zone.runtime.problems()[0]?.message).toContain('a-new')
  // Both are selected, and the one that differs serves the port all the same.
  expect(await zone.statusOf('web')).toMatchObject({ dataplaneProxies: { total: 2, healthy: 2 } })
  await zone.remove('Dataplane', 'z-old')
  await expect.poll(protocol).toBe('grpc')
  expect(problemsOf(zone)).toEqual([])
})

test('of Dataplanes that are there before the service the oldest decides, whatever its name', async () => {
  await using zone = await ServiceStand.start()
  await zone.stop()
  await zone.putDataplane('z-old', [{ port: 80, tags: tag('web', 'http') }])
  zone.nowMs += 1_000
  await zone.putDataplane('a-new', [{ port: 80, tags: tag('web', 'grpc') }])
  zone.serve()
  await until('web', async () => (await zone.service('web')) !== undefined)
  expect((await zone.portsOf('web'))[0]?.appProtocol).toBe('http')
})

test('with a workload label and tags the label decides', async () => {
  await using zone = await ServiceStand.start()
  await zone.putDataplane('dp-1', [{ port: 80, tags: tag('by-tag') }], { 'kuma.io/workload': 'by-label' })
  await until('by-label', async () => (await zone.service('by-label')) !== undefined)
  expect(await zone.service('by-tag')).toBeUndefined()
})

test('what the store refuses is said, and made once it can be', async () => {
  await using zone = await ServiceStand.start()
  await zone.put('MeshService', 'other', { labels: { 'kuma.io/display-name': 'web' }, spec: { selector: {} } })
  await zone.putTagged('dp-1', 'web')
  await expect.poll(() => problemsOf(zone)).toEqual([['web', 'Refused']])
  expect(zone.runtime.problems()[0]?.message).toContain('"other"')
  await zone.remove('MeshService', 'other')
  await until('web', async () => (await zone.service('web')) !== undefined)
  await expect.poll(() => problemsOf(zone)).toEqual([])
})
