import { expect, test } from 'vitest'
import { answer } from './answer.js'
import { served, service } from './testing/services.js'

const world = served([
  service({
    name: 'web',
    addresses: ['241.16.0.1', 'fd00:1:2::1'],
    ports: [
      { name: 'http', port: 80 },
      { name: '', port: 9 },
    ],
  }),
  service({ name: 'pay', origin: 'west', addresses: ['241.32.0.9'] }),
  service({ name: 'headless', addresses: [] }),
  service({ name: 'all', type: 'MeshMultiZoneService', origin: '', addresses: ['243.0.0.5'] }),
])

const ask = (name: string, type = 'A', of = 'IN') => answer({ name, type, class: of }, world)
const data = (name: string, type = 'A') => {
  const said = ask(name, type)
  return said.outcome === 'answered' ? said.records.map((record) => record.data) : said.outcome
}

test('addresses, ports and reverse names of local, synced and multi-zone services', () => {
  expect(data('web.svc.mesh.local')).toEqual(['241.16.0.1'])
  expect(data('web.svc.mesh.local', 'AAAA')).toEqual(['fd00:1:2::1'])
  expect(data('pay.svc.west.mesh.local')).toEqual(['241.32.0.9'])
  expect(data('all.mzsvc.mesh.local')).toEqual(['243.0.0.5'])
  expect(data('_http._tcp.web.svc.mesh.local', 'SRV')).toEqual([
    { priority: 0, weight: 0, port: 80, target: 'web.svc.mesh.local' },
  ])
  expect(data('1.0.16.241.in-addr.arpa', 'PTR')).toEqual(['web.svc.mesh.local'])
  expect(data(`1.${'0.'.repeat(19)}2.0.0.0.1.0.0.0.0.0.d.f.ip6.arpa`, 'PTR')).toEqual(['web.svc.mesh.local'])
})

test('names are found in any case, and answered in the case in which they were asked', () => {
  const said = ask('WeB.sVc.MESH.local')
  expect(said).toMatchObject({
    outcome: 'answered',
    records: [{ name: 'WeB.sVc.MESH.local', data: '241.16.0.1', ttl: 60 }],
  })
})

test.each([
  ['nobody.svc.mesh.local', 'A', 'nxdomain'],
  ['pay.svc.mesh.local', 'A', 'nxdomain'],
  ['web.svc.mesh.local', 'MX', 'nodata'],
  ['pay.svc.west.mesh.local', 'AAAA', 'nodata'],
  ['headless.svc.mesh.local', 'A', 'nodata'],
  // There are names below these.
  ['svc.mesh.local', 'A', 'nodata'],
  ['west.mesh.local', 'A', 'nodata'],
  ['mesh.local', 'A', 'nodata'],
  ['_tcp.web.svc.mesh.local', 'A', 'nodata'],
  ['_http._tcp.web.svc.mesh.local', 'A', 'nodata'],
  ['_grpc._tcp.web.svc.mesh.local', 'SRV', 'nxdomain'],
  ['_http._udp.web.svc.mesh.local', 'SRV', 'nxdomain'],
  ['2.0.16.241.in-addr.arpa', 'PTR', 'nxdomain'],
  ['1.0.16.241.in-addr.arpa', 'A', 'nodata'],
  ['16.241.in-addr.arpa', 'PTR', 'nodata'],
])('%s %s: %s, with the SOA that says how long to believe it', (name, type, outcome) => {
  const said = ask(name, type)
  expect(said).toMatchObject({ outcome, soa: { type: 'SOA', data: { serial: 7, minimum: 5 } } })
})

test.each(['example.com', 'local', 'com', '1.0.0.127.in-addr.arpa', 'mesh.localx', 'xmesh.local'])(
  '%s is not ours to answer',
  (name) => {
    expect(ask(name)).toEqual({ outcome: 'foreign' })
  },
)

test("ANY is one kind of record, and other classes are nobody's", () => {
  expect(data('web.svc.mesh.local', 'ANY')).toEqual(['241.16.0.1'])
  expect(ask('web.svc.mesh.local', 'A', 'CH')).toEqual({ outcome: 'foreign' })
  expect(ask('mesh.local', 'SOA')).toMatchObject({
    outcome: 'answered',
    records: [{ type: 'SOA', name: 'mesh.local' }],
  })
})
