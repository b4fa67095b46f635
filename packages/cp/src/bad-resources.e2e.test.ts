import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { countWrites, freshDatabase, rowsWritten, type TestDatabase } from '@holdfast/testkit'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import {
  type Answer,
  ask,
  inStep,
  Processes,
  putService,
  type Running,
  service,
  until,
  vipsOf,
} from './testing/process.js'

// What people get wrong, through the CLI and through the API of real processes: every problem with its place, status 1
// or the right code, and nothing changed anywhere.
vi.setConfig({ testTimeout: 90_000 })
const processes = new Processes()
const databases: TestDatabase[] = []
let global: Running
let east: Running
/** Never met a global. */
let lone: Running
let pinned: string

async function database(): Promise<string> {
  const made = await freshDatabase()
  databases.push(made)
  await countWrites(made.url)
  return made.url
}

beforeAll(async () => {
  global = await processes.start('global', ['--database-url', await database(), '--init'])
  const dial = ['--global-address', `grpc://127.0.0.1:${global.ports.kds ?? 0}`]
  east = await processes.start('zone', ['--zone', 'east', '--database-url', await database(), ...dial])
  lone = await processes.start('zone', [
    ...['--zone', 'lone', '--database-url', await database(), '--global-address', 'grpc://127.0.0.1:1'],
  ])
  await until('east to be in step', () => inStep(east))
  await putService(east, 'web')
  await putService(lone, 'web')
  await until('global to have the VIP', async () => (await vipsOf(global))['east/web']?.length === 2)
  pinned = (await vipsOf(east))['east/web']?.[0] ?? ''
  expect(pinned).toMatch(/^241\./)
  await until('all of it to be acked', async () => (await inStep(east)) && (await inStep(global)))
})

afterAll(async () => {
  await processes.close()
  for (const made of databases) await made.drop()
})

/** Everything that three control planes show, and every row that was written in their databases. */
const everything = async (): Promise<unknown> => [
  await Promise.all(
    [global, east, lone].flatMap(({ apiUrl }) =>
      ['meshes', 'meshservices', 'meshexternalservices', 'zones', 'hostnamegenerators', '_holdfast/vips'].map(
        async (path) => (await ask('GET', `${apiUrl}/${path}?size=1000`)).body,
      ),
    ),
  ),
  await Promise.all(databases.map(({ url }) => rowsWritten(url))),
]

let before: unknown
beforeEach(async () => {
  before = await everything()
})
afterEach(async () => {
  expect(await everything()).toEqual(before)
})

const ctl = (plane: Running, ...args: string[]) => processes.holdfastctl(['--url', plane.apiUrl, ...args])

async function apply(
  plane: Running,
  text: string,
): Promise<{ readonly status: number | undefined; readonly err: string[]; readonly out: string }> {
  const file = join(processes.folder, 'bad.yaml')
  writeFileSync(file, text)
  const { status, err, out } = await ctl(plane, 'apply', '-f', file)
  return { status, err: err.replaceAll(file, 'bad.yaml').trimEnd().split('\n'), out }
}

/** What an error says: its code, and every path with its reason. */
const problemOf = ({ status, body }: Answer): unknown => {
  const { detail, invalid_parameters: fields = [] } = body as {
    readonly detail: string
    readonly invalid_parameters?: readonly { readonly field: string; readonly reason: string }[]
  }
  return { status, detail, fields: fields.map(({ field, reason }) => `${field}: ${reason}`) }
}

test('invalid YAML: line and column', async () => {
  expect(await apply(east, 'type: MeshService\nname: web\nspec: {ports: [\n')).toEqual({
    status: 1,
    out: '',
    err: [
      'Error: 2 problems, nothing was done:',
      'bad.yaml:4:1: Flow sequence in block collection must be sufficiently indented and end with a ]',
      'bad.yaml:4:1: Flow map in block collection must be sufficiently indented and end with a }',
    ],
  })
})

