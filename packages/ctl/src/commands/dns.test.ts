import { expect, test } from 'vitest'
import { run } from '../testing/run.js'

const service = { type: 'MeshService', mesh: 'default', name: 'web', origin: 'east' }
const lookup = (answer: object, more: object = {}) => ({
  'GET /_holdfast/dns/lookup?name=web.svc.mesh.local&type=A': {
    ...{ name: 'web.svc.mesh.local', type: 'A', revision: 7, unserved: [], answer },
    ...more,
  },
})
const asked = ['dns', 'lookup', 'web.svc.mesh.local']

test('dns lookup: the records, and with --explain where they come from', async () => {
  const answers = lookup(
    { outcome: 'answered', records: [{ name: 'web.svc.mesh.local', type: 'A', ttl: 60, data: '241.16.0.7' }] },
    {
      ...{ service, hostname: 'web.svc.mesh.local', generator: 'local-mesh-service' },
      ...{ addresses: ['241.16.0.7', 'fd00::7'], generation: 0 },
    },
  )
  const ran = await run([...asked, '--explain'], { answers })
  expect(ran.status).toBe(0)
  expect(ran.out).toBeGolden('dns-lookup.txt')
})

test.each([
  ['nxdomain', 'there is no such name (NXDOMAIN)'],
  ['nodata', 'the name is there, and has no such record (NODATA)'],
  ['foreign', 'not a name of this mesh: it is asked of the upstreams, or refused where there are none'],
])('dns lookup: %s is exit status 1', async (outcome, words) => {
  const ran = await run([...asked, '--explain'], { answers: lookup({ outcome }) })
  expect([ran.status, ran.out]).toEqual([1, `web.svc.mesh.local A: ${words}\nno service has this name at revision 7\n`])
})

const standing = {
  ...{ enabled: true, port: 5653, services: 6, hostnames: 5, zones: ['241.in-addr.arpa', 'mesh.local'], revision: 26 },
  ...{ following: true, kept: 0, unserved: 1, verdicts: { answered: 12, nxdomain: 3 }, faults: [] },
}

test('dns status, and exit status 3 with what is wrong', async () => {
  const fine = await run(['dns', 'status'], { answers: { 'GET /_holdfast/dns': standing } })
  expect(fine.status).toBe(0)
  expect(fine.out).toBeGolden('dns-status.txt')
  const faulty = {
    ...standing,
    following: false,
    reason: 'the database is away',
    faults: ['web: 241.0.0.1 for 241.0.0.2'],
  }
  const ran = await run(['dns', 'status', '--zone', 'east'], { answers: { 'GET /_holdfast/dns?zone=east': faulty } })
  expect(ran.status).toBe(3)
  expect(ran.out).toBeGolden('dns-status-faulty.txt')
  const off = await run(['dns', 'status'], { answers: { 'GET /_holdfast/dns': { enabled: false } } })
  expect([off.status, off.out]).toEqual([0, 'no names are answered here (--dns-port off)\n'])
})

test('dns unserved: which names, whose they should be, and why they are not', async () => {
  const { origin: zone, ...rest } = service
  const items = [
    {
      ...{ hostname: 'web.svc.mesh.local', generator: 'local', reason: 'taken by MeshExternalService web of global' },
      service: { ...rest, zone },
    },
  ]
  const ran = await run(['dns', 'unserved'], { answers: { 'GET /_holdfast/dns/unserved': { total: 1, items } } })
  expect(ran.out).toBeGolden('dns-unserved.txt')
  const none = await run(['dns', 'unserved'], { answers: { 'GET /_holdfast/dns/unserved': { total: 0, items: [] } } })
  expect(none.out).toBe('every service has all of its names\n')
})
