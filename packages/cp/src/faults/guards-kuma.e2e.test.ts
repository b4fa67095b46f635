import {
  displayNameLabel,
  envLabel,
  exportName,
  type KumaResourceParts,
  meshLabel,
  originLabel,
  typeOf,
  utf8,
  zoneLabel,
} from '@holdfast/model'
import { startFakeKumaGlobal, startFakeKumaZone } from '@holdfast/testkit'
import { expect, test } from 'vitest'
import { closing } from '../testing/closing.js'
import { deletedOf, get, holdsOf } from '../testing/faults.js'
import { eager, inStep, type Plane, putService, servicesOf, startGlobal, startZone, until } from '../testing/mesh.js'

// A stock Kuma at the other end tells no removals over a new stream, and says why it refuses, never which: what it leaves
// out and what it does not take is shown all the same.
const { own } = closing()

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
    spec: utf8('{"selector":{"dataplaneTags":{"app":"web"}},"ports":[{"port":80,"targetPort":80}]}'),
  }
}

const names = (count: number): readonly string[] => Array.from({ length: count }, (_, i) => `s-${i}`)
const northOf = async (plane: Plane): Promise<number> =>
  [...(await servicesOf(plane)).keys()].filter((key) => key.startsWith('north/')).length

interface Holds {
  readonly items: readonly { readonly resources: number; readonly reason: string }[]
  readonly absent: readonly { readonly type: string; readonly zone: string | null; readonly resources: number }[]
}
const both = (plane: Plane): Promise<Holds> => get<Holds>(plane, '/_holdfast/holds')

test('EMPTY, HOLD: a Kuma zone whose list is short: what it leaves out is marked and shown, and is nothing when it is back; an empty list is held', {
  timeout: 90_000,
}, async () => {
  const global = own(await startGlobal(), (plane) => plane.close())
  const dial = () =>
    own(startFakeKumaZone({ target: `127.0.0.1:${global.port}`, zone: 'north' }), async (z) => z.stop())
  const first = dial()
  for (const name of names(12)) first.put('MeshService', ofKumaZone(name))
  await until('its services to be here', async () => (await northOf(global)) === 12, 20_000)
  expect(await both(global)).toEqual({ items: [], absent: [] })
  first.stop()

  const short = dial()
  for (const name of names(9)) short.put('MeshService', ofKumaZone(name))
  await until('three to be missing', async () => (await both(global)).absent[0]?.resources === 3, 30_000)
  expect(await both(global)).toMatchObject({
    items: [],
    absent: [{ type: 'MeshService', zone: 'north', resources: 3 }],
  })
  const { peers } = await get<{ peers: readonly object[] }>(global, '/_holdfast/sync')
  expect(peers).toMatchObject([{ peer: 'north', kuma: true, absent: 3, held: 0 }])
  for (const name of names(12)) short.put('MeshService', ofKumaZone(name))
  await until('nothing to be missing', async () => (await both(global)).absent.length === 0, 30_000)
  short.stop()

  const empty = dial()
  await until('what an empty list leaves out to be held', async () => (await holdsOf(global)).length === 1, 30_000)
  expect(await both(global)).toMatchObject({ items: [{ resources: 12, reason: expect.stringMatching(/empty list/) }] })
  for (const name of names(5)) empty.put('MeshService', ofKumaZone(name))
  await until('five to be back', async () => (await both(global)).items[0]?.resources === 7, 30_000)
  for (const name of names(12)) empty.put('MeshService', ofKumaZone(name))
  await until('the hold to have ended', async () => (await holdsOf(global)).length === 0, 30_000)
  const { items } = await get<{ items: readonly object[] }>(global, '/_holdfast/holds?all=true')
  expect(items).toMatchObject([{ state: 'ended', first: 12, offeredAgain: 12 }])
  expect([await northOf(global), await deletedOf(global)]).toEqual([12, 0])
})

test('LKG: what a Kuma zone refuses is shown at global with its reason, and is nothing when it takes it', {
  timeout: 90_000,
}, async () => {
  const global = own(await startGlobal(), (plane) => plane.close())
  const east = own(await startZone('east', global.port, { backoff: eager }), (zone) => zone.close())
  await until('east to be in step', () => inStep(east), 20_000)
  for (const name of ['cart', 'web']) await putService(east, name)
  let picky = true
  const dial = () =>
    startFakeKumaZone({
      target: `127.0.0.1:${global.port}`,
      zone: 'north',
      refuses: (type, { labels }) =>
        picky && type === 'MeshService' && labels[displayNameLabel] === 'web' ? 'no web here' : undefined,
    })
  const kuma = own(dial(), async (zone) => zone.stop())
  interface Told {
    readonly byPeers: readonly {
      readonly by: string
      readonly refused: readonly { readonly type: string; readonly name: string; readonly reason: string }[]
    }[]
  }
  const told = () => get<Told>(global, '/_holdfast/refused')
  await until('global to show it', async () => (await told()).byPeers.length > 0, 30_000)
  const [north] = (await told()).byPeers
  expect(north?.by).toBe('north')
  // It says why, and not which: its whole response is in doubt.
  const refused = (north?.refused ?? []).filter(({ name }) => name.startsWith('web-'))
  expect(refused).toMatchObject([{ type: 'MeshService', reason: expect.stringContaining('no web here') }])
  expect((await global.api.inject('/_holdfast/resources?type=meshservice&name=web&zone=east')).json()).toMatchObject({
    guards: [{ state: 'refused', by: 'north' }],
  })
  picky = false
  await putService(east, 'web', 81)
  await putService(east, 'cart', 81)
  await until('nothing to be refused', async () => (await told()).byPeers.length === 0, 30_000)
  expect(kuma.ended()).toBeUndefined()
  // Refused again, and taken by the next session without another change: what the first has told is over.
  picky = true
  await putService(east, 'web', 82)
  await until('global to show it again', async () => (await told()).byPeers.length > 0, 30_000)
  kuma.stop()
  picky = false
  const again = own(dial(), async (zone) => zone.stop())
  await until('it to have both', () => again.held().get('MeshService')?.size === 2, 30_000)
  await until('nothing to be refused', async () => (await told()).byPeers.length === 0, 30_000)
})

test('HOLD: our zone under a Kuma global that comes back with less: mark, hold, and back again', {
  timeout: 90_000,
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
  for (const name of names(30)) kuma.put('MeshService', ofKumaZone(name))
  const east = own(await startZone('east', port, { backoff: eager }), (zone) => zone.close())
  await until('it to know what global has', async () => (await northOf(east)) === 30, 20_000)
  await kuma.close()
  const again = own(await startFakeKumaGlobal({ port }), (global) => global.close())
  for (const name of names(25)) again.put('MeshService', ofKumaZone(name))
  await until(
    'five to be missing',
    async () => (await both(east)).absent.some(({ resources }) => resources === 5),
    30_000,
  )
  // A mesh that is missing is held at once, and nothing in it goes.
  await until('the mesh to be held', async () => (await holdsOf(east)).some(({ type }) => type === 'Mesh'), 30_000)
  expect([await northOf(east), await deletedOf(east), await deletedOf(east, 'Mesh')]).toEqual([30, 0, 0])
  again.put('Mesh', mesh)
  for (const name of names(30)) again.put('MeshService', ofKumaZone(name))
  await until(
    'nothing to be missing or held',
    async () => {
      const { items, absent } = await both(east)
      return items.length + absent.length === 0
    },
    30_000,
  )
})
