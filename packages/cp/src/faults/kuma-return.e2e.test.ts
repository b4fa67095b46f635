import {
  displayNameLabel,
  envLabel,
  exportName,
  type KumaResourceParts,
  meshLabel,
  originLabel,
  type TypeDescriptor,
  typeOf,
  typesSentDownToKuma,
  typesSentUp,
  utf8,
  zoneLabel,
} from '@holdfast/model'
import { anyResourceOf } from '@holdfast/model/testing'
import {
  type FakeKumaZone,
  startFakeKumaGlobal,
  startFakeKumaLives,
  startFakeKumaZone,
  startTcpProxy,
} from '@holdfast/testkit'
import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { closing } from '../testing/closing.js'
import { vipsOf } from '../testing/faults.js'
import { eager, inStep, type Plane, putService, rowsOf, startGlobal, startZone, until } from '../testing/mesh.js'

// A stock Kuma says all that it has on every new stream. Of what has not changed nothing is written and nothing is said to
// anybody else, whoever of the two is global.
vi.setConfig({ testTimeout: 120_000 })

const { own } = closing()

const many = 300

const addressThere = (i: number): string => `241.0.${i >> 8}.${i & 255}`

/** A service as its Kuma zone says it once everything is filled in: with a status, and in it the address that it has there. */
function service(zone: string, i: number, origin: 'zone' | 'global'): KumaResourceParts {
  const displayName = `s-${i}`
  const labels = {
    [originLabel]: origin,
    [zoneLabel]: zone,
    [meshLabel]: 'default',
    [envLabel]: 'universal',
    [displayNameLabel]: displayName,
  }
  const status = {
    addresses: [{ hostname: `${displayName}.svc.mesh.local`, origin: 'HostnameGenerator' }],
    vips: [{ ip: addressThere(i) }],
    tls: { status: 'NotReady' },
    dataplaneProxies: {},
  }
  return {
    name: exportName(typeOf('MeshService'), 'default', displayName, labels),
    mesh: 'default',
    labels,
    typeUrl: '',
    spec: utf8(
      '{"selector":{"dataplaneTags":{"app":"web"}},"ports":[{"port":80,"targetPort":80}],"state":"Unavailable"}',
    ),
    status: utf8(JSON.stringify(status)),
  }
}

/** Some of every other type, what its receiver refuses included. */
function anyOf(types: readonly TypeDescriptor[], zone: string): readonly (readonly [string, KumaResourceParts])[] {
  return types.flatMap((type) =>
    fc.sample(anyResourceOf(type, zone), { numRuns: 2, seed: 20_260 }).map((made) => {
      const labels = { ...made.labels, [originLabel]: zone === '' ? 'global' : 'zone' }
      const status = type.hasStatus ? { status: utf8('{}') } : {}
      return [type.name, { ...made, labels, ...status }] as const
    }),
  )
}

/** What was refused, and in which words. */
const refusalsOf = (verdicts: ReturnType<FakeKumaZone['verdicts']>): readonly string[] =>
  verdicts.flatMap(({ type, refusal }) => (refusal === undefined ? [] : [`${type}: ${refusal}`])).sort()

/** Until nothing is on its way any more: statuses of what has just come are computed within a second. */
async function settled(...planes: readonly Plane[]): Promise<void> {
  let last = -1
  let sinceMs = performance.now()
  await until(
    'everything to be settled',
    async () => {
      const now = await rowsOf(planes)
      if (now !== last) [last, sinceMs] = [now, performance.now()]
      return performance.now() - sinceMs > 2_000
    },
    60_000,
  )
}

