import { hasKuma, type KumaCp, startFakeKumaZone, startKuma } from '@holdfast/testkit'
import { beforeAll, describe, expect, test } from 'vitest'
import { closing } from '../testing/closing.js'
import { kubernetesZone } from '../testing/kubernetes-zone.js'
import { type Items, kumaService } from '../testing/kuma-objects.js'
import {
  eager,
  type GlobalPlane,
  inStep,
  servicesOf,
  startGlobal,
  startZone,
  until,
  type ZonePlane,
} from '../testing/mesh.js'

// A zone in Kubernetes, played by what its code would send, at our global and at a real Kuma's: what each keeps of it, and
// what a real Kuma zone beside it is given. And policies that a real Kuma zone sends with a namespace.

const lists = [
  'meshservices',
  'meshtimeouts',
  'meshhttproutes',
  'dataplanes',
  'meshexternalservices',
  'hostnamegenerators',
]

/** A policy that a zone writes for clients of its own service, as if it lived in a namespace: Kuma's API lets it in. */
const producer = (name: string, targetRef: object) =>
  [
    `/meshes/default/meshtimeouts/${name}`,
    {
      type: 'MeshTimeout',
      mesh: 'default',
      name,
      labels: { 'kuma.io/origin': 'zone', 'kuma.io/policy-role': 'producer', 'k8s.kuma.io/namespace': 'shop' },
      spec: {
        targetRef: { kind: 'Mesh' },
        to: [{ targetRef, default: { connectionTimeout: '7s' } }],
      },
    },
  ] as const

type Item = Items['items'][number]

