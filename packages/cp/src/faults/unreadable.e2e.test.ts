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
import { byHand } from '@holdfast/store/testing'
import { startFakeKumaGlobal, startFakeKumaZone } from '@holdfast/testkit'
import { expect, test } from 'vitest'
import { closing } from '../testing/closing.js'
import { bothInStep, converged } from '../testing/faults.js'
import { eager, inStep, type Plane, putService, servicesOf, startGlobal, startZone, until } from '../testing/mesh.js'

// ISO, LKG: one resource that the receiver cannot read is refused by name, and its link stays.
const { own } = closing()

const namesOf = async (plane: Plane): Promise<readonly string[]> => [...(await servicesOf(plane)).keys()].sort()
const refusalsOf = async (plane: Plane) =>
  (await plane.store.read.refused()).map(({ peer, channel, reason }) => ({ peer, channel, reason }))

test('towards Holdfast, both ways: what was damaged at its sender is refused alone, and both ends prove the rest', async () => {
  const first = await startGlobal()
  let global = first
  own(first, () => global.close())
  const west = own(await startZone('west', global.port, { backoff: eager }), (zone) => zone.close())
  const east = own(await startZone('east', global.port, { backoff: eager }), (zone) => zone.close())
  await until('both to be in step', () => inStep(west) && inStep(east), 20_000)
  for (const zone of [east, west]) await putService(zone, 'first')
  await converged([global, east, west], ['east/first', 'west/first'], 20_000)
  await east.proxy.refuse()
  east.proxy.cut('reset')
  await until('east to be cut off', () => !bothInStep(global, east))
  for (const zone of [east, west]) for (const name of ['bad', 'good']) await putService(zone, name)
  await until('global to have those of west', async () => (await namesOf(global)).length === 4, 10_000)
  // A label that no receiver can store; what is hashed stays as it is, so nobody repairs it away.
  const damage = (plane: Plane, displayName: string): Promise<unknown> =>
    byHand(
      plane.database.url,
      `update resources set labels = labels || jsonb_build_object('kuma.io/display-name', $1::text)
       where type = 'MeshService' and display_name = 'bad'`,
      [displayName],
    )
  // What global has read of its log it does not read again.
  await first.close()
  await damage(first, 'x'.repeat(600))
  await damage(east, 'x'.repeat(600))
  global = await startGlobal({ database: first.database, port: first.port })
  await east.proxy.restore()
  await until('east to be in step', () => bothInStep(global, east), 20_000)
  await until('global to have what is good', async () => (await namesOf(global)).includes('east/good'))
  expect(await namesOf(east)).not.toContain('west/bad')
  expect(await namesOf(east)).toContain('west/good')
  expect(await refusalsOf(east)).toEqual([
    { peer: '', channel: 'down', reason: expect.stringContaining('must be at most 512 bytes') },
  ])
  expect(await refusalsOf(global)).toEqual([
    { peer: 'east', channel: 'up', reason: expect.stringContaining('must be at most 512 bytes') },
  ])
  const session = east.runtime.view()?.sessionId
  expect(global.runtime.views().find((view) => view.peer === 'east')?.sessionId).toBe(session)
  // A good version of it ends the refusal, on the same session.
  await damage(east, 'bad')
  await putService(east, 'bad', 8080)
  await until('global to have it', async () => (await namesOf(global)).includes('east/bad'))
  expect(await refusalsOf(global)).toEqual([])
  expect(east.runtime.view()?.sessionId).toBe(session)
})

function ofKumaZone(displayName: string, team: string): KumaResourceParts {
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
    labels: { ...labels, team },
    typeUrl: '',
    spec: utf8(
      '{"selector":{"dataplaneTags":{"app":"web"}},"ports":[{"port":80,"targetPort":80,"appProtocol":"http"}]}',
    ),
  }
}

test('towards a plain Kuma zone: it is NACKed by name, the rest of its list is kept, and its stream stays', async () => {
  const global = own(await startGlobal(), (plane) => plane.close())
  const kuma = own(await startFakeKumaZone({ target: `127.0.0.1:${global.port}`, zone: 'north' }), async (zone) =>
    zone.stop(),
  )
  kuma.put('MeshService', ofKumaZone('bad', 'a\u0000b'))
  kuma.put('MeshService', ofKumaZone('good', 'ab'))
  await until('global to have what is good', async () => (await namesOf(global)).includes('north/good'), 15_000)
  const nack = () => kuma.verdicts().find(({ type, refusal }) => type === 'MeshService' && refusal !== undefined)
  await until('the NACK', () => nack() !== undefined)
  expect(nack()?.refusal).toMatch(/^bad-[a-z0-9]+\.default: cannot be read: .*NUL/)
  expect(await refusalsOf(global)).toMatchObject([{ peer: 'north', channel: 'up' }])
  kuma.put('MeshService', ofKumaZone('bad', 'mended'))
  await until('global to have it', async () => (await namesOf(global)).includes('north/bad'), 15_000)
  expect([await refusalsOf(global), kuma.ended()]).toEqual([[], undefined])
})

test('towards a plain Kuma global: the same', async () => {
  const kuma = own(await startFakeKumaGlobal(), (plane) => plane.close())
  kuma.put('Mesh', {
    name: 'default',
    mesh: '',
    labels: { [originLabel]: 'global' },
    typeUrl: 'type.googleapis.com/kuma.mesh.v1alpha1.Mesh',
    spec: new Uint8Array(),
  })
  kuma.put('MeshService', ofKumaZone('bad', 'a\u0000b'))
  kuma.put('MeshService', ofKumaZone('good', 'ab'))
  const east = own(await startZone('east', kuma.port, { backoff: eager }), (zone) => zone.close())
  await until('east to have what is good', async () => (await namesOf(east)).includes('north/good'), 15_000)
  const nacks = () =>
    kuma
      .zone('east')
      .verdicts()
      .filter(({ refusal }) => refusal !== undefined)
  await until('the NACK', () => nacks().length > 0)
  expect(nacks()[0]?.refusal).toMatch(/^bad-[a-z0-9]+\.default: cannot be read: .*NUL/)
  const session = east.runtime.view()?.sessionId
  kuma.put('MeshService', ofKumaZone('bad', 'mended'))
  await until('east to have it', async () => (await namesOf(east)).includes('north/bad'), 15_000)
  expect([await refusalsOf(east), east.runtime.view()?.sessionId, kuma.faults()]).toEqual([[], session, []])
})
