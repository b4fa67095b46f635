import { describe, expect, test } from 'vitest'
import { ago, run } from '../testing/run.js'

const service = (name: string, zone: string, ip: string, port: number, labels = {}) => ({
  type: 'MeshService',
  mesh: 'default',
  name: `${name}-x7`,
  creationTime: ago(900),
  modificationTime: ago(90),
  labels: { 'kuma.io/display-name': name, 'kuma.io/zone': zone, ...labels },
  spec: { state: 'Available', ports: [{ port, appProtocol: 'http' }] },
  status: {
    vips: [{ ip }],
    addresses: [{ hostname: `${name}.svc.${zone}.mesh.local` }],
    dataplaneProxies: { connected: 2, healthy: 1, total: 3 },
  },
})
const items = [
  service('web', 'east', '241.16.0.10', 80, { app: 'web', tier: 'a' }),
  service('api', 'west', '241.16.0.9', 8080, { app: 'api' }),
]
const url = 'GET /meshes/default/meshservices?size=1000'
const stream = 'GET /meshes/default/meshservices?watch=true'
const services = { total: 2, items, next: null }
const answers = { [url]: { total: 2, items, next: null } }
const get = (...args: string[]) => run(['get', 'meshservices', ...args], { answers })

describe('formats', () => {
  test('wide', async () => expect((await get('-o', 'wide')).out).toBeGolden('get-wide.txt'))

  test('name: what other commands take', async () => {
    expect((await get('-o', 'name')).out).toBe('meshservice/web-x7\nmeshservice/api-x7\n')
  })

  test.each([
    ['{.items[*].status.vips[*].ip}', '241.16.0.10 241.16.0.9\n'],
    ['.items[0].spec.ports[0].port', '80\n'],
    ['$.items[*].name', 'web-x7 api-x7\n'],
    ['first {.items[0].name}{"\\t"}{.items[0].spec.ports[0]}', 'first web-x7\t{"port":80,"appProtocol":"http"}\n'],
    ['{.items[?(@.spec.ports[0].port>1000)].name}', 'api-x7\n'],
    ['{.nothing}', '\n'],
    ['{range .items[*]}{.name}{"\\n"}{end}', 'web-x7\napi-x7\n'],
    ['{range .items[*]}<{range .spec.ports[*]}{.port} {end}>{end}{"{"}', '<80 ><8080 >{\n'],
    ['{range .nothing}{.name}{end}all', 'all\n'],
  ])('jsonpath %s', async (path, out) => {
    const ran = await get('-o', `jsonpath=${path}`)
    expect([ran.status, ran.out, ran.err]).toEqual([0, out, ''])
  })

  test('a script in a path is not run', async () => {
    const ran = await get('-o', 'jsonpath={.items[?(process.exit(3))]}')
    expect([ran.status, ran.out]).toEqual([2, ''])
  })

  test.each([
    ['{.x', 'has a brace without its other one'],
    ['{.items}}', 'has a brace without its other one'],
    ['{range .items[*]}{.name}', 'has not an {end} for each {range PATH}'],
    ['{.name}{end}', 'has not an {end} for each {range PATH}'],
  ])('jsonpath %s is no template', async (path, why) => {
    const ran = await get('-o', `jsonpath=${path}`)
    expect([ran.status, ran.out, ran.err]).toEqual([2, '', `Error: the template ${JSON.stringify(path)} ${why}\n`])
  })

  test('columns of one’s own: headers, paths, and both', async () => {
    const ran = await get('--columns', 'zone,PORT=spec.ports[0].port,status.vips[0].ip')
    expect(ran.out).toBe('ZONE   PORT   STATUS.VIPS[0].IP\neast   80     241.16.0.10\nwest   8080   241.16.0.9\n')
    const odd = await get('--columns', 'nope')
    expect([odd.status, odd.err]).toEqual([
      2,
      'Error: MeshService has no column "nope"; there are name, zone, mesh, vip, hostname, state, ports, proxies, labels, stored as, age, paths such as spec.ports[0].port, and HEADER=PATH\n',
    ])
  })

  test.each([
    ['vip', ['api', 'web']],
    ['-vip', ['web', 'api']],
    ['spec.ports[0].port', ['web', 'api']],
    ['name', ['api', 'web']],
  ])('sorted by %s: numbers count as numbers', async (by, names) => {
    const { out } = await get(`--sort-by=${by}`)
    expect(
      out
        .split('\n')
        .slice(1, -1)
        .map((line) => line.split(' ')[0]),
    ).toEqual(names)
  })

  test.each([
    'dataplanes',
    'meshes',
    'zones',
    'hostnamegenerators',
    'meshtimeouts',
    'meshexternalservices',
    'meshmultizoneservices',
  ])('wide of %s', async (type) => {
    const samples: Record<string, unknown> = {
      dataplanes: {
        type: 'Dataplane',
        mesh: 'default',
        name: 'web-1',
        modificationTime: ago(5),
        labels: { 'kuma.io/zone': 'east', app: 'web' },
        networking: {
          address: '10.0.0.1',
          inbound: [
            { port: 80, tags: { 'kuma.io/service': 'web', v: '1' } },
            { port: 81, tags: { 'kuma.io/service': 'web' } },
          ],
        },
      },
      meshes: {
        type: 'Mesh',
        name: 'default',
        modificationTime: ago(5),
        mtls: { enabledBackend: 'ca', backends: [{ name: 'ca', type: 'builtin' }] },
        meshServices: { mode: 'Exclusive' },
      },
      zones: { type: 'Zone', name: 'east', modificationTime: ago(5), enabled: false },
      hostnamegenerators: {
        type: 'HostnameGenerator',
        name: 'g',
        modificationTime: ago(5),
        spec: { template: '{{ .DisplayName }}.x', selector: { meshService: { matchLabels: { a: 'b' } } } },
      },
      meshtimeouts: {
        type: 'MeshTimeout',
        mesh: 'default',
        name: 't',
        modificationTime: ago(5),
        spec: {
          targetRef: { kind: 'Dataplane', labels: { app: 'web' }, sectionName: 'http' },
          to: [{}, {}],
          rules: [{}],
        },
      },
      meshexternalservices: {
        type: 'MeshExternalService',
        mesh: 'default',
        name: 'e',
        modificationTime: ago(5),
        spec: { match: { port: 443, protocol: 'tls' }, endpoints: [{ address: 'x.example', port: 443 }] },
        status: { vip: { ip: '242.0.0.1' } },
      },
      meshmultizoneservices: {
        type: 'MeshMultiZoneService',
        mesh: 'default',
        name: 'm',
        modificationTime: ago(5),
        spec: { ports: [{ port: 80 }] },
        status: {
          meshServices: [
            { name: 'web', zone: 'east' },
            { name: 'web', zone: 'west' },
          ],
        },
      },
    }
    const path = ['meshes', 'zones', 'hostnamegenerators'].includes(type) ? `/${type}` : `/meshes/default/${type}`
    const ran = await run(['get', type, '-o', 'wide'], {
      answers: { [`GET ${path}?size=1000`]: { items: [samples[type]], next: null } },
    })
    expect(ran.out).toBeGolden(`get-wide-${type}.txt`)
  })
})