test('RO: a Kuma zone returns with what it had: no row is written at our global nor in our zone, and no word goes to another one', async () => {
  const global = own(await startGlobal(), (plane) => plane.close())
  const cable = own(await startTcpProxy({ targetPort: global.port }), (proxy) => proxy.close())
  const east = own(await startZone('east', global.port, { backoff: eager }), (zone) => zone.close())
  await until('east to be in step', () => inStep(east), 30_000)
  await putService(east, 'cart')
  const south = own(startFakeKumaZone({ target: `127.0.0.1:${global.port}`, zone: 'south' }), async (zone) =>
    zone.stop(),
  )
  const north = own(
    startFakeKumaLives({ target: `127.0.0.1:${cable.port}`, zone: 'north', wait: async () => undefined }),
    async (zone) => zone.stop(),
  )
  const types = typesSentUp.filter(({ internal, name }) => !internal && name !== 'MeshService')
  for (const [type, parts] of anyOf(types, 'north')) north.put(type, parts)
  for (let i = 0; i < many; i++) north.put('MeshService', service('north', i, 'zone'))
  const served = async () => Object.values(await vipsOf(east)).filter((vips) => vips.length === 2).length
  await until('all to be everywhere', async () => (await served()) === many + 1, 60_000)
  await until('the other Kuma zone to have them', () => south.held().get('MeshService')?.size === many + 1, 60_000)
  const answered = () =>
    new Set(
      north
        .now()
        .verdicts()
        .map(({ type }) => type),
    ).size
  await until('every list to be answered', () => answered() === types.length + 1, 60_000)
  await until('east to be in step', () => inStep(east), 30_000)

  await settled(global, east)
  const refusals = () => refusalsOf(north.now().verdicts())
  const [written, said, vips, refused] = [
    await rowsOf([global, east]),
    south.received().length,
    await vipsOf(east),
    refusals(),
  ]
  const life = north.now()
  cable.cut('reset')
  await until('it to have dialled again', () => north.now() !== life && answered() === types.length + 1, 60_000)
  expect([(await rowsOf([global, east])) - written, south.received().length, await vipsOf(east), refusals()]).toEqual([
    0,
    said,
    vips,
    refused,
  ])
  expect([inStep(east), south.ended(), north.lost()]).toEqual([true, undefined, []])
})

test('RO: a Kuma global ends its streams and says all again: no row is written in our zone, and what it refuses it refuses again', async () => {
  const kuma = own(await startFakeKumaGlobal(), (global) => global.close())
  const types = typesSentDownToKuma.filter(({ name }) => name !== 'MeshService' && name !== 'Mesh')
  const mesh = { mesh: '', labels: { [originLabel]: 'global' }, spec: new Uint8Array() }
  kuma.put('Mesh', { ...mesh, name: 'default', typeUrl: 'type.googleapis.com/kuma.mesh.v1alpha1.Mesh' })
  for (const [type, parts] of anyOf(types, '')) kuma.put(type, parts)
  for (let i = 0; i < many; i++) kuma.put('MeshService', service('north', i, 'global'))
  const east = own(await startZone('east', kuma.port, { backoff: eager }), (zone) => zone.close())
  const isIn = (): boolean => east.runtime.view()?.channels.every((channel) => channel.inStep) === true
  const served = async () => Object.values(await vipsOf(east)).filter((vips) => vips.length === 1).length
  await until('it to have all', async () => isIn() && (await served()) === many, 60_000)
  // What a status that comes down says of addresses is nothing to a zone, which gives its own.
  const told = Array.from({ length: many }, (_, i) => addressThere(i))
  const given = Object.values(await vipsOf(east)).flat()
  expect(told.filter((address) => given.includes(address))).toEqual([])
  await putService(east, 'cart')
  const seen = kuma.zone('east')
  await until('global to have its own', () => seen.held().get('MeshService')?.size === 1, 30_000)
  const answered = () => new Set(seen.verdicts().map(({ type }) => type)).size
  const lists = typesSentDownToKuma.length
  await until('every list to be answered', () => answered() === lists, 60_000)
  await until('its own service to have its address', async () => (await served()) === many + 1, 30_000)
  await settled(east)

  const [written, vips, refused, first] = [
    await rowsOf([east]),
    await vipsOf(east),
    refusalsOf(seen.verdicts()),
    seen.sent()[0],
  ]
  kuma.endStreams()
  await until('every list to be answered anew', () => seen.sent()[0] !== first && answered() === lists, 60_000)
  await until('it to have said what it has', () => isIn() && seen.held().get('MeshService')?.size === 1, 30_000)
  expect([(await rowsOf([east])) - written, await vipsOf(east), refusalsOf(seen.verdicts())]).toEqual([
    0,
    vips,
    refused,
  ])
  expect(kuma.faults()).toEqual([])
})
