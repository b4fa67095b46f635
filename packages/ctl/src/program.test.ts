import { describe, expect, test } from 'vitest'
import { apiError, run } from './testing/run.js'

test.each([
  [[], 0, 'Usage: holdfastctl'],
  [['--help'], 0, 'Usage: holdfastctl'],
  [['get', '--help'], 0, 'Usage: holdfastctl get'],
  [['--version'], 0, '9.9.9\n'],
])('%j prints on standard output and is fine', async (args, status, out) => {
  const ran = await run(args)
  expect([ran.status, ran.out.startsWith(out), ran.err]).toEqual([status, true, ''])
})

test.each([
  [['frob'], "Error: unknown command 'frob'\nsee 'holdfastctl --help'\n"],
  [['get'], "Error: missing required argument 'type'\nsee 'holdfastctl get --help'\n"],
  [
    ['get', 'a', 'b', 'c'],
    "Error: too many arguments for 'get'. Expected 2 arguments but got 3.\nsee 'holdfastctl get --help'\n",
  ],
  [
    ['get', 'meshes', '-o', 'xml'],
    "Error: option '-o, --output <format>' argument 'xml' is invalid. Allowed choices are table, wide, yaml, json, name, jsonpath=EXPRESSION.\n",
  ],
  [
    ['get', 'meshes', '--url', 'foo'],
    "Error: option '--url <url>' argument 'foo' is invalid. \"foo\" is no URL such as http://127.0.0.1:5681.\nsee 'holdfastctl --help'\n",
  ],
])('%j is a mistake of usage', async (args, err) => {
  expect(await run(args)).toEqual({ status: 2, out: '', err, asked: [] })
})

test('the environment says where the control plane is, unless a flag does', async () => {
  const bad = await run(['get', 'meshes'], { env: { HOLDFAST_URL: 'bar' } })
  expect([bad.status, bad.err]).toEqual([2, 'Error: HOLDFAST_URL: "bar" is no URL such as http://127.0.0.1:5681\n'])
  const answers = { 'GET /meshes?size=1000': { items: [], next: null } }
  const fine = await run(['get', 'meshes', '--url', 'http://127.0.0.1:5681/'], {
    env: { HOLDFAST_URL: 'bar' },
    answers,
  })
  expect([fine.status, fine.asked]).toEqual([0, [['GET /meshes?size=1000']]])
})

test('what is no control plane', async () => {
  const page = { httpStatus: 200, body: 'a page' }
  const ran = await run(['get', 'meshes'], { answers: { 'GET /meshes?size=1000': page } })
  expect([ran.status, ran.err]).toEqual([
    1,
    'Error: http://127.0.0.1:5681/meshes?size=1000 did not answer in JSON (200); is it a control plane? Say another place with --url or HOLDFAST_URL\n',
  ])
  const other = await run(['get', 'meshes'], { answers: { 'GET /meshes?size=1000': 503 } })
  expect(other.err).toBe(
    'Error: GET http://127.0.0.1:5681/meshes?size=1000: (503): 404: Page Not Found\na proxy on the way answers for a control plane that does not; is that running, and does the proxy know where? Try again\n',
  )
})

