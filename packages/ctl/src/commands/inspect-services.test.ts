import { expect, test } from 'vitest'
import { ago, run } from '../testing/run.js'

const service = (name: string, labels: Readonly<Record<string, string>>, more: object) => ({
  type: 'MeshService',
  mesh: 'default',
  name,
  labels: { 'kuma.io/display-name': name, 'kuma.io/zone': 'east', ...labels },
  ...more,
})
const generated = { 'kuma.io/managed-by': 'meshservice-generator' }
const spec = (state: string, ...ports: readonly number[]) => ({ state, ports: ports.map((port) => ({ port })) })
const items = [
  service('web', generated, {
    spec: spec('Available', 80, 443),
    status: {
      vips: [{ ip: '241.16.0.1' }],
      tls: { status: 'Ready' },
      dataplaneProxies: { connected: 2, healthy: 1, total: 3 },
    },
  }),
  service(
    'gone',
    { ...generated, 'kuma.io/deletion-grace-period-started-at': ago(600) },
    { spec: spec('Unavailable', 80), status: { vips: [{ ip: '241.16.0.2' }], tls: { status: 'NotReady' } } },
  ),
  service('manual', {}, { spec: spec('Unavailable'), status: { vips: [{ ip: '241.16.0.3' }] } }),
  service('others', { 'kuma.io/managed-by': 'argo' }, { spec: spec('Unavailable', 1) }),
]
const problems = [
  {
    mesh: 'default',
    name: 'manual',
    reason: 'NameTaken',
    message: 'a MeshService of this name was made by hand; delete it',
    since: ago(90),
  },
  { mesh: 'shop', name: 'Bad_Name', reason: 'InvalidName', message: 'Dataplane dp-1: …', since: ago(5) },
]
const list = 'GET /meshes/default/meshservices?size=1000'
const problemsUrl = 'GET /_holdfast/services/problems'

test('inspect services', async () => {
  const answers = {
    [list]: { total: items.length, items, next: null },
    [problemsUrl]: { total: 2, items: problems },
  }
  const ran = await run(['inspect', 'services'], { answers })
  expect(ran).toMatchObject({ status: 0, err: '', asked: [[list], [problemsUrl]] })
  expect(ran.out).toBeGolden('inspect-services.txt')
  const json = await run(['inspect', 'services', '-o', 'json'], { answers })
  expect(JSON.parse(json.out)).toMatchObject({ total: 4, problems: [{ name: 'manual' }] })
})

test('inspect services of every mesh, nothing to say about them', async () => {
  const answers = {
    'GET /meshservices?size=1000': { total: 1, items: items.slice(0, 1), next: null },
    [problemsUrl]: { total: 0, items: [] },
  }
  const ran = await run(['inspect', 'services', '-A'], { answers })
  expect(ran.out.split('\n')).toHaveLength(3)
})