describe('selectors', () => {
  test('what the control plane can look for, it is asked for; the rest is looked for here', async () => {
    const asked = 'GET /meshes/default/meshservices?filter%5Blabels.app%5D=web&size=1000'
    const ran = await run(['get', 'meshservices', '-l', 'app=web,tier!=b', '-o', 'name'], {
      answers: { [asked]: { items: [items[0], service('old', 'east', '1.1.1.1', 1, { app: 'web', tier: 'b' })] } },
    })
    expect([ran.out, ran.asked]).toEqual(['meshservice/web-x7\n', [[asked]]])
  })

  test.each([
    ['tier', 'web-x7'],
    ['!tier', 'api-x7'],
    ['app in (api, db)', 'api-x7'],
    ['app notin (api,db)', 'web-x7'],
    ['app!=web', 'api-x7'],
  ])('%s', async (selector, name) => {
    expect((await get('-l', selector, '-o', 'jsonpath={.items[*].name}')).out).toBe(`${name}\n`)
  })
})

describe('paging as kumactl does it', () => {
  test('one page, and how to go on', async () => {
    const page = 'GET /meshes/default/meshservices?size=1'
    const ran = await run(['get', 'meshservices', '--size', '1', '--columns', 'name'], {
      answers: {
        [page]: { total: 2, items: [items[0]], next: 'http://x/meshes/default/meshservices?offset=1&size=1' },
      },
    })
    expect(ran.out).toBe('NAME\nweb\n\nRerun command with --offset=1 argument to retrieve more resources\n')
  })
})