describe('the configuration says where the control plane is', () => {
  const kumactl = `
controlPlanes:
- name: prod
  coordinates:
    api_server:
      url: https://global.example:5682
      headers: [{key: x-tenant, value: a}]
      authType: tokens
      authConf: {token: secret-token}
contexts:
- {name: prod, control_plane: prod, defaults: {mesh: default}}
currentContext: prod
`
  const files = { '/home/me/.kumactl/config': kumactl }
  const list = { items: [], next: null }
  const there = 'GET https://global.example:5682/meshes?size=1000'
  const here = 'GET /meshes?size=1000'
  const answers = { [there]: list, [here]: list }

  test("kumactl's current context, with its headers and token", async () => {
    const ran = await run(['get', 'meshes'], { files, answers, sees: ['authorization', 'x-tenant', 'user-agent'] })
    expect(ran.asked).toEqual([
      [`${there} (authorization: Bearer secret-token, x-tenant: a, user-agent: holdfastctl/9.9.9)`],
    ])
  })

  test.each([
    ['--url over everything', ['--url', 'http://127.0.0.1:5681'], { HOLDFAST_URL: 'http://127.0.0.1:1' }, here],
    ['--context over the environment', ['--context', 'prod'], { HOLDFAST_URL: 'http://127.0.0.1:1' }, there],
    ['the environment over the current context', [], { HOLDFAST_URL: 'http://127.0.0.1:5681' }, here],
    ['--no-config: this machine', ['--no-config'], {}, here],
    ['--config-file: the only one', ['--config-file', '/nothing'], {}, here],
  ] as const)('%s', async (_, args, env, asked) => {
    expect((await run(['get', 'meshes', ...args], { files, answers, env })).asked).toEqual([[asked]])
  })

  test('our own file comes first, and says which is current', async () => {
    const own = kumactl.replaceAll('prod', 'lab').replaceAll('https://global.example:5682', 'http://127.0.0.1:5681')
    const both = { ...files, '/home/me/.holdfastctl/config': own }
    expect((await run(['get', 'meshes'], { files: both, answers })).asked).toEqual([[here]])
    expect((await run(['get', 'meshes', '--context', 'prod'], { files: both, answers })).asked).toEqual([[there]])
  })

  test.each([
    [
      '--context',
      'nope',
      2,
      `there is no context "nope"; there are: prod. Add one with 'holdfastctl config control-planes add'`,
    ],
    [
      '--config-file',
      '/bad',
      1,
      '/bad: controlPlanes[0].coordinates.apiServer.url: "x" is no URL; mend the file, or go on without it with --no-config',
    ],
    [
      '--config-file',
      '/lost',
      1,
      `the configuration's current context "gone" is not there (there are: none); choose one with 'holdfastctl config control-planes switch --name NAME'`,
    ],
  ])('%s %s', async (flag, value, status, err) => {
    const odd = {
      '/bad': 'controlPlanes: [{name: a, coordinates: {apiServer: {url: x}}}]',
      '/lost': 'currentContext: gone',
    }
    const ran = await run(['get', 'meshes', flag, value], { files: { ...files, ...odd } })
    expect([ran.status, ran.err, ran.asked]).toEqual([status, `Error: ${err}\n`, []])
  })
})

describe('a server that is not what it was taken for', () => {
  const list = 'GET /_holdfast/vips?size=1000'
  const kuma = { product: 'Kuma', version: '2.14.3', hostname: 'h' }
  test.each([
    ['Kuma', kuma, 'http://127.0.0.1:5681 is Kuma 2.14.3; this needs a control plane of Holdfast.'],
    ['older', { ...kuma, version: '2.14.3-preview.holdfast-0.1.0' }, 'Holdfast 0.1.0, which does not have this yet;'],
    ['newer', { ...kuma, version: '2.20.0-preview.holdfast-10.0.0' }, 'which does not have this any more;'],
    ['something else', { hello: 'world' }, 'is no control plane: its / answers 200,'],
  ])('%s', async (_, index, words) => {
    const ran = await run(['vip', 'list'], { answers: { 'GET /': index } })
    expect([ran.status, ran.out]).toEqual([1, ''])
    expect(ran.err).toContain(words)
  })

  test('nobody there, no such host, and a certificate that is not trusted', async () => {
    const failing = (code: string, message = 'x') =>
      run(['vip', 'list'], { answers: { [list]: Object.assign(new Error(message), { code }) } })
    expect((await failing('ECONNREFUSED')).err).toBe(
      'Error: cannot reach a control plane at http://127.0.0.1:5681: connection refused; is it running there? Say another place with --url or HOLDFAST_URL\n',
    )
    expect((await failing('ENOTFOUND')).err).toContain('no such host')
    expect((await failing('SELF_SIGNED_CERT_IN_CHAIN', 'self-signed')).err).toContain('--ca-cert-file')
  })

  test('who may not ask is told how to say who asks', async () => {
    const denied = await run(['vip', 'list'], { answers: { [list]: apiError(403, 'Access Denied', 'no') } })
    expect(denied.err).toContain('Error: Access Denied (no)\nask as somebody who may: with a token in HOLDFAST_TOKEN')
    const unknown = await run(['vip', 'list'], { answers: { [list]: apiError(401, 'Invalid', 'Unauthenticated') } })
    expect(unknown.err).toContain('the token was not accepted')
  })
})