test('an unknown kind, a name that is none, bad ports, one port twice: all of them, each with its line', async () => {
  const text = [
    'type: MeshServise',
    'name: web',
    '---',
    'type: MeshService',
    'mesh: default',
    'name: Web_1',
    'spec:',
    '  ports:',
    '    - {port: 0, appProtocol: http}',
    '    - {port: 70000, appProtocol: http}',
    '    - {port: 80, name: one, appProtocol: http}',
    '    - {port: 80, name: two, appProtocol: http}',
  ].join('\n')
  const { status, err, out } = await apply(east, text)
  expect([status, out]).toEqual([1, ''])
  expect(err).toMatchInlineSnapshot(`
    [
      "Error: 5 problems, nothing was done:",
      "bad.yaml:1:7: unknown type "MeshServise"; see /_resources of the control plane for those there are",
      "bad.yaml:9:14: MeshService: spec.ports[0].port: must be between 1 and 65535",
      "bad.yaml:10:14: MeshService: spec.ports[1].port: must be between 1 and 65535",
      "bad.yaml:12:7: MeshService: spec.ports[3]: port 80 with protocol http is already defined by spec.ports[2]",
      "bad.yaml:6:7: MeshService: name: invalid characters. A lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
    ]
  `)
})

test('the API names every path of a bad resource', async () => {
  const bad = service('Web_1', {
    spec: { ports: [{ port: 0 }, { port: 70_000 }, { port: 80, name: 'one' }, { port: 80, name: 'two' }] },
  })
  const put = await ask('PUT', `${east.apiUrl}/meshes/default/meshservices/Web_1`, bad)
  expect(problemOf(put)).toMatchInlineSnapshot(`
    {
      "detail": "Resource is not valid",
      "fields": [
        "spec.ports[0].port: must be between 1 and 65535",
        "spec.ports[1].port: must be between 1 and 65535",
        "spec.ports[3]: port 80 with protocol tcp is already defined by spec.ports[2]",
        "name: invalid characters. A lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
      ],
      "status": 400,
    }
  `)
  const kind = await ask('POST', `${east.apiUrl}/_apply`, {
    items: [{ type: 'MeshServise', name: 'x' }, { name: 'y' }],
  })
  expect(problemOf(kind)).toMatchInlineSnapshot(`
    {
      "detail": "Resource is not valid",
      "fields": [
        "items[0].type: "MeshServise" is not a resource type; see /_resources for those there are",
        "items[1].type: is required",
      ],
      "status": 400,
    }
  `)
  const text = await ask('PUT', `${east.apiUrl}/meshes/default/meshservices/web`, '{"type": ')
  expect(problemOf(text)).toMatchInlineSnapshot(`
    {
      "detail": "invalid MeshService object: "unexpected end of JSON input"",
      "fields": [],
      "status": 400,
    }
  `)
})

test('a pin that is taken is a 409 that names the holder; one outside the pool is refused with the reason', async () => {
  const pin = (vip: string) => service('pinned', { labels: { 'kuma.io/origin': 'zone', 'holdfast.io/vip': vip } })
  const url = `${east.apiUrl}/meshes/default/meshservices/pinned`
  const [taken, outside, nothing] = [
    await ask('PUT', url, pin(pinned)),
    await ask('PUT', url, pin('10.9.8.7')),
    await ask('PUT', url, pin('241.1')),
  ]
  const holder = `${pinned} belongs to MeshService "web" of mesh default (zone east); choose another address`
  expect(problemOf(taken)).toEqual({ status: 409, detail: holder, fields: [`labels["holdfast.io/vip"]: ${holder}`] })
  expect(problemOf(outside)).toEqual({
    status: 400,
    detail: 'Resource is not valid',
    fields: [
      expect.stringMatching(
        /^labels\["holdfast\.io\/vip"\]: 10\.9\.8\.7 lies in no block of this control plane for MeshService; it has 241\./,
      ),
    ],
  })
  expect(problemOf(nothing)).toEqual({
    status: 400,
    detail: 'Resource is not valid',
    fields: ['labels["holdfast.io/vip"]: must be an IPv4 address such as 241.16.0.1'],
  })
  const file = `type: MeshService\nmesh: default\nname: pinned\nlabels:\n  holdfast.io/vip: ${pinned}\nspec:\n  ports: [{port: 80}]\n`
  expect(await apply(east, file)).toEqual({
    status: 1,
    out: '',
    err: [
      `Error: Conflict (${holder}), nothing was applied:`,
      `bad.yaml:5:20: MeshService "pinned": labels["holdfast.io/vip"]: ${holder}`,
    ],
  })
})

