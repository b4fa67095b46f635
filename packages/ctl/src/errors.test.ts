import { expect, test } from 'vitest'
import { apiError, expectGolden, run, type World } from './testing/run.js'

// Every message that somebody may get from the program itself, in one file that a person has read: what is wrong, and
// what to do next. What control planes say is theirs, and is passed on.
const timeout =
  'type: MeshTimeout\nmesh: default\nname: t\nspec:\n  to: [{targetRef: {kind: Mesh}, default: {idleTimeout: 1s}}]\n'
const find = (type: string, name: string, rest = '&mesh=default') =>
  `GET /_holdfast/resources?type=${type}&name=${name}${rest}`
const service = (zone: string) => ({
  type: 'MeshService',
  mesh: 'default',
  name: `web-${zone}`,
  labels: { 'kuma.io/display-name': 'web', 'kuma.io/zone': zone },
})
const kuma = { product: 'Kuma', version: '2.14.3' }
const holdfast = (version: string) => ({ ...kuma, version: `2.14.3-preview.holdfast-${version}` })
const failing = (code: string, message = 'it failed') => Object.assign(new Error(message), { code })
const vips = 'GET /_holdfast/vips?size=1000'

const meshes: World = { answers: { 'GET /meshes?size=1000': { items: [{ name: 'a' }] } } }
const add = ['config', 'control-planes', 'add']

