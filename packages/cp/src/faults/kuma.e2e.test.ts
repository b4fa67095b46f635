import {
  displayNameLabel,
  envLabel,
  exportName,
  type KumaResourceParts,
  meshLabel,
  originLabel,
  typeOf,
  typesSentDownToKuma,
  utf8,
  zoneLabel,
} from '@holdfast/model'
import { type FakeKumaGlobal, startFakeKumaGlobal, startFakeKumaLives, startFakeKumaZone } from '@holdfast/testkit'
import { expect, test } from 'vitest'
import { closing } from '../testing/closing.js'
import { deletedOf, vipsOf } from '../testing/faults.js'
import { eager, inStep, type Plane, putService, servicesOf, startGlobal, startZone, until } from '../testing/mesh.js'

// Stock Kuma at the other end: full lists both ways, and whoever comes back with nothing empties nobody.
const { own } = closing()

/** As it leaves its zone: the name that everybody else knows it by. */
function ofKumaZone(displayName: string): KumaResourceParts {
  const labels = {
    [originLabel]: 'zone',
    [zoneLabel]: 'north',
    [meshLabel]: 'default',
    [envLabel]: 'universal',
    [displayNameLabel]: displayName,
  }
  return {
    name: exportName(typeOf('MeshService'), 'default', displayName, labels),
    mesh: 'default',
    labels,
    typeUrl: '',
    spec: utf8(
      '{"selector":{"dataplaneTags":{"app":"web"}},"ports":[{"port":80,"targetPort":80,"appProtocol":"http"}]}',
    ),
  }
}

/** How many services of the Kuma zone a control plane serves: with both addresses. */
const servedOfNorth = async (plane: Plane): Promise<number> =>
  Object.entries(await vipsOf(plane)).filter(([key, vips]) => key.startsWith('north/') && vips.length === 2).length

test('a Kuma zone under our global: it gets everything, its services reach our zone, and nothing is lost when it comes back with nothing', {
  timeout: 60_000,
}, async () => {
  const global = own(await startGlobal(), (plane) => plane.close())
  const east = own(await startZone('east', global.port, { backoff: eager }), (zone) => zone.close())
  await until('east to be in step', () => inStep(east), 20_000)
  for (const name of ['cart', 'web']) await putService(east, name)
  const dial = () => startFakeKumaZone({ target: `127.0.0.1:${global.port}`, zone: 'north' })
  const kuma = own(dial(), async (zone) => zone.stop())
  for (const name of ['a', 'b', 'c']) kuma.put('MeshService', ofKumaZone(name))
  await until('it to have our services', () => kuma.held().get('MeshService')?.size === 2, 15_000)
  expect([...(kuma.held().get('Mesh')?.keys() ?? [])]).toEqual(['default.'])
  await until('us to have its services', async () => (await servedOfNorth(east)) === 3)
  expect([kuma.ended(), kuma.dropped(), kuma.verdicts().filter((verdict) => 'error' in verdict)]).toEqual([
    undefined,
    [],
    [],
  ])
  const before = await vipsOf(east)

  kuma.stop()
  const empty = own(dial(), async (zone) => zone.stop())
  await until('it to have our services', () => empty.held().get('MeshService')?.size === 2, 15_000)
  await until('its empty lists to be answered', () => empty.verdicts().some(({ type }) => type === 'MeshService'))
  expect([await vipsOf(global), await vipsOf(east)]).toEqual([before, before])
  expect(await deletedOf(global)).toBe(0)
})