test('a body over the limit is a 413 with both sizes, announced or not', async () => {
  const large = JSON.stringify(service('large', { labels: { filler: 'x'.repeat(1 << 20) } }))
  const url = `${east.apiUrl}/meshes/default/meshservices/large`
  const announced = await ask('PUT', url, large)
  expect(problemOf(announced)).toMatchObject({
    status: 413,
    detail: expect.stringMatching(/^the body of the MeshService has \d+ bytes, and at most 1048576 are accepted/),
  })
  const streamed = await fetch(url, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: new Blob([large]).stream(),
    duplex: 'half',
  } as RequestInit)
  expect(streamed.status).toBe(413)
})

test('a mesh that does not exist, also in a zone that was never in step and has only the provisional default', async () => {
  const elsewhere = (plane: Running) =>
    ask('PUT', `${plane.apiUrl}/meshes/nowhere/meshservices/web`, service('web', { mesh: 'nowhere' }))
  expect([problemOf(await elsewhere(east)), problemOf(await elsewhere(lone))]).toMatchInlineSnapshot(`
    [
      {
        "detail": "Not found",
        "fields": [],
        "status": 404,
      },
      {
        "detail": "Not found",
        "fields": [],
        "status": 404,
      },
    ]
  `)
  const file = 'type: MeshService\nmesh: nowhere\nname: web\nspec:\n  ports: [{port: 80}]\n'
  expect([await apply(east, file), await apply(lone, file)]).toMatchInlineSnapshot(`
    [
      {
        "err": [
          "Error: Could not process a resource (mesh "nowhere" does not exist; create it at global first), nothing was applied:",
          "bad.yaml:2:7: MeshService "web": mesh: mesh of name nowhere is not found",
        ],
        "out": "",
        "status": 1,
      },
      {
        "err": [
          "Error: Could not process a resource (mesh "nowhere" does not exist; create it at global first), nothing was applied:",
          "bad.yaml:2:7: MeshService "web": mesh: mesh of name nowhere is not found",
        ],
        "out": "",
        "status": 1,
      },
    ]
  `)
})

