import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { utf8 } from '../bytes.js'
import { jsonSpec } from '../kinds/spec.js'
import { exportName } from '../names.js'
import { typeOf } from '../types.js'
import { decodeKumaResource } from '../wire.js'
import { assignHostnames, hostnamesOf } from './assign.js'
import { defaultHostnameGenerators } from './defaults.js'
import { type HostnameGenerator, hostnameGeneratorOf, type NameableService } from './generator.js'

const generator = (name: string, origin: string, spec: unknown, createdAtMs = 0): HostnameGenerator => {
  const read = hostnameGeneratorOf({ name, origin, spec: utf8(JSON.stringify(spec)) }, createdAtMs)
  if (read === undefined) throw new Error(`${name} selects nothing`)
  return read
}

const defaults = (role: 'global' | 'zone', origin: string, suffix = ''): readonly HostnameGenerator[] =>
  defaultHostnameGenerators(role).map(({ name, spec }) => generator(`${name}${suffix}`, origin, spec))

const service = (given: Partial<NameableService> & { readonly name: string }): NameableService => ({
  type: 'MeshService',
  mesh: 'default',
  labels: {},
  origin: 'east',
  createdAtMs: 0,
  ...given,
})

const universal = (zone: string) => ({ 'kuma.io/env': 'universal', 'kuma.io/zone': zone })
const own = service({ name: 'web', labels: universal('east') })
const foreign = service({
  name: 'cart-xyz',
  origin: 'west',
  labels: { ...universal('west'), 'kuma.io/display-name': 'cart' },
})

