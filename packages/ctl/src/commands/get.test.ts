import { describe, expect, test } from 'vitest'
import { ago, apiError, run } from '../testing/run.js'

const service = (name: string, zone: string, status: unknown, state = 'Available') => ({
  type: 'MeshService',
  mesh: 'default',
  name: `${name}-x7`,
  modificationTime: ago(90),
  labels: { 'kuma.io/display-name': name, 'kuma.io/zone': zone },
  spec: { state },
  status,
})
const web = service('web', 'east', {
  addresses: [{ hostname: 'web.svc.east.mesh.local' }],
  vips: [{ ip: '241.16.0.1' }, { ip: 'fd00:1::1' }],
})
const waiting = service('api', 'west', {
  conditions: [{ type: 'VIPAllocated', status: 'False', reason: 'Pending', message: 'no block yet' }],
})
const headless = service(
  'db',
  'west',
  {
    addresses: [{ hostname: 'db.svc.west.mesh.local' }],
    conditions: [{ type: 'VIPAllocated', status: 'False', reason: 'Headless', message: '…' }],
  },
  'Unavailable',
)
const services = { total: 3, items: [web, waiting, headless], next: null }
const listUrl = 'GET /meshes/default/meshservices?size=1000'

describe('lists', () => {
  test('services as a table', async () => {
    const ran = await run(['get', 'meshservices'], { answers: { [listUrl]: services } })
    expect(ran).toEqual({ status: 0, out: ran.out, err: '', asked: [[listUrl]] })
    expect(ran.out).toBeGolden('get-meshservices.txt')
  })

  test.each([
    ['json', 'get-meshservices.json'],
    ['yaml', 'get-meshservices.yaml'],
  ])('services as %s', async (output, file) => {
    expect((await run(['get', 'msvc', '-o', output], { answers: { [listUrl]: services } })).out).toBeGolden(file)
  })

  test('resources of a mesh, and of no mesh', async () => {
    const timeout = { type: 'MeshTimeout', mesh: 'demo', name: 't', modificationTime: ago(7_300) }
    const copy = { ...timeout, name: 'u-x7', labels: { 'kuma.io/display-name': 'u', 'kuma.io/zone': 'east' } }
    const answers = {
      'GET /meshes/demo/meshtimeouts?size=1000': { total: 2, items: [timeout, copy], next: null },
      'GET /meshes?size=1000': {
        total: 1,
        items: [{ type: 'Mesh', name: 'demo', modificationTime: ago(3) }],
        next: null,
      },
      'GET /hostnamegenerators?size=1000': { total: 0, items: [], next: null },
    }
    expect((await run(['get', 'meshtimeouts', '-m', 'demo'], { answers })).out).toBeGolden('get-meshtimeouts.txt')
    expect((await run(['get', 'mesh'], { answers })).out).toBeGolden('get-meshes.txt')
    expect((await run(['get', 'hostnamegenerators'], { answers })).out).toBe('NAME   ZONE   AGE\n')
  })

  test('every page is fetched, wherever the control plane says it is', async () => {
    const page = (name: string, next: string | null) => ({
      total: 3,
      items: [{ type: 'Mesh', name, modificationTime: ago(3) }],
      next,
    })
    const ran = await run(['get', 'meshes', '-o', 'json'], {
      answers: {
        'GET /meshes?size=1000': page('a', 'http://elsewhere/meshes?offset=1&size=1000'),
        'GET /meshes?offset=1&size=1000': page('b', 'http://elsewhere/meshes?offset=2&size=1000'),
        'GET /meshes?offset=2&size=1000': page('c', null),
      },
    })
    const { total, items, next } = JSON.parse(ran.out)
    expect([total, items.map((item: { name: string }) => item.name), next]).toEqual([3, ['a', 'b', 'c'], null])
  })

  test('one zone, and every mesh', async () => {
    const url = 'GET /meshservices?filter%5Blabels.kuma.io%2Fzone%5D=east&size=1000'
    const ran = await run(['get', 'meshservices', '-A', '--zone', 'east'], { answers: { [url]: services } })
    expect([ran.status, ran.asked]).toEqual([0, [[url]]])
  })

  test('a mesh that does not exist', async () => {
    const ran = await run(['get', 'meshtimeouts', '-m', 'nope'], {
      answers: { 'GET /meshes/nope/meshtimeouts?size=1000': apiError(404, 'Failed to retrieve Mesh', 'Not found') },
    })
    expect(ran).toMatchObject({
      status: 1,
      out: '',
      err: `Error: Failed to retrieve Mesh (Not found)\nthere is no mesh "nope"; see those there are with 'holdfastctl get meshes'\n`,
    })
  })

  test('a type that there is not lists those there are', async () => {
    const ran = await run(['get', 'nopes'])
    expect([
      ran.status,
      ran.err.startsWith('Error: unknown TYPE "nopes"; there are circuit-breaker, dataplane,'),
    ]).toEqual([2, true])
  })
})