test('our zone under a Kuma global: it keeps working, tells what it has, and is not emptied by one that comes back empty', {
  timeout: 60_000,
}, async () => {
  const kuma = await startFakeKumaGlobal()
  const { port } = kuma
  const mesh: KumaResourceParts = {
    name: 'default',
    mesh: '',
    labels: { [originLabel]: 'global' },
    typeUrl: 'type.googleapis.com/kuma.mesh.v1alpha1.Mesh',
    spec: new Uint8Array(),
  }
  kuma.put('Mesh', mesh)
  for (const name of ['a', 'b', 'c']) kuma.put('MeshService', ofKumaZone(name))
  const east = own(await startZone('east', port, { backoff: eager }), (zone) => zone.close())
  const known = async () => [...(await servicesOf(east)).keys()].sort()
  const foreign = ['north/a', 'north/b', 'north/c']
  await until('it to know what global has', async () => (await known()).length === 3, 15_000)
  await putService(east, 'cart')
  await until('global to have it', () => kuma.zone('east').held().get('MeshService')?.size === 1, 15_000)
  expect(await known()).toEqual(['east/cart', ...foreign])
  const before = await vipsOf(east)
  expect(kuma.faults()).toEqual([])

  await kuma.close()
  const empty: FakeKumaGlobal = own(await startFakeKumaGlobal({ port }), (global) => global.close())
  await until('it to be told everything again', () => empty.zone('east').held().get('MeshService')?.size === 1, 15_000)
  await until('its empty lists to be answered', () =>
    empty
      .zone('east')
      .verdicts()
      .some(({ type }) => type === 'MeshService'),
  )
  expect([await known(), await vipsOf(east)]).toEqual([['east/cart', ...foreign], before])
  await putService(east, 'web')
  await until('global to have that as well', () => empty.zone('east').held().get('MeshService')?.size === 2)
  expect(await deletedOf(east)).toBe(0)
  expect(empty.faults()).toEqual([])
})

test('RO: our global is away for as long as a Kuma zone backs off: nobody loses anything of anybody, and from its first list on the zone has all that it had', {
  timeout: 90_000,
}, async () => {
  const first = await startGlobal()
  const { database, port } = first
  const east = own(await startZone('east', port, { backoff: eager }), (zone) => zone.close())
  await until('east to be in step', () => inStep(east), 20_000)
  for (const name of ['cart', 'web']) await putService(east, name)
  const waiting: (() => void)[] = []
  const wait = (): Promise<void> => new Promise((resolve) => waiting.push(resolve))
  const kuma = own(startFakeKumaLives({ target: `127.0.0.1:${port}`, zone: 'north', wait }), async (zone) =>
    zone.stop(),
  )
  for (const name of ['a', 'b', 'c']) kuma.put('MeshService', ofKumaZone(name))
  const held = () => kuma.now().held().get('MeshService')?.size
  await until('both to have all', async () => held() === 2 && (await servedOfNorth(east)) === 3, 30_000)
  const before = await vipsOf(east)

  await first.close()
  await kuma.until(() => kuma.waitsMs().length === 1)
  // Each time it finds nobody, and waits longer.
  for (const nth of [2, 3, 4, 5, 6]) {
    waiting.shift()?.()
    await kuma.until(() => kuma.waitsMs().length === nth)
  }
  expect(kuma.waitsMs()).toEqual([5_000, 10_000, 20_000, 40_000, 60_000, 60_000])
  expect(await vipsOf(east)).toEqual(before)
  const global = own(await startGlobal({ database, port }), (plane) => plane.close())
  await until('east to be in step again', () => inStep(east), 30_000)
  // It is still waiting, and its services stand.
  expect([await vipsOf(global), await vipsOf(east)]).toEqual([before, before])
  waiting.shift()?.()
  await until('its first lists', () => kuma.now().received().length >= typesSentDownToKuma.length, 30_000)
  await until(
    'its own to be answered',
    () =>
      kuma
        .now()
        .verdicts()
        .some(({ type }) => type === 'MeshService'),
    30_000,
  )
  expect([kuma.now().ended(), kuma.lost(), held()]).toEqual([undefined, [], 2])
  expect([await vipsOf(global), await vipsOf(east), await deletedOf(global)]).toEqual([before, before, 0])
})
