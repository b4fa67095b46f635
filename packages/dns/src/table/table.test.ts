import { assignHostnames } from '@holdfast/model'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { defaultGenerators, generator, service } from '../testing/services.js'
import { Authority, apexesOf, reverseApexesOf } from './authority.js'
import { type ServedService, serviceKey } from './served.js'
import { NameTable, namesPerServiceMax } from './table.js'

const generators = [
  ...defaultGenerators(),
  generator('all-the-same', 'one.for.all', { createdAtMs: 5 }),
  generator('by-mesh', '{{ .DisplayName }}.{{ .Mesh }}.local', { createdAtMs: 9 }),
  generator('zones-own', '{{ .DisplayName }}.short.local', { origin: 'east', createdAtMs: 7 }),
]

const anyService = fc
  .record({
    name: fc.constantFrom('web', 'api', 'db'),
    mesh: fc.constantFrom('default', 'other'),
    type: fc.constantFrom('MeshService', 'MeshExternalService'),
    origin: fc.constantFrom('east', 'west', 'north'),
    createdAtMs: fc.integer({ min: 0, max: 3 }),
  })
  .map(service)

const anyStep = fc.oneof(
  { weight: 3, arbitrary: anyService.map((each) => ({ put: each })) },
  { weight: 1, arbitrary: anyService.map((each) => ({ remove: each })) },
)

test('VIP-4: whatever came and went, in whatever order, the names are those of the generators over what is there', () => {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 30 }), (steps) => {
      const table = new NameTable('east', generators)
      const there = new Map<string, ServedService>()
      for (const step of steps)
        if ('put' in step) {
          table.put(step.put)
          there.set(serviceKey(step.put), step.put)
        } else {
          expect(table.remove(serviceKey(step.remove))).toBe(there.delete(serviceKey(step.remove)))
        }
      const anew = new NameTable('east', generators)
      for (const each of there.values()) anew.put(each)
      const names = assignHostnames([...there.values()], generators, 'east')
      const holders = new Map<string, ServedService[]>()
      for (const [each, { addresses }] of names)
        for (const { hostname } of addresses) holders.set(hostname, [...(holders.get(hostname) ?? []), each])
      expect(table.hostnames).toBe(holders.size)
      for (const [hostname, each] of holders) {
        const found = table.find(hostname)
        // Of one kind and mesh it is the API's own; of several, one of theirs, and the oldest.
        expect(each).toContain(found?.service)
        expect(found?.service.createdAtMs).toBe(Math.min(...each.map(({ createdAtMs }) => createdAtMs)))
        expect(found).toEqual(anew.find(hostname))
        for (const loser of each.filter((other) => other !== found?.service))
          expect(table.unserved(serviceKey(loser)).map((u) => u.hostname)).toContain(hostname)
      }
      for (const each of there.values())
        for (const { hostname } of table.namesOf(serviceKey(each))) expect(table.find(hostname)?.service).toBe(each)
    }),
  )
})

test('a name that is gone leaves nothing behind: not below, not by address', () => {
  const table = new NameTable('east', defaultGenerators())
  table.put(service({ name: 'web', origin: 'west' }))
  expect([table.hasBelow('svc.west.mesh.local'), table.hasBelow('mesh.local'), table.hasBelow('local')]).toEqual([
    true,
    true,
    true,
  ])
  expect(table.namesAt('241.16.0.1').map((n) => n.hostname)).toEqual(['web.svc.west.mesh.local'])
  table.remove(serviceKey(service({ name: 'web', origin: 'west' })))
  expect([table.services, table.hostnames, table.hasBelow('mesh.local')]).toEqual([0, 0, false])
  expect(table.namesAt('241.16.0.1')).toEqual([])
})

