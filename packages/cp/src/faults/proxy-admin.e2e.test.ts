import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { EstateReader } from '@holdfast/api'
import {
  displayNameLabel,
  envLabel,
  exportName,
  type KumaResourceParts,
  meshLabel,
  originLabel,
  specJson,
  typeOf,
  zoneLabel,
} from '@holdfast/model'
import {
  type AdminAsked,
  type AdminSaid,
  type FakeKumaZone,
  startFakeKumaGlobal,
  startFakeKumaZone,
} from '@holdfast/testkit'
import { beforeAll, expect, test } from 'vitest'
import { readinessChanges } from '../commands/tls-readiness.js'
import { closing } from '../testing/closing.js'
import { kubernetesZone } from '../testing/kubernetes-zone.js'
import { type GlobalPlane, put, startGlobal, startZone, until, type ZonePlane } from '../testing/mesh.js'

// What the admin interfaces of proxies say, from wherever somebody asks: of a Kuma zone, of one of ours, by a Kuma global.

const { signal: never } = new AbortController()
const { own } = closing({ after: 'all' })

const labels = { [zoneLabel]: 'north', [meshLabel]: 'default', [originLabel]: 'zone', [envLabel]: 'universal' }
const named = (name: string): string =>
  exportName(typeOf('Dataplane'), 'default', name, { ...labels, [displayNameLabel]: name })
/** As a Kuma zone sends it: inbound 8080 of service web, at 127.0.0.1. */
const kumaDataplane = (name: string): KumaResourceParts => ({
  name: named(name),
  mesh: 'default',
  labels: { ...labels, [displayNameLabel]: name },
  typeUrl: 'type.googleapis.com/kuma.mesh.v1alpha1.Dataplane',
  spec: Buffer.from('0a1e0a0f18903f5204687474705a04687474702a0b3139322e3136382e302e31', 'hex'),
})

const answers: Readonly<Record<string, (asked: AdminAsked) => AdminSaid | undefined>> = {
  'dp-1': (asked) => ({ body: JSON.stringify(asked) }),
  'dp-2': () => ({ error: 'unable to send GET to config_dump: connection refused' }),
}

let global: GlobalPlane
let east: ZonePlane
let north: FakeKumaZone
let adminPort: number
beforeAll(async () => {
  const envoy = createServer((request, response) => response.end(JSON.stringify({ asked: request.url })))
  await new Promise<void>((resolve) => envoy.listen(0, '127.0.0.1', resolve))
  own(envoy, () => new Promise((resolve) => envoy.close(resolve)))
  adminPort = (envoy.address() as AddressInfo).port
  global = own(await startGlobal(), (plane) => plane.close())
  east = own(await startZone('east', global.port), (zone) => zone.close())
  await until('east to be in step', () => east.runtime.view()?.inStep === true, 20_000)
  north = own(
    startFakeKumaZone({
      target: `127.0.0.1:${global.port}`,
      zone: 'north',
      proxies: (asked) => answers[asked.name]?.(asked),
    }),
    async (zone) => zone.stop(),
  )
  for (const name of ['dp-1', 'dp-2']) north.put('Dataplane', kumaDataplane(name))
  await put(east, '/meshes/default/dataplanes/dp', {
    type: 'Dataplane',
    mesh: 'default',
    name: 'dp',
    labels: { 'kuma.io/origin': 'zone' },
    networking: {
      address: '127.0.0.1',
      admin: { port: adminPort },
      inbound: [{ port: 80, tags: { 'kuma.io/service': 'web' } }],
    },
  })
  const known = async () => (await global.store.read.list({ type: 'Dataplane', offset: 0, limit: 10 })).total
  await until('global to know all of them', async () => (await known()) === 3, 20_000)
}, 60_000)
const get = async (plane: GlobalPlane | ZonePlane, path: string) => {
  const { statusCode, body, headers } = await plane.api.inject({
    method: 'GET',
    url: `/meshes/default/dataplanes/${path}`,
  })
  return { status: statusCode, type: headers['content-type'], body: body === '' ? '' : JSON.parse(body) }
}
const of = (name: string, more: object) => ({ type: 'Dataplane', mesh: 'default', name, ...more })