const cases: readonly (readonly [what: string, args: readonly string[], world?: World])[] = [
  ['an unknown command', ['frob']],
  ['an unknown option', ['get', 'meshes', '--frob']],
  ['a missing argument', ['get']],
  ['too many arguments', ['get', 'meshes', 'a', 'b']],
  ['a format that there is not', ['status', '-o', 'name']],
  ['a format where there is none', ['delete', 'mesh', 'x', '-o', 'json']],
  ['a URL that is none', ['status', '--url', 'here']],
  ['a URL and a context', ['status', '--url', 'http://a', '--context', 'b']],
  ['a context that there is not', ['status', '--context', 'b']],
  ['a time that is none', ['status', '--api-timeout', 'soon']],
  ['a bad variable of the environment', ['status'], { env: { HOLDFAST_URL: 'there' } }],
  ['a configuration that is none', ['status', '--config-file', '/c'], { files: { '/c': '- 1' } }],
  ['an unknown type', ['explain', 'nope']],
  ['an unknown field', ['explain', 'meshservice.ports']],
  ['no file', ['apply']],
  ['a file that is not there', ['apply', '-f', 'nope.yaml']],
  ['a folder without a file', ['apply', '-f', 'x'], { files: { 'x/a.txt': '' } }],
  ['nothing in a file', ['apply', '-f', 'x.yaml'], { files: { 'x.yaml': '---\n' } }],
  ['YAML that is none', ['apply', '-f', '-'], { stdin: 'type: Mesh\nname: [a\n' }],
  ['a resource that is none', ['apply', '-f', '-'], { stdin: 'name: x\n' }],
  [
    'a port that is none',
    ['apply', '-f', '-'],
    { stdin: 'type: MeshService\nname: a\nspec:\n  ports:\n  - port: 0\n' },
  ],
  ['one twice', ['apply', '-f', '-'], { stdin: 'type: Mesh\nname: a\n---\ntype: Mesh\nname: a\n' }],
  ['a variable without a value', ['apply', '-f', '-', '-v', 'a=b'], { stdin: 'type: Mesh\nname: {{ name }}\n' }],
  ['a template without any value', ['apply', '-f', '-'], { stdin: 'type: Mesh\nname: {{ name }}\n' }],
  ['pruning without a selector', ['apply', '-f', '-', '--prune'], { stdin: timeout }],
  ['a selector that is none', ['get', 'meshes', '-l', 'a b c']],
  [
    'a path that is none',
    ['get', 'meshes', '-o', 'jsonpath={.items[?(process.exit(3))]}'],
    { answers: { 'GET /meshes?size=1000': { items: [{ name: 'a' }] } } },
  ],
  [
    'a column that there is not',
    ['get', 'meshes', '--columns', 'nope'],
    { answers: { 'GET /meshes?size=1000': { items: [{ name: 'a' }] } } },
  ],
  [
    'one that is not there',
    ['get', 'meshservice', 'web'],
    {
      answers: {
        [find('MeshService', 'web')]: { items: [] },
        'GET /meshes/default/meshservices/web': apiError(404, 'Could not retrieve a resource', 'Not found'),
      },
    },
  ],
  [
    'one that two zones have',
    ['delete', 'meshservice', 'web'],
    { answers: { [find('MeshService', 'web')]: { items: [service('east'), service('west')] } } },
  ],
  [
    'a mesh that is not there',
    ['get', 'meshtimeouts', '-m', 'x'],
    { answers: { 'GET /meshes/x/meshtimeouts?size=1000': apiError(404, 'Failed to retrieve Mesh', 'Not found') } },
  ],
  [
    'a type that is not written here',
    ['delete', 'mesh', 'x'],
    {
      answers: {
        [find('Mesh', 'x', '')]: { items: [{ type: 'Mesh', name: 'x' }] },
        'DELETE /meshes/x': apiError(
          405,
          'Method not allowed',
          'On zone control plane you can only modify zone resources',
        ),
      },
    },
  ],
  [
    'a server that is something else, and answers in JSON',
    ['get', 'meshes'],
    { answers: { 'GET /meshes?size=1000': { hello: 'world' }, 'GET /': { product: 'Consul', version: '1.20' } } },
  ],
  ['nobody there', ['status'], { answers: { 'GET /_holdfast/overview': failing('ECONNREFUSED') } }],
  ['no such host', ['status'], { answers: { 'GET /_holdfast/overview': failing('ENOTFOUND') } }],
  ['a connection that breaks', ['status'], { answers: { 'GET /_holdfast/overview': failing('ECONNRESET') } }],
  [
    'a certificate that is not trusted',
    ['status'],
    {
      answers: {
        'GET /_holdfast/overview': failing('SELF_SIGNED_CERT_IN_CHAIN', 'self-signed certificate in certificate chain'),
      },
    },
  ],
  ['a page that is no API', ['get', 'meshes'], { answers: { 'GET /meshes?size=1000': { text: '<html>' } } }],
  ['something that is no control plane', ['vip', 'list'], { answers: { 'GET /': { hello: 'world' } } }],
  ['a Kuma', ['vip', 'list'], { answers: { 'GET /': kuma } }],
  ['an older Holdfast', ['vip', 'list'], { answers: { 'GET /': holdfast('0.1.0') } }],
  ['a newer Holdfast', ['vip', 'list'], { answers: { 'GET /': holdfast('10.0.0') } }],
  [
    'a token that is not accepted',
    ['vip', 'list'],
    { answers: { [vips]: apiError(401, 'Invalid authentication data', 'Unauthenticated') } },
  ],
  [
    'somebody who may not',
    ['vip', 'list'],
    { answers: { [vips]: apiError(403, 'Access Denied', 'user "x" may not') } },
  ],
  [
    'a server without a dry run',
    ['apply', '-f', '-', '--dry-run=server'],
    {
      stdin: timeout,
      answers: { 'GET /_holdfast/status': { mode: 'global' }, 'POST /_apply?dryRun=true': { results: [] } },
    },
  ],
  [
    'waiting in vain',
    ['wait', '--for=synced', '--timeout', '0s'],
    { answers: { 'GET /_holdfast/sync': { peers: [] } } },
  ],
  ['waiting for what cannot come', ['wait', '--for=vip', 'mesh', 'x']],
  [
    'an editor that fails',
    ['edit', 'mesh', 'x'],
    {
      env: { EDITOR: 'false' },
      editorStatus: 1,
      answers: {
        [find('Mesh', 'x', '')]: { items: [{ type: 'Mesh', name: 'x' }] },
        'GET /meshes/x': { type: 'Mesh', name: 'x' },
      },
    },
  ],
  [
    'a zone that there is not',
    ['zone', 'describe', 'x'],
    {
      answers: {
        'GET /zones/x/_overview': apiError(404, 'Could not retrieve a resource', 'Not found'),
        'GET /_holdfast/sync': { peers: [] },
        'GET /_holdfast/zones': { items: [] },
        'GET /_holdfast/vips/blocks': { items: [] },
        'GET /_holdfast/holds': { items: [] },
        'GET /meshservices?filter%5Blabels.kuma.io%2Fzone%5D=x&size=1': { total: 0 },
      },
    },
  ],
  ['a shell that there is not', ['completion', 'tcsh']],
  ['a variable that is none', ['apply', '-f', '-', '-v', 'a'], { stdin: timeout }],
  ['a variable with a value and with parts', ['apply', '-f', '-', '-v', 'a=1', '-v', 'a.b=2'], { stdin: timeout }],
  ['standard input twice', ['apply', '-f', '-', '-f', '-'], { stdin: timeout }],
  ['a selector without pruning', ['apply', '-f', '-', '-l', 'a=b'], { stdin: timeout }],
  ['columns of what is no table', ['get', 'meshes', '--columns', 'NAME', '-o', 'json'], meshes],
  ['a watch that is to be sorted', ['get', 'meshes', '-w', '--sort-by', 'name'], meshes],
  ['waiting for whom', ['wait', '--for=deleted']],
  ['waiting how long', ['wait', '--for=synced', '--timeout', 'soon']],
  ['nothing to explain', ['vip', 'explain']],
  ['a pool that is none', ['vip', 'pool', 'add', '241.0.0.0/8']],
  ['a zone without a name', ['generate', 'zone-token', '--zone', '', '--valid-for', '1h']],
  ['a scope that there is not', ['generate', 'zone-token', '--zone', 'a', '--valid-for', '1h', '--scope', 'frob']],
  ['a token that is good for how long', ['generate', 'user-token', '--name', 'a', '--valid-for', 'soon']],
  [
    'a key without its number',
    ['generate', 'user-token', '--name', 'a', '--valid-for', '1h', '--signing-key-path', 'k'],
    { files: { k: 'x' } },
  ],
  ['a number without its key', ['generate', 'user-token', '--name', 'a', '--valid-for', '1h', '--kid', '1']],
  ['a tag that is none', ['generate', 'dataplane-token', '--valid-for', '1h', '--tag', 'x']],
  ['a key of no mesh', ['rotate', 'signing-key', 'zone', '-m', 'shop']],
  ['a control plane without a name', [...add, '--name', '', '--address', 'http://a']],
  ['an address that is none', [...add, '--name', 'a', '--address', 'foo']],
  ['half a certificate', [...add, '--name', 'a', '--address', 'http://a', '--client-cert-file', 'c']],
  ['a way to sign in that there is not', [...add, '--name', 'a', '--address', 'http://a', '--auth-type', 'x']],
  [
    'a token that was not said',
    [...add, '--name', 'a', '--address', 'http://a', '--auth-type', 'tokens', '--auth-conf', 'y=z'],
  ],
  ['a header that is none', [...add, '--name', 'a', '--address', 'http://a', '--headers', 'x']],
  ['nowhere to keep it', [...add, '--name', 'a', '--address', 'http://a', '--no-config']],
  ['an import of nothing', ['import', 'kuma']],
  ['an import from what is no URL', ['import', 'kuma', '--from', 'there']],
  ['a zone of the same name', ['zone', 'rename', 'east', 'east']],
  ['a name that no zone can have', ['zone', 'rename', 'east', 'E_1']],
  ['a context of no global', ['zone', 'federate', '--global', 'x']],
]

test('every error says what is wrong and what to do next', async () => {
  const told: string[] = []
  for (const [what, args, world] of cases) {
    const ran = await run(args, world)
    expect(ran.out, what).toBe('')
    expect([1, 2], what).toContain(ran.status)
    told.push(`# ${what}\n$ holdfastctl ${args.join(' ')}\n${ran.err}= ${ran.status}\n`)
  }
  expectGolden('errors.txt', told.join('\n'))
})