describe('watching', () => {
  test('what is there, then what is added, modified and deleted, until interrupted: that is no error', async () => {
    const moved = { ...items[0], status: { ...items[0]?.status, vips: [] } }
    const lists = [[items[0]], [items[0]], [moved, items[1]], [items[1]]]
    let at = 0
    const ran = await run(['get', 'meshservices', '-w', '--columns', 'name,vip'], {
      // One that does not know the parameter answers with a list.
      answers: { [stream]: services, [url]: () => ({ items: lists[Math.min(at, lists.length - 1)], next: null }) },
      onWait: (interrupt) => (++at === lists.length ? interrupt() : undefined),
    })
    expect([ran.status, ran.err]).toEqual([0, ''])
    expect(ran.out).toBeGolden('get-watch.txt')
  })

  const sse = (...events: (readonly [string, string, unknown])[]) =>
    new Response(
      `: watching\n\n${events.map(([event, id, data]) => `event: ${event}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`).join('')}`,
      { headers: { 'content-type': 'text/event-stream' } },
    )

  test('by events where the control plane sends them; a lost connection goes on where it was', async () => {
    const [web, api] = items
    const { name, mesh } = { name: 'web-x7', mesh: 'default' }
    const answered = [
      sse(['changed', '1.a', web], ['synced', '1.a', {}], ['changed', '2.a', { ...web, status: {} }]),
      sse(
        ['changed', '3.a', api],
        ['deleted', '4.a', { type: 'MeshService', mesh, name }],
        ['deleted', '5.a', { mesh, name: 'never' }],
      ),
      new Error('down'),
      { httpStatus: 410, body: { title: 'Gone' } },
      sse(['synced', '9.b', {}]),
    ]
    let at = 0
    const ran = await run(['get', 'meshservices', '-w', '--columns', 'name,vip'], {
      answers: { [stream]: () => answered[at++] },
      sees: ['last-event-id'],
      onWait: (interrupt) => (at === answered.length ? interrupt() : undefined),
    })
    expect([ran.status, ran.out]).toEqual([
      0,
      '    NAME   VIP\n+   web    241.16.0.10\n~   web\n+   api    241.16.0.9\n-   web\n-   api    241.16.0.9\n',
    ])
    expect(ran.err).toMatch(/^the connection is lost, trying again: cannot reach a control plane/)
    expect(ran.asked.map(([request]) => request)).toEqual(
      ['', '2.a', '5.a', '5.a', ''].map((id) => `${stream} (last-event-id: ${id})`),
    )
  })

  test('as JSON: one event a line', async () => {
    const ran = await run(['get', 'meshservices', '-w', '-o', 'json'], {
      answers: { ...answers, [stream]: services },
      onWait: (interrupt) => interrupt(),
    })
    expect(
      ran.out
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line).event),
    ).toEqual(['added', 'added'])
  })
})

test.each([
  [['web', '--sort-by', 'vip'], '--sort-by is for lists: leave the name away'],
  [['web', '-A', '-l', 'a=b'], '--selector, --all-meshes are for lists: leave the name away'],
  [['-o', 'yaml', '--columns', 'name'], '--columns is for tables: leave -o away'],
  [['-w', '--sort-by', 'vip'], '--sort-by is for lists: what is watched comes in the order in which it happens'],
  [
    ['-o', 'xml'],
    "option '-o, --output <format>' argument 'xml' is invalid. Allowed choices are table, wide, yaml, json, name, jsonpath=EXPRESSION.",
  ],
])('%j is a mistake of usage', async (args, err) => {
  const ran = await get(...args)
  expect([ran.status, ran.err, ran.out]).toEqual([2, `Error: ${err}\n`, ''])
})

test('a Kuma is asked by label, for it does not know display names', async () => {
  const asked = 'GET /meshes/default/meshservices?filter%5Blabels.kuma.io%2Fdisplay-name%5D=web&size=1000'
  const ran = await run(['get', 'meshservice', 'web', '-o', 'name'], {
    answers: { 'GET /': { product: 'Kuma', version: '2.14.3' }, [asked]: { items: [items[0]], next: null } },
  })
  expect([ran.status, ran.out]).toEqual([0, 'meshservice/web-x7\n'])
})