test('a proxy behind a Kuma zone is asked on the streams that the zone keeps open, by the name that it has there', async () => {
  const said = await Promise.all(
    [
      'xds',
      'xds?include_eds=true',
      'stats?format=json',
      'stats?format=json&usedonly=false',
      'clusters?format=json',
    ].map((what) => get(global, `${named('dp-1')}/${what}`)),
  )
  expect(said).toEqual(
    [
      of('dp-1', { what: 'config dump', includeEds: false }),
      of('dp-1', { what: 'config dump', includeEds: true }),
      of('dp-1', { what: 'stats', usedOnly: true, json: true }),
      of('dp-1', { what: 'stats', usedOnly: false, json: true }),
      of('dp-1', { what: 'clusters', json: true }),
    ].map((body) => ({ status: 200, type: 'application/json', body: expect.objectContaining(body) as object })),
  )
  const { headers } = await global.api.inject({
    method: 'GET',
    url: `/meshes/default/dataplanes/${named('dp-1')}/stats`,
  })
  expect(headers['content-type']).toBe('text/plain')
})

test('a zone in Kubernetes: a proxy is asked by name and namespace; services and what is for their clients cross', async () => {
  const kube = own(
    startFakeKumaZone({
      target: `127.0.0.1:${global.port}`,
      zone: 'kube',
      proxies: (asked) => ({ body: JSON.stringify(asked) }),
    }),
    async (zone) => zone.stop(),
  )
  for (const [type, parts] of kubernetesZone('kube')) kube.put(type, parts)
  const dataplane = kubernetesZone('kube').find(([type]) => type === 'Dataplane')?.[1].name ?? ''
  const seen = async (type: string) =>
    (await east.store.read.list({ type, offset: 0, limit: 100 })).items
      .filter(({ origin }) => origin === 'kube')
      .map(({ namespace, displayName }) => `${namespace}/${displayName}`)
      .sort()
  await until('its services to be here', async () => (await seen('MeshService')).length === 3, 20_000)
  await until('its policies to be here', async () => (await seen('MeshTimeout')).length === 2, 20_000)
  await until('its route to be here', async () => (await seen('MeshHTTPRoute')).length === 1, 20_000)
  expect([await seen('MeshService'), await seen('MeshTimeout'), await seen('MeshHTTPRoute')]).toEqual([
    ['bank/web', 'shop/db-7b4d9c6f5d', 'shop/web'],
    ['shop/to-web', 'shop/to-web-here'],
    ['shop/to-web'],
  ])
  expect([await global.store.read.refused(), await east.store.read.refused()]).toEqual([[], []])
  await until(
    'global to know its proxy',
    async () => (await global.store.read.get({ type: 'Dataplane', mesh: 'default', name: dataplane })) !== undefined,
  )
  expect(await get(global, `${dataplane}/clusters?format=json`)).toMatchObject({
    status: 200,
    body: of('web-5f7c9d-x2lq4.shop', { what: 'clusters' }),
  })
})

test('where plain text is let in beside TLS, a Kuma zone is told which services are ready for TLS, wherever they are', async () => {
  const mtls = (mode: string) => ({
    type: 'Mesh',
    name: 'default',
    mtls: { enabledBackend: 'ca', backends: [{ name: 'ca', type: 'builtin', mode }] },
  })
  const told = async () => {
    const changes = await readinessChanges(global.store, new EstateReader(global.store, Date.now))
    const outcomes = await global.store.local.apply({ changes, atomic: false, actor: 'test' }, { signal: never })
    return outcomes.map(({ outcome }) => outcome)
  }
  const held = () => [...(north.held().get('ServiceInsight')?.values() ?? [])]
  await put(global, '/meshes/default', mtls('STRICT'))
  expect(await told()).toEqual([])
  await put(global, '/meshes/default', mtls('PERMISSIVE'))
  expect(await told()).toEqual(['created'])
  await north.until(() => held().length === 1)
  const [insight] = held()
  expect([insight?.mesh, insight?.labels]).toEqual([
    'default',
    { [displayNameLabel]: 'all-services-default', [originLabel]: 'global' },
  ])
  // What a Kuma global makes of the same proxies: none has a certificate, so nobody may be spoken to over TLS.
  expect(specJson({ type: 'ServiceInsight', spec: insight?.spec ?? new Uint8Array() })).toEqual({
    services: Object.fromEntries(
      [
        ['web', 'east'],
        ['web_shop_svc_80', 'kube'],
      ].map(([name, zone]) => [
        name,
        { status: 'offline', dataplanes: { offline: 1 }, addressPort: `${name}.mesh:80`, zones: [zone] },
      ]),
    ),
  })
  // RO: nothing has changed.
  expect(await told()).toEqual(['unchanged'])
  await put(global, '/meshes/default', mtls('STRICT'))
  expect(await told()).toEqual(['deleted'])
  await north.until(() => held().length === 0)
})

