import { expect, test } from 'vitest'
import { allTypes } from '../type-table.js'
import { isPluginPolicy } from '../types.js'
import { columnsOfKind } from './kinds.js'

const headers = (name: string): readonly string[] =>
  allTypes.filter((type) => type.name === name).flatMap((type) => columnsOfKind(type).map(({ header }) => header))

test('what a table shows of a kind stands in the file of the kind', () => {
  expect({
    MeshService: headers('MeshService'),
    MeshExternalService: headers('MeshExternalService'),
    MeshMultiZoneService: headers('MeshMultiZoneService'),
    Dataplane: headers('Dataplane'),
    Mesh: headers('Mesh'),
    Zone: headers('Zone'),
    HostnameGenerator: headers('HostnameGenerator'),
    Secret: headers('Secret'),
  }).toEqual({
    MeshService: ['VIP', 'HOSTNAME', 'STATE', 'PORTS', 'PROXIES'],
    MeshExternalService: ['VIP', 'HOSTNAME', 'STATE', 'PORTS', 'ENDPOINTS'],
    MeshMultiZoneService: ['VIP', 'HOSTNAME', 'STATE', 'PORTS', 'SERVICES'],
    Dataplane: ['ADDRESS', 'PORTS', 'TAGS'],
    Mesh: ['MTLS', 'SERVICES'],
    Zone: ['ENABLED'],
    HostnameGenerator: ['TEMPLATE', 'SELECTS'],
    Secret: [],
  })
  for (const type of allTypes.filter(isPluginPolicy)) expect(headers(type.name), type.name).toEqual(['TARGET', 'SAYS'])
})

test('whatever a resource holds where something else is meant, a table shows text', () => {
  const odd = [undefined, null, 0, 'x', [], {}, [null], [0], ['x'], [[]], [{}]]
  const fields = ['spec', 'status', 'networking', 'mtls', 'meshServices']
  const inner = ['vips', 'vip', 'addresses', 'conditions', 'ports', 'match', 'endpoints', 'selector', 'targetRef', 'to']
  const more = ['dataplaneProxies', 'inbound', 'gateway', 'backends', 'state', 'template', 'meshServices', 'labels']
  for (const value of odd) {
    const within = Object.fromEntries([...inner, ...more].map((key) => [key, value]))
    for (const item of [
      Object.fromEntries(fields.map((key) => [key, value])),
      Object.fromEntries(fields.map((key) => [key, within])),
    ])
      for (const type of allTypes)
        for (const { header, value: shown } of columnsOfKind(type))
          expect(typeof shown(item), `${type.name} ${header}`).toBe('string')
  }
})