test("a zone's resource at global, and global's in a zone", async () => {
  const atGlobal = await ask('PUT', `${global.apiUrl}/meshes/default/dataplanes/web-1`, {
    type: 'Dataplane',
    mesh: 'default',
    name: 'web-1',
  })
  const inZone = await ask('PUT', `${east.apiUrl}/meshes/other`, { type: 'Mesh', name: 'other' })
  expect([problemOf(atGlobal), problemOf(inZone)]).toMatchInlineSnapshot(`
    [
      {
        "detail": "On global control plane you can not modify dataplane resources with 'kumactl apply' or via the HTTP API. You can still use 'kumactl' or the HTTP API to modify them on the zone control plane.
    ",
        "fields": [],
        "status": 405,
      },
      {
        "detail": "On zone control plane you can only modify zone resources with 'kumactl apply' or via the HTTP API. You can still use 'kumactl' or the HTTP API to modify the rest of the resource on the global control plane.
    ",
        "fields": [],
        "status": 405,
      },
    ]
  `)
  expect([
    await apply(
      global,
      'type: Dataplane\nmesh: default\nname: web-1\nnetworking: {address: 127.0.0.1, inbound: [{port: 80, tags: {kuma.io/service: web}}]}\n',
    ),
    await apply(east, 'type: Mesh\nname: other\n'),
  ]).toMatchInlineSnapshot(`
    [
      {
        "err": [
          "Error: Method not allowed (On global control plane you can not modify dataplane resources with 'kumactl apply' or via the HTTP API. You can still use 'kumactl' or the HTTP API to modify them on the zone control plane.), nothing was applied:",
          "bad.yaml:1:1: Dataplane "web-1": a Dataplane is written in the zone that has it: apply it at the control plane of that zone (--url or --context)",
        ],
        "out": "",
        "status": 1,
      },
      {
        "err": [
          "Error: Method not allowed (On zone control plane you can only modify zone resources with 'kumactl apply' or via the HTTP API. You can still use 'kumactl' or the HTTP API to modify the rest of the resource on the global control plane.), nothing was applied:",
          "bad.yaml:1:1: Mesh "other": a Mesh is written at global, and every zone gets it from there: apply it at global (--url or --context)",
        ],
        "out": "",
        "status": 1,
      },
    ]
  `)
  const [{ name: stored = '' } = {}] = (
    (await ask('GET', `${global.apiUrl}/meshservices`)).body as { items: { name?: string }[] }
  ).items
  const theirs = await ask('DELETE', `${global.apiUrl}/meshes/default/meshservices/${stored}`)
  expect(problemOf(theirs)).toMatchInlineSnapshot(`
    {
      "detail": "On global control plane you can not modify dataplane resources with 'kumactl apply' or via the HTTP API. You can still use 'kumactl' or the HTTP API to modify them on the zone control plane.
    ",
      "fields": [],
      "status": 405,
    }
  `)
})

test('a good resource beside a bad one is not applied: all or nothing', async () => {
  const { status, err } = await apply(
    east,
    'type: MeshService\nmesh: default\nname: good\nspec:\n  ports: [{port: 80}]\n---\ntype: MeshService\nmesh: nowhere\nname: bad\nspec:\n  ports: [{port: 80}]\n',
  )
  expect([status, err]).toMatchInlineSnapshot(`
    [
      1,
      [
        "Error: Could not process a resource (mesh "nowhere" does not exist; create it at global first), nothing was applied:",
        "bad.yaml:8:7: MeshService "bad": mesh: mesh of name nowhere is not found",
      ],
    ]
  `)
})

test('who is asked the wrong way says how it is done', async () => {
  const [unknown, flag, url, nobody, missing] = await Promise.all([
    ctl(east, 'get', 'meshservise'),
    ctl(east, 'apply', '--fil', 'x'),
    processes.holdfastctl(['--url', 'east', 'get', 'meshes']),
    processes.holdfastctl(['--url', 'http://127.0.0.1:3', 'get', 'meshes']),
    ctl(east, 'apply', '-f', '/nonexistent.yaml'),
  ])
  expect([unknown, flag, url, nobody, missing].map(({ status, err }) => [status, err])).toEqual([
    [2, expect.stringMatching(/^Error: unknown TYPE "meshservise"; there are .*meshservice/)],
    [2, "Error: required option '-f, --file <path>' not specified\nsee 'holdfastctl apply --help'\n"],
    [
      2,
      `Error: option '--url <url>' argument 'east' is invalid. "east" is no URL such as http://127.0.0.1:5681.\nsee 'holdfastctl --help'\n`,
    ],
    [
      1,
      expect.stringMatching(
        /^Error: cannot reach a control plane at http:\/\/127\.0\.0\.1:3: .*; is it running there\? Say another place with --url or HOLDFAST_URL\n$/,
      ),
    ],
    [1, 'Error: cannot read every file\n/nonexistent.yaml: no such file or folder\n'],
  ])
})