describe('one resource', () => {
  const find = (query: string) => `GET /_holdfast/resources?${query}`
  const query = 'type=MeshService&name=web&mesh=default'

  test('is found by its display name', async () => {
    const ran = await run(['get', 'meshservice', 'web', '-o', 'json'], {
      answers: { [find(query)]: { total: 1, items: [web], next: null } },
    })
    expect([ran.status, JSON.parse(ran.out)]).toEqual([0, web])
  })

  test('is found by its stored name where nothing is displayed so', async () => {
    const answers = {
      [find('type=MeshService&name=web-x7&mesh=default')]: { items: [] },
      'GET /meshes/default/meshservices/web-x7': web,
    }
    const ran = await run(['get', 'meshservice', 'web-x7', '-o', 'json'], { answers })
    expect([ran.status, JSON.parse(ran.out)]).toEqual([0, web])
  })

  test('that two zones have is not guessed', async () => {
    const ran = await run(['get', 'meshservice', 'web'], {
      answers: {
        [find(query)]: { items: [web, { ...web, name: 'web-y8', labels: { ...web.labels, 'kuma.io/zone': 'west' } }] },
        'GET /_holdfast/status': { mode: 'global' },
      },
    })
    expect(ran).toMatchObject({
      status: 2,
      out: '',
      err: 'Error: MeshService "web" is ambiguous; say which one with --zone:\n* --zone east: web of zone east, stored as web-x7\n* --zone west: web of zone west, stored as web-y8\n',
    })
  })

  test('that a zone and others have is the zone’s own, where a zone is asked', async () => {
    const ofWest = { ...web, name: 'web-y8', labels: { ...web.labels, 'kuma.io/zone': 'west' } }
    const ofGlobal = { ...web, name: 'web-z9', labels: { 'kuma.io/display-name': 'web' } }
    const answers = {
      [find(query)]: { items: [ofGlobal, web, ofWest] },
      'GET /_holdfast/status': { mode: 'federated', zone: 'west' },
      'DELETE /meshes/default/meshservices/web-y8': {},
    }
    const ran = await run(['delete', 'meshservice', 'web'], { answers })
    expect([ran.err, ran.asked.at(-1)]).toEqual(['', ['DELETE /meshes/default/meshservices/web-y8']])
    // It has none of its own: nothing is guessed.
    const status = { mode: 'federated', zone: 'north' }
    const others = await run(['delete', 'meshservice', 'web'], {
      answers: { ...answers, 'GET /_holdfast/status': status },
    })
    expect([others.status, others.err]).toEqual([2, expect.stringContaining('* --zone global: web of global,')])
    // At global its own is no more meant than that of a zone.
    const atGlobal = await run(['delete', 'meshservice', 'web'], {
      answers: { ...answers, 'GET /_holdfast/status': { mode: 'global', zone: null } },
    })
    expect([atGlobal.status, atGlobal.asked.some(([asked]) => asked.startsWith('DELETE'))]).toEqual([2, false])
  })

  test('in two namespaces of a zone is told apart by its stored name', async () => {
    const inShop = { ...web, name: 'web.shop' }
    const own = { ...web, name: 'web' }
    const zoned = `${query}&zone=east`
    const one = await run(['get', 'meshservice', 'web', '--zone', 'east', '-o', 'json'], {
      answers: { [find(zoned)]: { items: [inShop, own] } },
    })
    expect(JSON.parse(one.out)).toEqual(own)
    const none = await run(['get', 'meshservice', 'web', '--zone', 'east'], {
      answers: { [find(zoned)]: { items: [inShop, { ...inShop, name: 'web.bar' }] } },
    })
    expect(none.err).toContain('is ambiguous; say the stored name:\n* web of zone east, stored as web.shop\n')
  })

  test('that does not exist', async () => {
    const ran = await run(['get', 'meshservice', 'web', '--zone', 'east'], {
      answers: { [find(`${query}&zone=east`)]: { items: [] } },
    })
    expect(ran).toMatchObject({
      status: 1,
      err: `Error: there is no MeshService "web" of zone east in mesh "default" at http://127.0.0.1:5681; see those there are with 'holdfastctl get meshservices'\n`,
    })
  })

  test('is deleted under the name by which it is stored', async () => {
    const ran = await run(['delete', 'meshservice', 'web'], {
      answers: { [find(query)]: { items: [web] }, 'DELETE /meshes/default/meshservices/web-x7': {} },
    })
    expect(ran).toEqual({
      status: 0,
      out: 'deleted MeshService "web"\n',
      err: '',
      asked: [[find(query)], ['DELETE /meshes/default/meshservices/web-x7']],
    })
  })

  test('a dry run asks whether it would, and never a server that would not know that it is one', async () => {
    const dry = await run(['delete', 'meshservice', 'web', '--dry-run'], {
      answers: {
        [find(query)]: { items: [web] },
        'POST /_apply?dryRun=true': { dryRun: true, results: [] },
        'DELETE /meshes/default/meshservices/web-x7?dryRun=true': { dryRun: true, outcome: 'deleted' },
      },
    })
    expect([dry.status, dry.out]).toEqual([0, 'deleted MeshService "web" (dry run)\n'])
    const kuma = await run(['delete', 'meshservice', 'web', '--dry-run'], {
      answers: { [find(query)]: { items: [web] } },
    })
    expect([kuma.status, kuma.err]).toEqual([
      1,
      expect.stringContaining('has no dry run of its own; nothing was deleted'),
    ])
    expect(kuma.asked.filter(([asked]) => asked.startsWith('DELETE'))).toEqual([])
  })

  test('is not deleted where the control plane may not', async () => {
    const ran = await run(['delete', 'zone', 'east'], {
      answers: {
        [find('type=Zone&name=east')]: { items: [{ type: 'Zone', name: 'east' }] },
        'DELETE /zones/east': apiError(400, 'Could not delete a resource', 'Resource is not valid', {
          zone: 'still connected',
        }),
      },
    })
    expect(ran).toMatchObject({
      status: 1,
      err: 'Error: Could not delete a resource (Resource is not valid)\n* zone: still connected\n',
    })
  })
})
