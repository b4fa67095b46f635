import { describe, expect, test } from 'vitest'
import { run } from '../testing/run.js'

const generator = (name: string, template: string, kind: string, origin: string) => ({
  type: 'HostnameGenerator',
  name,
  creationTime: '2026-01-01T00:00:00Z',
  labels: { 'kuma.io/display-name': name },
  spec: { template, selector: { [kind]: { matchLabels: { 'kuma.io/origin': origin } } } },
})
const generators = [
  generator('synced', '{{ .DisplayName }}.svc.{{ .Zone }}.mesh.local', 'meshService', 'global'),
  generator('multi', '{{ .DisplayName }}.mzsvc.mesh.local', 'meshMultiZoneService', 'global'),
]
const zones = (east: boolean, west: boolean) => ({
  'GET /zones/_overview?size=1000': {
    items: [
      { name: 'east', zone: { enabled: true } },
      { name: 'north', zone: { enabled: false } },
      { name: 'west', zone: { enabled: true } },
    ],
  },
  'GET /_holdfast/sync': {
    peers: [
      { peer: 'east', connected: east },
      { peer: 'west', connected: west },
      { peer: 'north', connected: true },
    ],
  },
})
const multi = (name: string) => ({
  type: 'MeshMultiZoneService',
  mesh: 'default',
  name,
  creationTime: '2026-01-01T00:00:00Z',
  labels: { 'kuma.io/display-name': name, 'kuma.io/mesh': 'default', team: 'shop' },
  spec: { selector: { meshService: { matchLabels: { app: name } } }, ports: [{ port: 80, appProtocol: 'http' }] },
  status: { vips: [{ ip: '243.0.0.9' }] },
})
const stdin = `type: MeshMultiZoneService
mesh: default
name: web
labels: {team: shop}
spec:
  selector: {meshService: {matchLabels: {app: web}}}
  ports: [{port: 80, appProtocol: http}]
---
type: MeshTimeout
mesh: default
name: t
spec:
  to: [{targetRef: {kind: Mesh}, default: {idleTimeout: 10s}}]
`
const nothing = { httpStatus: 404, body: { title: 'Could not retrieve a resource', detail: 'Not found' } }
const answers = {
  'GET /_holdfast/status': { mode: 'global', zone: null },
  'GET /meshes/default/meshmultizoneservices/web': nothing,
  'GET /meshes/default/meshtimeouts/t': nothing,
  'POST /_apply?dryRun=true': {
    dryRun: true,
    results: [{ type: 'MeshMultiZoneService', mesh: 'default', name: 'web', outcome: 'created', vips: ['243.0.0.1'] }],
  },
  'GET /meshservices?size=1000': { items: [] },
  'GET /meshexternalservices?size=1000': { items: [] },
  'GET /meshmultizoneservices?size=1000': { items: [multi('old')] },
  'GET /hostnamegenerators?size=1000': { items: generators },
  ...zones(true, false),
}

describe('plan at global', () => {
  test('what every zone is told, when, and which names it answers then; nothing is written', async () => {
    const ran = await run(['plan', '-f', '-'], { stdin, answers })
    expect([ran.status, ran.err]).toEqual([3, ''])
    expect(ran.out).toBeGolden('plan.txt')
    expect(ran.asked.filter(([request]) => !request.startsWith('GET') && !request.includes('dryRun=true'))).toEqual([])
  })

  test('what is pruned: its address rests, its names go', async () => {
    const ran = await run(['plan', '-f', '-', '--prune', '-l', 'team=shop'], {
      stdin,
      answers: {
        ...answers,
        'GET /meshmultizoneservices?filter%5Blabels.team%5D=shop&size=1000': { items: [multi('old')] },
      },
    })
    expect(ran.status).toBe(3)
    expect(ran.out).toBeGolden('plan-prune.txt')
  })

  test('a zone that is switched off: its services are known in it alone', async () => {
    const web = {
      type: 'MeshService',
      mesh: 'default',
      name: 'web-x7',
      labels: { 'kuma.io/display-name': 'web', 'kuma.io/zone': 'east', 'kuma.io/origin': 'zone' },
      spec: { ports: [{ port: 80 }] },
    }
    const ran = await run(['plan', '-f', '-', '-o', 'json'], {
      stdin: 'type: Zone\nname: east\nenabled: false\n',
      answers: {
        ...answers,
        'GET /zones/east': { type: 'Zone', name: 'east', enabled: true },
        'GET /meshservices?size=1000': { items: [web] },
      },
    })
    const lost = JSON.parse(ran.out).zones.map((place: { zone: string; namesRemoved: string[] }) => [
      place.zone,
      place.namesRemoved,
    ])
    expect(lost).toEqual([
      ['global', []],
      ['east', []],
      ['north', ['web.svc.east.mesh.local']],
      ['west', ['web.svc.east.mesh.local']],
    ])
  })

  test('nothing would change', async () => {
    const same = stdin.split('---\n')[0]
    const ran = await run(['plan', '-f', '-'], {
      stdin: same ?? '',
      answers: { ...answers, 'GET /meshes/default/meshmultizoneservices/web': multi('web') },
    })
    expect([ran.status, ran.out]).toEqual([0, 'nothing would change: all 1 are as the files say\n'])
  })

  test('as JSON', async () => {
    const ran = await run(['plan', '-f', '-', '-o', 'json'], { stdin, answers })
    const { changes, zones: places } = JSON.parse(ran.out)
    expect(changes[0]).toEqual({
      type: 'MeshMultiZoneService',
      mesh: 'default',
      name: 'web',
      outcome: 'created',
      vips: ['243.0.0.1'],
      vip: 'gets 243.0.0.1',
    })
    expect(
      places.map((place: { zone: string; connected: boolean; namesAdded: string[] }) => [
        place.zone,
        place.connected,
        place.namesAdded,
      ]),
    ).toEqual([
      ['global', true, []],
      ['east', true, ['web.mzsvc.mesh.local']],
      ['north', true, ['web.mzsvc.mesh.local']],
      ['west', false, ['web.mzsvc.mesh.local']],
    ])
  })
})

describe('plan at a zone', () => {
  test('a service of its own: here and at global, by its own name here', async () => {
    const local = generator('local', '{{ .DisplayName }}.svc.mesh.local', 'meshService', 'zone')
    const ran = await run(['plan', '-f', '-'], {
      stdin:
        'type: MeshService\nmesh: default\nname: web\nspec:\n  selector: {dataplaneTags: {app: web}}\n  ports: [{port: 80, appProtocol: http}]\n',
      answers: {
        ...answers,
        'GET /_holdfast/status': { mode: 'federated', zone: 'east' },
        'GET /_holdfast/sync': { peers: [{ peer: 'global', connected: false }] },
        'GET /meshes/default/meshservices/web': nothing,
        'POST /_apply?dryRun=true': { results: [] },
        'GET /hostnamegenerators?size=1000': { items: [{ ...local, labels: { 'kuma.io/origin': 'zone' } }] },
      },
    })
    expect([ran.status, ran.err]).toEqual([3, ''])
    expect(ran.out).toBeGolden('plan-zone.txt')
  })
})
