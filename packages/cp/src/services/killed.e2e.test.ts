import { countWrites, freshDatabase, type TestDatabase } from '@holdfast/store/testing'
import { afterAll, expect, test, vi } from 'vitest'
import { ask, Processes, type Running, vipsOf } from '../testing/process.js'

// A zone of its own, as a process, that is killed while it makes services of the Dataplanes that it has been given.
vi.setConfig({ testTimeout: 180_000 })
const processes = new Processes()
const databases: TestDatabase[] = []
afterAll(async () => {
  await processes.close()
  for (const made of databases) await made.drop()
})

const count = 300
const name = (i: number): string => `service-${i}`
const dataplane = (i: number) => ({
  type: 'Dataplane',
  mesh: 'default',
  name: `dp-${i}`,
  networking: { address: '127.0.0.1', inbound: [{ port: 8080, tags: { 'kuma.io/service': name(i) } }] },
})

async function untilServices(zone: Running, wanted: number): Promise<Readonly<Record<string, readonly string[]>>> {
  const endMs = performance.now() + 60_000
  for (;;) {
    const vips = await vipsOf(zone)
    if (Object.values(vips).filter((addresses) => addresses.length > 0).length >= wanted) return vips
    if (performance.now() > endMs) throw new Error(`${Object.keys(vips).length} of ${wanted} services: ${zone.out}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

test('VIP-1, VIP-5: killed while it makes services, a zone makes the rest when it is back, each once and with one address', async () => {
  const database = await freshDatabase()
  databases.push(database)
  await countWrites(database.url)
  const flags = ['--zone', 'east', '--database-url', database.url, '--vip-block', '241.200.0.0/16']
  let zone = await processes.start('zone', flags)
  const mesh = { type: 'Mesh', name: 'default', meshServices: { mode: 'Exclusive' } }
  expect((await ask('PUT', `${zone.apiUrl}/meshes/default`, mesh)).status).toBe(201)
  // One request, one commit: the services come after it.
  const resources = Array.from({ length: count }, (_, i) => dataplane(i))
  expect((await ask('POST', `${zone.apiUrl}/_apply`, { items: resources })).status).toBe(200)
  await zone.signal('SIGKILL')
  zone = await processes.start('zone', flags)
  const before = await untilServices(zone, count)
  expect(Object.keys(before)).toHaveLength(count)
  const addresses = Object.values(before).flat()
  expect(new Set(addresses).size).toBe(addresses.length)
  await zone.signal('SIGKILL')
  zone = await processes.start('zone', flags)
  expect(await untilServices(zone, count)).toEqual(before)
  const { body } = await ask('GET', `${zone.apiUrl}/meshes/default/meshservices/${name(7)}`)
  expect(body).toMatchObject({ spec: { state: 'Available' }, status: { dataplaneProxies: { healthy: 1, total: 1 } } })
  const ctl = await processes.holdfastctl(['--url', zone.apiUrl, 'inspect', 'services'])
  expect(ctl.out).toMatch(/service-7 +east +default +Available +0 +1 +1 +NotReady +8080 +241\.200\.\S+ +Dataplanes/)
})

test('settings that cannot be are refused, with the label that is meant', async () => {
  const flags = ['--zone', 'east', '--service-label', 'kuma.io/zone', '--service-grace-ms', '-1']
  const { status, err } = await processes.begin('zone', flags).process.ended
  expect(status).not.toBe(0)
  expect(err).toMatch(/service-label.*kuma\.io/)
  expect(err).toContain('service-grace-ms')
})