test('what a zone or a proxy refuses is told in its words', async () => {
  expect(await get(global, `${named('dp-2')}/xds`)).toMatchObject({
    status: 400,
    body: {
      title: 'Could not execute admin operation',
      detail: 'could not send XDSConfigRequest: unable to send GET to config_dump: connection refused',
    },
  })
  expect(await get(global, 'nope/xds')).toMatchObject({
    status: 404,
    body: { title: 'Could not get dataplane resource', detail: 'Not found' },
  })
})

test('a proxy of our zone is asked at its zone, and through global', async () => {
  const dump = { status: 200, type: 'application/json', body: { asked: '/config_dump?include_eds' } }
  expect(await get(east, 'dp/xds?include_eds=1')).toEqual(dump)
  const atGlobal = (await global.store.read.list({ type: 'Dataplane', offset: 0, limit: 10 })).items.find(
    ({ origin }) => origin === 'east',
  )
  expect(await get(global, `${atGlobal?.name}/xds?include_eds=1`)).toEqual(dump)
  expect(await get(global, `${atGlobal?.name}/clusters?format=json`)).toMatchObject({
    body: { asked: '/clusters?format=json' },
  })
})

test('a Kuma global asks our zone on its own streams', async () => {
  const kuma = own(await startFakeKumaGlobal(), (fake) => fake.close())
  const west = own(await startZone('west', kuma.port), (zone) => zone.close())
  await put(west, '/meshes/default/dataplanes/dp', {
    type: 'Dataplane',
    mesh: 'default',
    name: 'dp',
    labels: { 'kuma.io/origin': 'zone' },
    networking: {
      address: '127.0.0.1',
      admin: { port: adminPort },
      inbound: [{ port: 80, tags: { 'kuma.io/service': 'web' } }],
    },
  })
  const zone = kuma.zone('west')
  await kuma.until(() => zone.calls().length === 5)
  const asks = (what: AdminAsked['what'], name: string) => zone.ask({ what, type: 'Dataplane', mesh: 'default', name })
  expect([
    await asks('config dump', 'dp'),
    await asks('stats', 'dp'),
    await asks('clusters', 'dp'),
    await asks('stats', 'no'),
  ]).toEqual([
    { body: '{"asked":"/config_dump"}' },
    { body: '{"asked":"/stats"}' },
    { body: '{"asked":"/clusters"}' },
    { error: 'zone west has no Dataplane no in mesh default' },
  ])
  expect(kuma.faults()).toEqual([])
})

test('a zone that goes away, or never answers, costs whoever asks no more than an error', async () => {
  const { port } = global
  const mute = startFakeKumaZone({ target: `127.0.0.1:${port}`, zone: 'mute', proxies: () => undefined })
  const at = exportName(typeOf('Dataplane'), 'default', 'dp', {
    ...labels,
    [zoneLabel]: 'mute',
    [displayNameLabel]: 'dp',
  })
  mute.put('Dataplane', {
    ...kumaDataplane('dp'),
    name: at,
    labels: { ...labels, [zoneLabel]: 'mute', [displayNameLabel]: 'dp' },
  })
  await until(
    'global to know it',
    async () => (await global.store.read.get({ type: 'Dataplane', mesh: 'default', name: at })) !== undefined,
  )
  const waiting = get(global, `${at}/xds`)
  let asked = false
  void waiting.then(() => {
    asked = true
  })
  await until('the question to be with the zone', () => mute.questions() === 1)
  expect(asked).toBe(false)
  mute.stop()
  expect(await waiting).toMatchObject({ status: 400, body: { detail: expect.stringContaining('went away') as string } })
  expect(await get(global, `${at}/xds`)).toMatchObject({
    status: 400,
    body: {
      detail:
        'zone mute keeps no stream open on which it could be asked: try again when it is connected, or ask the proxy on its own machine',
    },
  })
})
