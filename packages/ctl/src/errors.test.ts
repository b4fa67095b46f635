import { expect, test } from 'vitest'
import { httpFetch } from './http-fetch.js'
import { apiError, run, type World } from './testing/run.js'

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
const federate = ['zone', 'federate', '--global']
const imported = ['import', 'kuma']
const ownConfig = '/home/me/.holdfastctl/config'
const oneControlPlane =
  'controlPlanes: [{name: a, coordinates: {apiServer: {url: http://a}}}]\ncontexts: [{name: a, controlPlane: a}]\n'
const atGlobal = { 'GET /_holdfast/status': { mode: 'global', head: { revision: 7 } } }
const syncedWith = { 'GET /_holdfast/sync': { peers: [{ peer: 'east', connected: true, channels: [] }] } }
/** Nobody has stored what becomes of the zone. */
const drained = (enabled: boolean): World => ({
  answers: {
    ...atGlobal,
    'GET /zones/east': { type: 'Zone', name: 'east', enabled },
    'PUT /zones/east': {},
    'GET /meshservices?filter%5Blabels.kuma.io%2Fzone%5D=east&size=1': { total: 3 },
    'GET /_holdfast/sync': {
      peers: [
        { peer: 'west', connected: true, channels: [{ channel: 'down', inStep: true, cursor: { revision: 6 } }] },
      ],
    },
  },
})
const onceThen = (first: object, then: object): (() => object) => {
  let asked = 0
  return () => (++asked === 1 ? first : then)
}
const neverAnswering: typeof fetch = (_, init) =>
  new Promise((_resolve, reject) => {
    init?.signal?.addEventListener('abort', () => reject(init.signal?.reason))
  })