test('default generators are written as Kuma writes them', () => {
  const recorded = readFileSync(new URL('../../testdata/kuma-resources.txt', import.meta.url), 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .flatMap(([, type, hex]) =>
      type === 'HostnameGenerator' ? [decodeKumaResource(Buffer.from(hex ?? '', 'hex'))] : [],
    )
  const ours = [...defaultHostnameGenerators('global'), ...defaultHostnameGenerators('zone')].map(({ name, spec }) => ({
    name,
    spec: Buffer.from(jsonSpec(typeOf('HostnameGenerator'), spec).spec).toString(),
  }))
  expect(recorded.length).toBeGreaterThan(0)
  for (const { labels, spec } of recorded)
    expect(ours).toContainEqual({ name: labels['kuma.io/display-name'], spec: Buffer.from(spec).toString() })
})

test('a zone names its own services without its name and those of others with theirs', () => {
  const generators = [...defaults('global', '', '-hash'), ...defaults('zone', 'east')]
  const external = service({
    type: 'MeshExternalService',
    name: 'pay-abc',
    origin: '',
    labels: { 'kuma.io/display-name': 'pay' },
  })
  const multi = service({
    type: 'MeshMultiZoneService',
    name: 'all-abc',
    origin: '',
    labels: { 'kuma.io/display-name': 'all' },
  })
  const assigned = assignHostnames([own, foreign, external, multi], generators, 'east')
  const address = (hostname: string, coreName: string) => ({
    addresses: [{ hostname, origin: 'HostnameGenerator', hostnameGeneratorRef: { coreName } }],
    hostnameGenerators: [
      {
        hostnameGeneratorRef: { coreName },
        conditions: [{ type: 'Generated', status: 'True', reason: 'Generated', message: '' }],
      },
    ],
  })
  expect([...assigned.values()]).toEqual([
    address('web.svc.mesh.local', 'local-universal-mesh-service'),
    address('cart.svc.west.mesh.local', 'synced-universal-mesh-service-hash'),
    address('pay.extsvc.mesh.local', 'synced-mesh-external-service-hash'),
    address('all.mzsvc.mesh.local', 'synced-mesh-multi-zone-service-hash'),
  ])
})

const template = (text: string, matchLabels = {}) => ({ selector: { meshService: { matchLabels } }, template: text })

test('who comes first holds a name, and the others are told who', () => {
  const older = service({ name: 'b', createdAtMs: 1 })
  const younger = service({ name: 'a', createdAtMs: 2 })
  const otherMesh = service({ name: 'a', mesh: 'other', createdAtMs: 3 })
  const assigned = assignHostnames([younger, older, otherMesh], [generator('g', '', template('same.local'))], 'east')
  const hostnames = [younger, older, otherMesh].map((each) =>
    assigned.get(each)?.addresses.map(({ hostname }) => hostname),
  )
  expect(hostnames).toEqual([[], ['same.local'], ['same.local']])
  expect(assigned.get(younger)?.hostnameGenerators).toEqual([
    {
      hostnameGeneratorRef: { coreName: 'g' },
      conditions: [
        { type: 'Generated', status: 'False', reason: 'Collision', message: 'Hostname collision with MeshService: b' },
      ],
    },
  ])
})

test("a zone's generators are asked first, then older ones, then by name; shown by name", () => {
  const first = service({ name: 'a', labels: { by: 'zone' } })
  const second = service({ name: 'b', labels: { by: 'global' } })
  const generators = [
    generator('a-global', '', template('x.local', { by: 'global' }), 0),
    generator('z-zone', 'east', template('x.local', { by: 'zone' }), 9),
    generator('m-all', '', template('{{ .Name }}.local'), 5),
  ]
  const assigned = assignHostnames([second, first], generators, 'east')
  expect(assigned.get(first)?.addresses.map(({ hostname }) => hostname)).toEqual(['a.local', 'x.local'])
  expect(assigned.get(second)?.addresses.map(({ hostname }) => hostname)).toEqual(['b.local'])
  expect(assigned.get(second)?.hostnameGenerators.map((each) => each.conditions[0]?.message)).toEqual([
    'Hostname collision with MeshService: a',
    '',
  ])
})

test('the same name from two generators is no collision', () => {
  const assigned = assignHostnames(
    [own],
    [generator('a', '', template('x.y')), generator('b', '', template('x.y'))],
    'east',
  )
  expect(assigned.get(own)?.addresses.length).toBe(2)
})

test('a template that fails says so on the service, and one that yields no name as well', () => {
  const generators = [
    generator('a', '', template('{{ label "team" }}.local')),
    generator('b', '', template('A_{{ .Name }}')),
    generator('c', '', template('{{ index .Name 0 }}')),
    generator('d', '', template('{{ label "team" }}', { team: 'none' })),
  ]
  expect(assignHostnames([own], generators, 'east').get(own)).toEqual({
    addresses: [],
    hostnameGenerators: [
      'template: :1:3: executing "" at <label "team">: error calling label: label team not found',
      expect.stringContaining('template renders to "A_web" which is not a valid DNS name: '),
      'template: :1: function "index" is not supported by Holdfast',
    ].map((message, index) => ({
      hostnameGeneratorRef: { coreName: 'abc'.charAt(index) },
      conditions: [{ type: 'Generated', status: 'False', reason: 'TemplateError', message }],
    })),
  })
})

test('global shows the names that a service has in its zone and in the others', () => {
  const type = typeOf('HostnameGenerator')
  const localTo = (zone: string) =>
    defaultHostnameGenerators('zone').map(({ name, spec }) =>
      generator(exportName(type, '', name, { 'kuma.io/zone': zone }), zone, spec),
    )
  const generators = [...defaults('global', ''), ...localTo('east'), ...localTo('west')]
  expect(hostnamesOf(own, generators, { role: 'global' })).toEqual([
    { hostname: 'web.svc.east.mesh.local', zones: [{ name: 'east' }] },
    { hostname: 'web.svc.mesh.local', zones: [{ name: 'east' }] },
  ])
  expect(hostnamesOf(own, [...defaults('global', ''), ...localTo('east')], { role: 'zone', zone: 'east' })).toEqual([
    { hostname: 'web.svc.mesh.local', zones: [{ name: 'east' }] },
  ])
  expect(hostnamesOf(own, [...defaults('global', ''), ...localTo('west')], { role: 'zone', zone: 'west' })).toEqual([
    { hostname: 'web.svc.east.mesh.local', zones: [{ name: 'east' }] },
  ])
  const multi = service({ type: 'MeshMultiZoneService', name: 'web', origin: '' })
  expect(hostnamesOf(multi, generators, { role: 'global' })).toEqual([
    { hostname: 'web.mzsvc.mesh.local', zones: [{ name: 'web' }] },
  ])
})