test('a name that DNS cannot carry is not served, and which label is why', () => {
  const long = 'a'.repeat(64)
  const table = new NameTable('east', [generator('g', '{{ .DisplayName }}.svc.mesh.local')])
  table.put(service({ name: long }))
  expect(table.hostnames).toBe(0)
  expect(table.unserved()).toMatchObject([
    { generator: 'g', why: 'bad', reason: expect.stringContaining(`the label "${long}"`) },
  ])
})

test('ten thousand generators give one service no more names than it may have, and it is said', () => {
  const many = Array.from({ length: 10_000 }, (_, i) => generator(`g${String(i).padStart(5, '0')}`, `n${i}.mesh.local`))
  const table = new NameTable('east', many)
  table.put(service({ name: 'web' }))
  expect(table.hostnames).toBe(namesPerServiceMax)
  expect(table.unserved()).toMatchObject([{ why: 'many', generator: 'g00100' }])
  table.put(service({ name: 'api', createdAtMs: 1 }))
  expect(table.hostnames).toBe(namesPerServiceMax)
  table.remove(serviceKey(service({ name: 'web' })))
  expect(table.find('n0.mesh.local')?.service.name).toBe('api')
})

test('of two kinds that want one name the older has it, and the other is told by whom', () => {
  const table = new NameTable('east', [
    generator('a', '{{ .DisplayName }}.mesh.local'),
    generator('b', '{{ .DisplayName }}.mesh.local', { selects: 'meshExternalService' }),
  ])
  const younger = service({ name: 'web', createdAtMs: 2 })
  const older = service({ name: 'web', type: 'MeshExternalService', createdAtMs: 1 })
  table.put(younger)
  expect(table.find('web.mesh.local')?.service).toBe(younger)
  table.put(older)
  expect(table.find('web.mesh.local')?.service).toBe(older)
  expect(table.unserved(serviceKey(younger))).toMatchObject([
    {
      hostname: 'web.mesh.local',
      reason: 'MeshExternalService web of zone east in mesh default is older and has the name',
    },
  ])
  table.remove(serviceKey(older))
  expect(table.find('web.mesh.local')?.service).toBe(younger)
  expect(table.unserved()).toEqual([])
})

test('a zone has the last word on what its templates end with, and on no top of a tree', () => {
  const ends = (...templates: string[]) => apexesOf(templates.map((t, i) => generator(`g${i}`, t)))
  expect(ends('{{ .DisplayName }}.svc.mesh.local')).toEqual(['svc.mesh.local'])
  expect(ends('{{ .DisplayName }}.svc.{{ .Zone }}.mesh.local')).toEqual(['mesh.local'])
  expect(ends('{{ .DisplayName }}.local', '{{ .DisplayName }}', '{{ .DisplayName }}-x.mesh.local')).toEqual([
    'mesh.local',
  ])
  expect(ends('one.for.all')).toEqual(['one.for.all'])
  const authority = new Authority(apexesOf(defaultGenerators()))
  expect(authority.apexes).toEqual(['mesh.local'])
  expect([authority.apexOf('nothing.svc.mesh.local'), authority.apexOf('mesh.local')]).toEqual([
    'mesh.local',
    'mesh.local',
  ])
  expect([authority.apexOf('local'), authority.apexOf('example.com'), authority.apexOf('xmesh.local')]).toEqual([
    undefined,
    undefined,
    undefined,
  ])
})

test.each([
  ['241.0.0.0/8', ['241.in-addr.arpa']],
  ['10.96.0.0/15', ['96.10.in-addr.arpa', '97.10.in-addr.arpa']],
  ['fd00:1:2::/50', ['0', '1', '2', '3'].map((n) => `${n}.2.0.0.0.1.0.0.0.0.0.d.f.ip6.arpa`)],
  ['fd00:1:2:3::/64', ['3.0.0.0.2.0.0.0.1.0.0.0.0.0.d.f.ip6.arpa']],
  ['nonsense', []],
])('reverse zones of %s', (cidr, expected) => {
  expect(reverseApexesOf(cidr)).toEqual(expected)
})