const brokenOff = () =>
  new Response(new ReadableStream({ pull: (stream) => stream.error(failing('ECONNRESET')) }), { status: 200 })

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
    'a template with half a brace',
    ['get', 'meshes', '-o', 'jsonpath={.items'],
    { answers: { 'GET /meshes?size=1000': { items: [{ name: 'a' }] } } },
  ],
  [
    'a template with half a range',
    ['get', 'meshes', '-o', 'jsonpath={range .items[*]}{.name}'],
    { answers: { 'GET /meshes?size=1000': { items: [{ name: 'a' }] } } },
  ],
  [
    'draining a zone that there is not',
    ['zone', 'drain', 'nope'],
    { answers: { 'GET /zones/nope': apiError(404, 'Could not retrieve a resource', 'Not found') } },
  ],
  ['nothing to convert', ['convert', 'kubernetes', '-f', 'x.yaml'], { files: { 'x.yaml': '---\n' } }],
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
    { answers: { ...atGlobal, [find('MeshService', 'web')]: { items: [service('east'), service('west')] } } },
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
  [
    'status of somebody who answers everything in JSON',
    ['status'],
    { answers: { 'GET /_holdfast/overview': { ok: true }, 'GET /': { product: 'Consul', version: '1.20' } } },
  ],
  ['holds of somebody who answers nothing', ['hold', 'list'], { answers: { 'GET /_holdfast/holds': { text: '' } } }],
  [
    'a proxy without anybody behind it',
    ['status'],
    {
      answers: {
        'GET /_holdfast/overview': () =>
          new Response('<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>', { status: 502 }),
      },
    },
  ],
  [
    'a page to sign in at',
    ['status'],
    {
      answers: {
        'GET /_holdfast/overview': () =>
          new Response('', { status: 302, headers: { location: 'https://login.example/' } }),
      },
    },
  ],
  ['what speaks no HTTP', ['status'], { answers: { 'GET /_holdfast/overview': failing('HPE_INVALID_CONSTANT') } }],
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
  ['a configuration that is no YAML', ['status', '--config-file', '/c'], { files: { '/c': 'a: [' } }],
  [
    'a configuration without names and places',
    ['status', '--config-file', '/c'],
    { files: { '/c': 'controlPlanes: [{coordinates: {apiServer: {url: here}}}]' } },
  ],
  [
    'a current context that is not there',
    ['status', '--config-file', '/c'],
    { files: { '/c': 'contexts: [{name: a, controlPlane: a}]\ncurrentContext: b' } },
  ],
  [
    'a context of a control plane that is not there',
    ['status', '--config-file', '/c'],
    { files: { '/c': 'contexts: [{name: a, controlPlane: b}]\ncurrentContext: a' } },
  ],
  [
    'a control plane that is there already',
    [...add, '--name', 'a', '--address', 'http://a', '--skip-check'],
    { files: { [ownConfig]: oneControlPlane } },
  ],
  [
    'an address where no control plane is',
    [...add, '--name', 'b', '--address', 'http://b'],
    { answers: { 'GET http://b/': { hello: 'world' } } },
  ],
  [
    'a control plane of kumactl',
    ['config', 'control-planes', 'remove', '--name', 'a'],
    { files: { '/home/me/.kumactl/config': oneControlPlane } },
  ],
  ['a control plane that there is not', ['config', 'control-planes', 'switch', '--name', 'x']],
  ['a server that is not asked in JSON', ['get', 'meshes'], { answers: { 'GET /meshes?size=1000': { a: 1 } } }],
  [
    'a path of a URL that is wrong',
    ['get', 'meshes'],
    { answers: { 'GET /meshes?size=1000': { hello: 'world' }, 'GET /': kuma } },
  ],
  ['an answer that breaks off', ['get', 'meshes'], { answers: { 'GET /meshes?size=1000': brokenOff } }],
  [
    'a server that does not say what it is',
    ['apply', '-f', '-'],
    { stdin: timeout, answers: { 'GET /_holdfast/status': { mode: 'frob' } } },
  ],
  [
    'a dry run that was none',
    ['apply', '-f', '-', '--dry-run=server'],
    {
      stdin: timeout,
      answers: { ...atGlobal, 'POST /_apply?dryRun=true': onceThen({ dryRun: true, results: [] }, { results: [] }) },
    },
  ],
  [
    'a deletion without a dry run',
    ['delete', 'mesh', 'x', '--dry-run'],
    { answers: { [find('Mesh', 'x', '')]: { items: [{ type: 'Mesh', name: 'x' }] } } },
  ],
  [
    'a deletion that was no dry run',
    ['delete', 'mesh', 'x', '--dry-run'],
    {
      answers: {
        [find('Mesh', 'x', '')]: { items: [{ type: 'Mesh', name: 'x' }] },
        'POST /_apply?dryRun=true': { dryRun: true, results: [] },
        'DELETE /meshes/x?dryRun=true': {},
      },
    },
  ],
  [
    'what the control plane refuses, at its place in the file',
    ['apply', '-f', '-'],
    {
      stdin: timeout,
      answers: {
        ...atGlobal,
        'POST /_apply': apiError(400, 'Could not process a resource', 'Resource is not valid', {
          'items[0].spec.to': 'too many of them',
          'items[0]': 'belongs to another zone',
        }),
      },
    },
  ],
  [
    'more than a control plane takes at once',
    ['apply', '-f', '-'],
    {
      stdin: timeout,
      answers: { ...atGlobal, 'POST /_apply': apiError(413, 'Request body is too large', 'more than 10,000 objects') },
    },
  ],
  [
    'what a Kuma refuses, one by one',
    ['apply', '-f', '-'],
    {
      stdin: timeout,
      answers: {
        'GET /': kuma,
        'GET /config': { mode: 'global' },
        'PUT /meshes/default/meshtimeouts/t': apiError(404, 'Failed to retrieve Mesh', 'Not found'),
      },
    },
  ],
  [
    'one that is ambiguous within a zone',
    ['get', 'meshservice', 'web'],
    {
      answers: {
        [find('MeshService', 'web')]: {
          items: [
            { ...service('east'), name: 'web.a' },
            { ...service('east'), name: 'web.b' },
          ],
        },
      },
    },
  ],
  ['an option of lists beside a name', ['get', 'meshes', 'a', '--sort-by', 'name']],
  ['options of lists beside a name', ['get', 'meshes', 'a', '--sort-by', 'name', '-A']],
  ['a difference with pruning by nothing', ['diff', '-f', '-', '--prune'], { stdin: timeout }],
  ['a plan with pruning by nothing', ['plan', '-f', '-', '--prune'], { stdin: timeout }],
  ['a field of which nothing is below', ['explain', 'meshservice.spec.ports.port.x']],
  ['a field that there is not, and those there are', ['explain', 'meshservice.spec.nope']],
  ['a type of which nothing is known', ['explain', 'learned-types']],
  [
    'an edit that somebody else was faster than',
    ['edit', 'mesh', 'x'],
    {
      edit: (text) => `${text}meshServices: {mode: Exclusive}\n`,
      answers: {
        ...atGlobal,
        [find('Mesh', 'x', '')]: { items: [{ type: 'Mesh', name: 'x' }] },
        'GET /meshes/x': { type: 'Mesh', name: 'x' },
        'PUT /meshes/x': apiError(412, 'Precondition failed', 'it has changed: meshServices'),
      },
    },
  ],
  [
    'an edit that is never right',
    ['edit', 'mesh', 'x'],
    {
      edit: (text) => `${text}x`,
      answers: {
        [find('Mesh', 'x', '')]: { items: [{ type: 'Mesh', name: 'x' }] },
        'GET /meshes/x': { type: 'Mesh', name: 'x' },
      },
    },
  ],
  [
    'an edit that is left wrong',
    ['edit', 'mesh', 'x'],
    {
      edit: (text) => (text.startsWith('# Mesh') ? `${text}[` : text),
      answers: {
        [find('Mesh', 'x', '')]: { items: [{ type: 'Mesh', name: 'x' }] },
        'GET /meshes/x': { type: 'Mesh', name: 'x' },
      },
    },
  ],
  ['waiting for a peer that there is not', ['wait', '--for=synced', 'x'], { answers: syncedWith }],
  [
    'waiting in vain for an address',
    ['wait', '--for=vip', 'meshservice', 'web', '--timeout', '0s'],
    { answers: { [find('MeshService', 'web')]: { items: [service('east')] } } },
  ],
  ['a user without a name', ['generate', 'user-token', '--name', '', '--valid-for', '1h']],
  [
    'a key that is not there',
    ['generate', 'user-token', '--name', 'a', '--valid-for', '1h', '--signing-key-path', 'k', '--kid', '1'],
  ],
  [
    'a key that is none',
    ['generate', 'user-token', '--name', 'a', '--valid-for', '1h', '--signing-key-path', 'k', '--kid', '1'],
    { files: { k: 'x' } },
  ],
  ['the public half of what is no key', ['generate', 'public-key', '--signing-key-path', 'k'], { files: { k: 'x' } }],
  ['a drain that waits how long', ['zone', 'drain', 'east', '--timeout', 'soon']],
  ['a drain that not everybody has stored', ['zone', 'drain', 'east', '--yes', '--timeout', '0s'], drained(true)],
  [
    'an end of a drain that not everybody has stored',
    ['zone', 'undrain', 'east', '--yes', '--timeout', '0s'],
    drained(false),
  ],
  [
    'a zone to rename that there is not',
    ['zone', 'rename', 'x', 'y'],
    { answers: { 'GET /_holdfast/zones?size=1000': { items: [] }, 'GET /_holdfast/zones': { items: [] } } },
  ],
  ['joining a global from a global', [...federate, 'http://g'], { answers: atGlobal }],
  [
    'joining a global twice',
    [...federate, 'http://g'],
    { answers: { 'GET /_holdfast/status': { mode: 'federated', zone: 'east' } } },
  ],
  ['joining nobody', [...federate, ''], { answers: { 'GET /_holdfast/status': { mode: 'standalone', zone: 'east' } } }],
  ['joining at once', [...federate, 'http://g', '--yes']],
  [
    'a batch that is refused after others were taken',
    ['apply', '-f', '-', '--batch', '1', '-o', 'json'],
    {
      stdin: `${timeout}---\n${timeout.replace('name: t', 'name: u')}`,
      answers: { ...atGlobal, 'POST /_apply': onceThen({ results: [] }, apiError(409, 'Conflict', 'it is held')) },
    },
  ],
  [
    'what a Kuma refuses after others were taken',
    ['apply', '-f', '-', '-o', 'json'],
    {
      stdin: `${timeout}---\n${timeout.replace('name: t', 'name: u')}`,
      answers: {
        'GET /': kuma,
        'GET /config': { mode: 'global' },
        'PUT /meshes/default/meshtimeouts/t': {},
        'PUT /meshes/default/meshtimeouts/u': apiError(403, 'Access Denied', 'user "x" may not'),
      },
    },
  ],
  [
    'a certificate that cannot be read',
    ['status', '--config-file', '/c'],
    {
      files: {
        '/c': 'controlPlanes: [{name: a, coordinates: {apiServer: {url: https://a, caCertFile: /nowhere/ca.pem}}}]\ncontexts: [{name: a, controlPlane: a}]\ncurrentContext: a',
      },
      connect: httpFetch,
    },
  ],
  [
    'several variables without values',
    ['apply', '-f', '-', '-v', 'a=b'],
    { stdin: 'type: {{ type }}\nname: {{ name }}\n' },
  ],
  [
    'one that a zone has not',
    ['get', 'meshservice', 'web', '--zone', 'east'],
    { answers: { [find('MeshService', 'web', '&mesh=default&zone=east')]: { items: [] } } },
  ],
  [
    'one of no mesh that a zone has not',
    ['get', 'hostnamegenerator', 'g', '--zone', 'east'],
    { answers: { [find('HostnameGenerator', 'g', '&zone=east')]: { items: [] } } },
  ],
  ['a server that does not answer in time', ['status', '--api-timeout', '1ms'], { connect: () => neverAnswering }],
  ['a batch of how many', ['apply', '-f', '-', '--batch', '0'], { stdin: timeout }],
  ['a patience that is none', ['conformance', 'kds', '--peer', 'grpc://g:5685', '--patience', '0']],
  ['a certificate that is not there', ['conformance', 'kds', '--peer', 'grpcs://g:5685', '--ca', 'ca.pem']],
  ['metadata that is none', ['conformance', 'kds', '--peer', 'grpc://g:5685', '--metadata', 'x']],
  [
    'an import from what is no control plane',
    [...imported, '--from', 'http://k'],
    { answers: { 'GET http://k/': { a: 1 } } },
  ],
  ['an import from Holdfast', [...imported, '--from', 'http://k'], { answers: { 'GET http://k/': holdfast('9.9.9') } }],
  [
    'an import from what does not tell its configuration',
    [...imported, '--from', 'http://k'],
    { answers: { 'GET http://k/': kuma, 'GET http://k/config': apiError(403, 'Access Denied', 'no') } },
  ],
  [
    'an import from what does not say which zone it is',
    [...imported, '--from', 'http://k'],
    { answers: { 'GET http://k/': kuma, 'GET http://k/config': { mode: 'zone' } } },
  ],
  [
    'an import of what may not all be read',
    [...imported, '--from', 'http://k', '--from-zone', 'global'],
    {
      answers: {
        'GET http://k/': kuma,
        'GET http://k/_resources': { resources: [{ name: 'Secret', path: 'secrets' }] },
        'GET http://k/secrets?size=1000': apiError(403, 'Access Denied', 'no'),
      },
    },
  ],
  ['an import of an empty file', [...imported, '--from-export', 'x'], { files: { x: '' } }],
  ['an import of what is no export', [...imported, '--from-export', 'x'], { files: { x: 'a: b\n' } }],
  [
    'an import of an export of a zone',
    [...imported, '--from-export', 'x'],
    {
      files: {
        x: 'type: MeshTimeout\nname: t\nmesh: default\nlabels: {kuma.io/origin: global, kuma.io/zone: east}\n',
      },
    },
  ],
  ['an import with a header that is none', [...imported, '--from', 'http://k', '--from-header', 'x']],
  [
    'an import to what this program does not know',
    [...imported, '--from', 'http://k', '--from-zone', 'global'],
    {
      answers: {
        'GET http://k/': kuma,
        'GET http://k/_resources': { resources: [] },
        'GET /_holdfast/status': { mode: 'frob' },
      },
    },
  ],
]

test('every error says what is wrong and what to do next', async () => {
  const told: string[] = []
  for (const [what, args, world] of cases) {
    const ran = await run(args, world)
    expect(ran.out, what).toBe('')
    expect([1, 2], what).toContain(ran.status)
    told.push(`# ${what}\n$ holdfastctl ${args.join(' ')}\n${ran.err}= ${ran.status}\n`)
  }
  expect(told.join('\n')).toBeGolden('errors.txt')
})