describe.skipIf(!hasKuma())('a zone in Kubernetes', { timeout: 180_000 }, () => {
  const { own } = closing({ after: 'all', withinMs: 60_000 })
  let global: GlobalPlane
  let east: ZonePlane
  let kumaGlobal: KumaCp
  let ours: KumaCp
  let theirs: KumaCp
  let dropsSelectors = false

  const zoneUnder = async (zone: string, port: number): Promise<KumaCp> =>
    own(await startKuma({ zone, globalAddress: `grpc://127.0.0.1:${port}` }), (cp) => cp.stop())
  const played = (port: number): void => {
    const zone = own(startFakeKumaZone({ target: `127.0.0.1:${port}`, zone: 'kube' }), async (one) => one.stop())
    for (const [type, parts] of kubernetesZone('kube')) zone.put(type, parts)
  }
  /** Without what each control plane makes for itself: times, statuses, and what it computes when it is asked. */
  const bare = ({ creationTime: _c, modificationTime: _m, status: _s, ...rest }: Item): object => {
    const { snis: _n, ...more } = rest as Item & { readonly snis?: unknown; readonly spec?: object }
    // A global of 2.13 does not know `dataplaneLabels`, and forgets them.
    return dropsSelectors && more.type === 'MeshService' ? { ...more, spec: { ...more.spec, selector: {} } } : more
  }
  /** What is of the zone, by list and name, of two zones' policies too. */
  const ofZones = async (get: (path: string) => Promise<Items>): Promise<ReadonlyMap<string, object>> => {
    const found = await Promise.all(lists.map(async (list) => ({ list, ...(await get(`/${list}?size=1000`)) })))
    return new Map(
      found.flatMap(({ list, items }) =>
        items
          .filter(({ labels }) => labels?.['kuma.io/zone'] === 'kube' || labels?.['kuma.io/zone'] === 'south')
          .map((item): [string, object] => [`${list}/${item.name}`, bare(item)])
          .sort(([a], [b]) => (a < b ? -1 : 1)),
      ),
    )
  }
  const atOurs = async (path: string): Promise<Items> =>
    JSON.parse((await global.api.inject({ method: 'GET', url: path })).body)
  const policiesOf = async (get: (path: string) => Promise<Items>) =>
    (await get('/meshtimeouts?size=1000')).items
      .map(({ labels }) => labels)
      .filter((labels) => labels?.['kuma.io/zone'] !== undefined && labels['k8s.kuma.io/namespace'] !== undefined)
      .map((labels) => `${labels?.['kuma.io/zone']}/${labels?.['kuma.io/display-name']}`)
      .sort()

  beforeAll(async () => {
    ;[global, kumaGlobal] = await Promise.all([startGlobal(), startKuma({})])
    own(global, (plane) => plane.close())
    own(kumaGlobal, (cp) => cp.stop())
    dropsSelectors = (await kumaGlobal.get<{ readonly version: string }>('/')).version.startsWith('2.13.')
    ;[ours, theirs] = await Promise.all([zoneUnder('north', global.port), zoneUnder('north', kumaGlobal.kdsPort)])
    const souths = await Promise.all([zoneUnder('south', global.port), zoneUnder('south', kumaGlobal.kdsPort)])
    east = own(await startZone('east', global.port, { backoff: eager }), (zone) => zone.close())
    await until('east to be in step', () => inStep(east), 60_000)
    for (const cp of [ours, theirs, ...souths])
      await until('a mesh to be there', async () => (await cp.get<Items>('/meshes')).items.length > 0, 60_000)
    for (const port of [global.port, kumaGlobal.kdsPort]) played(port)
    for (const south of souths) {
      await south.put(...kumaService('web'))
      await south.put(...producer('south-to-web', { kind: 'MeshService', name: 'web' }))
      await south.put(...producer('south-forged', { kind: 'Mesh' }))
    }
    for (const cp of [ours, theirs])
      await until('what crosses to be there', async () => (await ofZones((path) => cp.get(path))).size === 8, 60_000)
  }, 240_000)
  test('what crosses to a real Kuma zone is what crosses under a real Kuma global: names, labels, specs', async () => {
    const [here, there] = await Promise.all([ours, theirs].map((cp) => ofZones((path) => cp.get(path))))
    expect(Object.fromEntries(here ?? [])).toEqual(Object.fromEntries(there ?? []))
    expect(await policiesOf((path) => ours.get(path))).toEqual([
      'kube/to-web',
      'kube/to-web-here',
      'south/south-to-web',
    ])
  })

  test('our global keeps of it what a real Kuma global keeps', async () => {
    const [here, there] = await Promise.all([ofZones(atOurs), ofZones((path) => kumaGlobal.get(path))])
    expect(here.size).toBeGreaterThan(15)
    expect(Object.fromEntries(here)).toEqual(Object.fromEntries(there))
    expect(await global.store.read.refused()).toEqual([])
  })

  test('a zone of ours has it as well, under the names that a real Kuma zone gives', async () => {
    const get = async (path: string): Promise<Items> =>
      JSON.parse((await east.api.inject({ method: 'GET', url: path })).body)
    await until('east to have it', async () => (await ofZones(get)).size === 8, 30_000)
    expect(await policiesOf(get)).toEqual(['kube/to-web', 'kube/to-web-here', 'south/south-to-web'])
    const hostnames = async (from: (path: string) => Promise<Items>) =>
      (await from('/meshservices?size=100')).items
        .filter(({ labels }) => labels?.['kuma.io/zone'] === 'kube')
        .flatMap(({ status }) =>
          ((status ?? {}) as { readonly addresses?: readonly { readonly hostname: string }[] }).addresses?.map(
            ({ hostname }) => hostname,
          ),
        )
        .sort()
    const wanted = ['db-0.db.shop.svc.kube.mesh.local', 'web.bank.svc.kube.mesh.local', 'web.shop.svc.kube.mesh.local']
    await until(
      'the real Kuma zone to have made its names',
      async () => (await hostnames((path) => ours.get(path))).join() === wanted.join(),
      30_000,
    )
    const named = [...(await servicesOf(east)).entries()].filter(([key]) => key.startsWith('kube/'))
    expect(await hostnames(get)).toEqual(wanted)
    expect(named.length).toBeGreaterThan(1)
  })
})
