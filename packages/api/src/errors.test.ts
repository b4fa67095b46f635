import { Readable } from 'node:stream'
import { defaultAccess } from '@holdfast/identity'
import { Problem, parseBody, problemOf, typeOf, violationText } from '@holdfast/model'
import { afterAll, expect, test } from 'vitest'
import { type ApiOptions, defaultLimits, type Mode } from './options.js'
import { answerDiff, askedDiff } from './sync/diff.js'
import { noSync, type PeerSync } from './sync/sync-view.js'
import { FakeStore } from './testing/fake-store.js'
import { type Harness, harness } from './testing/harness.js'
import { askedClaims, createAnswerer, createGlobalAnswerer, readProxyAnswer } from './vips/questions.js'
import { watchId } from './watch/position.js'
import { readLacking } from './zones/lacking.js'

// Every error that this API answers with, as its clients get it, in one file that a person has read. A test of the testkit
// reads off the source which there are.

interface Asked {
  readonly what: string
  readonly call: string
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  readonly at?: Mode
  readonly options?: Partial<ApiOptions>
  /** What is there already. */
  readonly given?: (store: FakeStore) => void
}

const storeId = '00000000-0000-4000-8000-000000000001'
const anna = { name: 'anna', groups: ['mesh-system:authenticated'], admin: false }
const asAnna: Partial<ApiOptions> = {
  authenticate: () => anna,
  access: { ...defaultAccess, roles: [{ users: ['anna'], groups: [], meshes: ['*'], level: 'operate' }] },
}
const asReader: Partial<ApiOptions> = {
  authenticate: () => anna,
  access: { ...defaultAccess, roles: [{ users: ['anna'], groups: [], meshes: ['*'], level: 'read' }] },
}
const asNobody: Partial<ApiOptions> = { authenticate: () => anna, access: { ...defaultAccess, roles: [] } }
const events = { accept: 'text/event-stream' }

const peer = (name: string, more: Partial<PeerSync> = {}): PeerSync => ({
  ...{ peer: name, connected: true, extension: true, channels: [] },
  ...more,
})
const answering = (answer: unknown, ...peers: readonly PeerSync[]): Partial<ApiOptions> => ({
  sync: { peers: () => peers, askZone: async () => answer },
})
const zones = answering(
  { storeId: 's', state: 'recovering', cursor: null },
  peer('east'),
  peer('kuma', { extension: false }),
  peer('away', { connected: false }),
)

/** A store of which one part is another. */
const storeWith = (part: (store: FakeStore) => object): Partial<ApiOptions> => {
  const store = new FakeStore('')
  return { store: { ...store.port(), ...part(store) } as NonNullable<ApiOptions['store']> }
}
const service = (store: FakeStore, origin = 'east', name = 'web') =>
  store.put({ type: 'MeshService', mesh: 'default', name, origin, spec: Buffer.from('{"ports":[{"port":80}]}') })
const inMesh = (store: FakeStore) => store.put({ type: 'Mesh', mesh: '', name: 'default' })
const owned = (store: FakeStore, origin: string, address: string) => {
  service(store, origin, `web-${origin}`)
  const row = store.rows.get(['MeshService', 'default', `web-${origin}`].join('\u0000'))
  if (row !== undefined) store.allot({ ...row, displayName: 'web' }, address)
}

const mesh = { type: 'Mesh', name: 'default' }
const hold = '/_holdfast/holds/00000000-0000-4000-8000-000000000009'
const plan = { zone: 'east', storeId, blocks: [], meshes: [], services: [] }
const claim = { kind: 'MeshService', mesh: 'default', name: 'web', inZone: 'east', address: '241.0.0.1' }

const rooms: Readonly<Record<string, readonly Asked[]>> = {
  'Of every path': [
    { what: 'a watch of what is no list', call: 'GET /_holdfast/status?watch=true' },
    { what: 'a watch of one resource', call: 'GET /meshes/default?watch=true' },
    { what: 'a NUL in a path', call: 'GET /meshes/a%00b' },
    { what: 'a NUL in a body', call: 'PUT /meshes/default', body: { ...mesh, labels: { a: '\u0000' } } },
    { what: 'a watch that is half said', call: 'GET /meshes?watch=maybe' },
    {
      what: 'a position that no watch has sent',
      call: 'GET /meshes?watch=true',
      headers: { ...events, 'last-event-id': '7' },
    },
    {
      what: 'a position that the log does not go back to',
      call: 'GET /meshes?watch=true',
      headers: {
        ...events,
        'last-event-id': watchId({ epoch: 'another', position: { revision: 1, typeOrder: 0, mesh: '', name: '' } }),
      },
      options: storeWith((store) => ({ read: { ...store.port().read, changes: async () => undefined } })),
    },
    {
      what: 'too many who watch',
      call: 'GET /meshes?watch=true',
      headers: events,
      options: { limits: { watcherMax: 0 } },
    },
    { what: 'a page of no size', call: 'GET /meshes?size=x' },
    { what: 'a page without rows', call: 'GET /meshes?size=0' },
    { what: 'a page that is too large', call: 'GET /meshes?size=1001' },
    { what: 'a page that begins nowhere', call: 'GET /meshes?offset=x' },
    { what: 'a page that begins before the first', call: 'GET /meshes?offset=-1' },
    { what: 'a filter of something else than labels', call: 'GET /meshes?filter[name]=x' },
    { what: 'a filter with more behind it', call: 'GET /meshes?filter[labels.a]x=b' },
    { what: 'a kind of gateway that there is not', call: 'GET /dataplanes?gateway=x' },
    { what: 'a format that there is not', call: 'GET /meshes/default?format=xml', given: inMesh },
    { what: 'a dry run that is half said', call: 'PUT /meshes/default?dryRun=maybe', body: mesh },
    { what: 'a precondition that is none', call: 'PUT /meshes/default', body: mesh, headers: { 'if-match': '7' } },
    { what: 'an absence that is none', call: 'PUT /meshes/default', body: mesh, headers: { 'if-none-match': '"7"' } },
    {
      what: 'one that is there already',
      call: 'PUT /meshes/default',
      body: mesh,
      headers: { 'if-none-match': '*' },
      given: inMesh,
    },
    { what: 'one that is not there any more', call: 'PUT /meshes/default', body: mesh, headers: { 'if-match': '*' } },
    {
      what: 'one that was changed meanwhile',
      call: 'PUT /meshes/default',
      body: { ...mesh, routing: { zoneEgress: true } },
      headers: { 'if-match': '"0"' },
      given: inMesh,
    },
    {
      what: 'one that is changed all the time, written',
      call: 'PUT /meshes/default',
      body: mesh,
      headers: { 'if-none-match': '*' },
      options: storeWith((store) => ({ local: { ...store.port().local, apply: async () => [{ outcome: 'stale' }] } })),
    },
    {
      what: 'a body that is too large',
      call: 'PUT /meshes/default',
      body: 'x'.repeat(200),
      options: { limits: { bodyBytes: 100 } },
    },
    {
      what: 'a body in parts that is too large',
      call: 'PUT /meshes/default',
      body: Readable.from(['x'.repeat(200)]),
      options: { limits: { bodyBytes: 100 } },
    },
    {
      what: 'a body of no type that is too large',
      call: 'POST /_holdfast/vips/pools',
      body: 'x'.repeat(200),
      options: { limits: { bodyBytes: 100 } },
    },
    {
      what: 'a body in parts of no type that is too large',
      call: 'POST /_holdfast/vips/pools',
      body: Readable.from(['x'.repeat(200)]),
      options: { limits: { bodyBytes: 100 } },
    },
    {
      what: 'more requests than an address may send',
      call: 'GET /meshes',
      options: {
        limits: { gate: { ...defaultLimits.gate, requestsBurst: 0, requestsPerSecond: 1, countsLoopback: true } },
      },
    },
  ],
  'Who may not': [
    { what: 'somebody who may nothing', call: 'GET /_holdfast/status', options: asNobody },
    { what: 'somebody who may apply nothing', call: 'POST /_apply', body: { items: [] }, options: asNobody },
    { what: 'somebody who may write no such type', call: 'PUT /meshes/default', body: mesh, options: asReader },
    {
      what: 'somebody who may issue no token',
      call: 'POST /tokens/user',
      body: { name: 'a', validFor: '1h' },
      options: asNobody,
    },
    { what: 'somebody who may let in no zone', call: 'POST /_holdfast/zones/east/join', body: {}, options: asNobody },
    { what: 'a hold that an administrator decides about', call: `POST ${hold}/approve`, body: {}, options: asAnna },
    {
      what: 'copies that an administrator imports',
      call: 'POST /_holdfast/import/copies',
      body: { zone: 'east', objects: [], apply: true },
      options: asAnna,
    },
    {
      what: 'addresses that an administrator imports',
      call: 'POST /_holdfast/vips/import',
      body: { claims: [], apply: true },
      options: asAnna,
    },
  ],
  Resources: [
    {
      what: 'deleting at global what a zone owns',
      call: 'DELETE /meshes/default/meshservices/web',
      given: (store) => {
        inMesh(store)
        service(store)
      },
    },
    {
      what: 'deleting at a zone what global owns',
      call: 'DELETE /meshes/default/meshtimeouts/t',
      at: 'federated',
      given: (store) => {
        inMesh(store)
        store.put({ type: 'MeshTimeout', mesh: 'default', name: 't', origin: '' })
      },
    },
    {
      what: 'deleting a mesh of proxies',
      call: 'DELETE /meshes/default',
      given: (store) => {
        inMesh(store)
        store.put({ type: 'Dataplane', mesh: 'default', name: 'dp', origin: 'east' })
      },
    },
    {
      what: 'deleting a zone that is connected',
      call: 'DELETE /zones/east',
      given: (store) => store.put({ type: 'Zone', mesh: '', name: 'east' }),
      options: answering({}, peer('east')),
    },
    { what: 'nothing to look for', call: 'GET /_holdfast/resources' },
    {
      what: 'an insight of a service type that there is not',
      call: 'GET /meshes/default/service-insights?type=x',
      given: inMesh,
    },
    { what: 'hostnames of what has none', call: 'GET /meshes/default/meshtimeouts/t/_hostnames', given: inMesh },
    { what: 'an identifier that is none', call: 'GET /_kri/x' },
    { what: 'an identifier of no type', call: 'GET /_kri/kri_zzz____default_' },
    { what: 'a type that is known', call: 'GET /_holdfast/raw/MeshService' },
    { what: 'a type that is known and is shown nowhere', call: 'GET /_holdfast/raw/Config' },
  ],
  'POST /_apply': [
    { what: 'a list that is no JSON', call: 'POST /_apply', body: '[' },
    { what: 'a list that is none', call: 'POST /_apply', body: {} },
    {
      what: 'a list that is too long',
      call: 'POST /_apply',
      body: [mesh, mesh],
      options: { limits: { bulkObjectMax: 1 } },
    },
    {
      what: 'objects of no type, of an unknown one, and one twice',
      call: 'POST /_apply',
      body: [{ name: 'x' }, { type: 'Nope' }, mesh, mesh],
    },
    { what: 'what is written elsewhere', call: 'POST /_apply', body: [{ ...mesh }], at: 'federated' },
  ],
  VIPs: [
    { what: 'an address that is none, and a kind without addresses', call: 'GET /_holdfast/vips?address=x&kind=Mesh' },
    { what: 'nobody to explain', call: 'GET /_holdfast/vips/explain' },
    { what: 'a page of VIPs that is none', call: 'GET /_holdfast/vips?size=x' },
    {
      what: 'a pool at a zone',
      call: 'POST /_holdfast/vips/pools',
      body: { kind: 'MeshService', cidr: '10.0.0.0/8' },
      at: 'federated',
    },
    { what: 'half a pool', call: 'POST /_holdfast/vips/pools', body: { kind: 'MeshService' } },
    { what: 'releasing what nobody has', call: 'POST /_holdfast/vips/release?name=web', body: {} },
    {
      what: 'releasing what several have',
      call: 'POST /_holdfast/vips/release?name=web',
      body: {},
      given: (store) => {
        owned(store, 'east', '241.16.0.1')
        owned(store, 'west', '241.32.0.1')
      },
    },
    ...(
      [
        [
          'an address that somebody uses',
          { outcome: 'in use', holder: 'MeshService "web"', addresses: ['241.16.0.1'] },
        ],
        [
          'two addresses that somebody uses',
          { outcome: 'in use', holder: 'MeshService "web"', addresses: ['241.16.0.1', 'fd00::1'] },
        ],
        ['an address that was freed meanwhile', { outcome: 'nothing' }],
      ] as const
    ).map(
      ([what, outcome]): Asked => ({
        what: `releasing ${what}`,
        call: 'POST /_holdfast/vips/release?name=web',
        body: {},
        options: storeWith((store) => {
          owned(store, 'east', '241.16.0.1')
          return { recovery: { ...store.port().recovery, release: async () => outcome } }
        }),
      }),
    ),
    { what: 'claims that are no JSON', call: 'POST /_holdfast/vips/import', body: '[' },
    { what: 'claims that are no list', call: 'POST /_holdfast/vips/import', body: {} },
    {
      what: 'too many claims',
      call: 'POST /_holdfast/vips/import',
      body: { claims: Array.from({ length: 100_001 }, () => 0) },
    },
    {
      what: 'claims of nothing',
      call: 'POST /_holdfast/vips/import',
      body: { claims: [{ ...claim, kind: '', zone: 7 }] },
    },
  ],
  Recovery: [
    {
      what: 'recovering at a zone',
      call: 'POST /_holdfast/recovery/from-zone',
      body: { zone: 'east' },
      at: 'federated',
    },
    { what: 'recovering from nobody', call: 'POST /_holdfast/recovery/from-zone', body: {} },
    { what: 'a body that is no JSON', call: 'POST /_holdfast/recovery/from-zone', body: '[' },
    { what: 'a body that is no object', call: 'POST /_holdfast/recovery/from-zone', body: [] },
    {
      what: 'recovering from a zone that there is not',
      call: 'POST /_holdfast/recovery/from-zone',
      body: { zone: 'x' },
    },
    {
      what: 'recovering from a zone that is away',
      call: 'POST /_holdfast/recovery/from-zone',
      body: { zone: 'away' },
      options: zones,
    },
    {
      what: 'recovering from a Kuma',
      call: 'POST /_holdfast/recovery/from-zone',
      body: { zone: 'kuma' },
      options: zones,
    },
    {
      what: 'recovering from a zone that recovers',
      call: 'POST /_holdfast/recovery/from-zone',
      body: { zone: 'east' },
      options: {
        sync: {
          peers: () => [peer('east')],
          askZone: async (_, question) =>
            question === 'witness' ? { storeId: 's', state: 'recovering', cursor: null } : { items: [], next: null },
        },
      },
    },
    ...['one thing', 'several things'].map(
      (what, at): Asked => ({
        what: `ending a recovery that waits for ${what}`,
        call: 'POST /_holdfast/recovery/finish',
        body: {},
        options: {
          ...storeWith((store) => ({
            status: async () => ({ ...(await store.port().status()), state: 'recovering' }),
          })),
          sync: {
            ...noSync,
            recoveryWaits: () =>
              [
                { what: 'zone west is not back', next: 'bring it back' },
                { what: 'zone north is not back', next: 'bring it back' },
              ].slice(0, at + 1),
          },
        },
      }),
    ),
  ],
  Holds: [
    { what: 'a hold without an id', call: 'GET /_holdfast/holds/7' },
    { what: 'a hold that there is not', call: `GET ${hold}` },
    { what: 'a decision that is no object', call: `POST ${hold}/approve`, body: [] },
    { what: 'a decision that is no JSON', call: `POST ${hold}/approve`, body: '[' },
    { what: 'a decision with more than it needs', call: `POST ${hold}/approve`, body: { all: true } },
    { what: 'a decision about how many', call: `POST ${hold}/approve`, body: { resources: -1 } },
  ],
  Zones: [
    { what: 'joining at global', call: 'GET /_holdfast/federation' },
    { what: 'a plan of a join at a zone', call: 'POST /_holdfast/federation/plan', body: plan, at: 'federated' },
    { what: 'a plan of a join of nobody', call: 'POST /_holdfast/federation/plan', body: { ...plan, zone: '' } },
    {
      what: 'a plan of a join without a store',
      call: 'POST /_holdfast/federation/plan',
      body: { ...plan, storeId: '' },
    },
    { what: 'blocks that are none', call: 'POST /_holdfast/federation/plan', body: { ...plan, blocks: 'x' } },
    { what: 'services that are none', call: 'POST /_holdfast/federation/plan', body: { ...plan, services: {} } },
    {
      what: 'a service of a number',
      call: 'POST /_holdfast/federation/plan',
      body: { ...plan, services: [{ kind: 7 }] },
    },
    {
      what: 'a service without a name',
      call: 'POST /_holdfast/federation/plan',
      body: { ...plan, services: [{ kind: 'MeshService' }] },
    },
    {
      what: 'too many meshes',
      call: 'POST /_holdfast/federation/plan',
      body: { ...plan, meshes: Array.from({ length: 10_001 }, () => 'm') },
    },
    {
      what: 'copies at a zone',
      call: 'POST /_holdfast/import/copies',
      body: { zone: 'east', objects: [] },
      at: 'federated',
    },
    { what: 'copies that are no JSON', call: 'POST /_holdfast/import/copies', body: '[' },
    { what: 'copies of nobody', call: 'POST /_holdfast/import/copies', body: {} },
    { what: 'copies that are no list', call: 'POST /_holdfast/import/copies', body: { zone: 'east' } },
    { what: 'adopting a store that is none', call: 'POST /_holdfast/zones/east/adopt', body: { storeId: 'x' } },
    {
      what: 'adopting the name of a zone that lives',
      call: 'GET /_holdfast/zones/east/adopt',
      options: {
        ...answering({}, peer('east', { address: '10.0.0.1:40' })),
        ...storeWith((store) => ({
          returns: {
            ...store.port().returns,
            adopt: async () => {
              throw new Problem('conflict', 'zone "east" is connected (session s of process p)')
            },
          },
        })),
      },
    },
    { what: 'whose a name is, at a zone', call: 'GET /_holdfast/zones', at: 'federated' },
    { what: 'pausing at a zone', call: 'POST /_holdfast/zones/west/pause', body: {}, at: 'federated' },
    { what: 'pausing with more than a reason', call: 'POST /_holdfast/zones/east/pause', body: { why: 'x' } },
    {
      what: 'pausing for too long a reason',
      call: 'POST /_holdfast/zones/east/pause',
      body: { reason: 'x'.repeat(501) },
    },
    { what: 'comparing with nobody', call: 'GET /_holdfast/sync/diff' },
    { what: 'comparing another zone at a zone', call: 'GET /_holdfast/sync/diff?zone=west', at: 'federated' },
    { what: 'letting in a zone at a zone', call: 'POST /_holdfast/zones/east/join', body: {}, at: 'federated' },
    {
      what: 'letting in a zone with a body that is none',
      call: 'POST /_holdfast/zones/east/join',
      body: { validFor: 7 },
    },
    {
      what: 'letting in a zone for no time, somewhere',
      call: 'POST /_holdfast/zones/east/join',
      body: { validFor: '-1h', addresses: ['here'] },
    },
  ],
  'Who is who': [
    { what: 'a token for nobody', call: 'POST /tokens/user', body: {} },
    { what: 'a token for how long', call: 'POST /tokens/user', body: { name: 'a', validFor: 'soon' } },
    { what: 'a token of no scope', call: 'POST /tokens/zone', body: { zone: 'east' } },
    {
      what: 'a token for a proxy that there is not',
      call: 'POST /tokens/dataplane',
      body: { mesh: 'default', type: 'x' },
    },
    { what: 'a token where none are issued', call: 'POST /tokens/user', body: { name: 'a', validFor: '1h' } },
    { what: 'keys where there are none', call: 'GET /_holdfast/rotation' },
    { what: 'an authority at a zone', call: 'POST /_holdfast/rotation/authority', body: {}, at: 'federated' },
    { what: 'a step that is none', call: 'POST /_holdfast/rotation/authority', body: { step: 'x', force: 'x' } },
    {
      what: 'a key of nothing',
      call: 'POST /_holdfast/rotation/signing-key',
      body: { kind: 'x', mesh: 'default', retire: 'x' },
    },
    { what: 'a body of a rotation that is none', call: 'POST /_holdfast/rotation/signing-key', body: [] },
    { what: 'a data key where nothing is sealed', call: 'POST /_holdfast/secrets/rotate', body: {} },
  ],
  'The log': [
    { what: 'an audit since when', call: 'GET /_holdfast/audit?since=x' },
    {
      what: 'an audit after what',
      call: 'GET /_holdfast/audit?after=x',
      options: storeWith((store) => ({ read: { ...store.port().read, auditAfter: async () => [] } })),
    },
  ],
  Names: [
    { what: 'names of nobody, at global', call: 'GET /_holdfast/dns' },
    { what: 'a name where none are answered', call: 'GET /_holdfast/dns/lookup?name=a', at: 'federated' },
    { what: 'unserved names where none are answered', call: 'GET /_holdfast/dns/unserved', at: 'federated' },
    {
      what: 'a name that cannot be',
      call: `GET /_holdfast/dns/lookup?name=${'x'.repeat(256)}&type=x`,
      at: 'federated',
      options: { dns: {} as NonNullable<ApiOptions['dns']> },
    },
    {
      what: 'no name',
      call: 'GET /_holdfast/dns/lookup',
      at: 'federated',
      options: { dns: {} as NonNullable<ApiOptions['dns']> },
    },
  ],
  Proxies: [
    {
      what: 'a proxy of nobody',
      call: 'GET /meshes/default/dataplanes/dp/xds',
      given: (store) => {
        inMesh(store)
        store.put({ type: 'Dataplane', mesh: 'default', name: 'dp' })
      },
    },
    {
      what: 'a proxy of a zone that cannot be asked',
      call: 'GET /meshes/default/dataplanes/dp/stats',
      given: (store) => {
        inMesh(store)
        store.put({ type: 'Dataplane', mesh: 'default', name: 'dp', origin: 'east' })
      },
    },
    {
      what: 'a proxy of another zone',
      call: 'GET /meshes/default/dataplanes/dp/clusters',
      at: 'federated',
      given: (store) => {
        inMesh(store)
        store.put({ type: 'Dataplane', mesh: 'default', name: 'dp', origin: 'west' })
      },
    },
    {
      what: 'a proxy where none is asked',
      call: 'GET /meshes/default/dataplanes/dp/clusters',
      at: 'federated',
      given: (store) => {
        inMesh(store)
        store.put({ type: 'Dataplane', mesh: 'default', name: 'dp' })
      },
    },
    ...(
      [
        ['a view of a proxy in a mesh of services of before', '_policies', 'Disabled', 'standalone'],
        ['an inbound that there is not', '_inbounds/kri_dp_default_zone-1__dp_x/_policies', 'Exclusive', 'standalone'],
        ['an inbound that is no identifier', '_inbounds/x/_policies', 'Exclusive', 'standalone'],
        [
          'an inbound of no identifier of ours',
          '_inbounds/id_dp_default_zone-1__dp_x/_policies',
          'Exclusive',
          'standalone',
        ],
        ['an outbound of an unknown type', '_outbounds/kri_zz_default____/_policies', 'Exclusive', 'standalone'],
        ['the configuration of a proxy at global', '_config', 'Exclusive', 'global'],
        ['the configuration of a proxy, which nobody computes', '_config', 'Exclusive', 'standalone'],
      ] as const
    ).map(
      ([what, tail, mode, at]): Asked => ({
        what,
        at,
        call: `GET /meshes/default/dataplanes/dp/${tail}`,
        given: (store) => {
          const read = parseBody(typeOf('Mesh'), { ...mesh, meshServices: { mode } }, { writer: { role: 'global' } })
          if (read.outcome !== 'parsed') throw new Error('a mesh is read')
          const { spec } = read.body
          store.put({ type: 'Mesh', mesh: '', name: 'default', spec })
          store.put({ type: 'Dataplane', mesh: 'default', name: 'dp' })
          store.put({ type: 'DataplaneInsight', mesh: 'default', name: 'dp' })
        },
      }),
    ),
    {
      what: 'rules of a gateway without proxies',
      call: 'GET /meshes/default/meshgateways/any/_rules',
      given: (store) => {
        inMesh(store)
        store.put({ type: 'MeshGateway', mesh: 'default', name: 'any' })
      },
    },
  ],
  'Peers that answer something else': [
    {
      what: 'a peer that does not answer with its digests',
      call: 'GET /_holdfast/sync/diff?zone=east',
      options: {
        ...answering({}, peer('east')),
        ...storeWith(() => ({ diff: { types: async () => ({ head: {}, types: [] }) } })),
      },
    },
  ],
}

/** What a control plane says to a peer that asks it inside their session, and what it makes of the answer. */
const between: readonly (readonly [what: string, work: () => unknown])[] = [
  ['a question that is not known', () => zoneAnswers('frob', {})],
  ['a question that global does not know', () => globalAnswers('frob', {})],
  [
    'a question of global that is not known there',
    () => createGlobalAnswerer(new FakeStore('').port())('east', 'frob', {}),
  ],
  ['rows of too many buckets', () => zoneAnswers('vip-rows', { part: 'v4', buckets: 'all' })],
  ['sums of a part that there is not', () => zoneAnswers('vip-sums', { part: 'x' })],
  ['a proxy of a zone that asks none', () => zoneAnswers('proxy-admin', { kind: 'xds' })],
  ['a question about a proxy that is none', () => proxyAnswers({ kind: 'x' })],
  ['a comparison of no side', () => answerDiff({} as never, { read: 'types' })],
  [
    'a comparison of what is not known',
    () => answerDiff({} as never, { read: 'x', side: { channel: 'up', peer: '', role: 'sender' } }),
  ],
  ['an answer that is no digest', () => askedDiff(async () => ({})).types({ channel: 'up', peer: '', role: 'sender' })],
  ['an answer that is no page', () => askedClaims(async () => ({})).ledgerPage(undefined)],
  ['an answer that is no sum', () => askedClaims(async () => ({})).sumsPage('v4', undefined)],
  ['an answer that is not what a proxy says', () => readProxyAnswer({})],
  ['a zone that does not answer in time', verified],
  ['a control plane that stops', stopped],
  ['an answer that is no list of what global lacks', () => readLacking({})],
]
/** Answers when whoever asks does not wait any more. */
const neverAnswering = (onAsked: () => void): Partial<ApiOptions> => ({
  sync: {
    peers: () => [peer('east')],
    askZone: (_zone, _question, _body, { signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason))
        onAsked()
      }),
  },
})
/** Throws why a zone is not verified. */
async function verified(): Promise<void> {
  const api = harness('global', { ...neverAnswering(() => {}), limits: { zoneAnswerTimeoutMs: 1 } })
  const { body } = await api.call('GET', '/_holdfast/vips/verify')
  const { checked } = body as {
    readonly checked: readonly { readonly controlPlane: string; readonly reason?: string }[]
  }
  await api.app.close()
  throw new Problem('unavailable', checked.find(({ controlPlane }) => controlPlane === 'east')?.reason ?? '')
}
/** Throws what is told to who asks while the control plane stops. */
async function stopped(): Promise<void> {
  let onAsked = (): void => {}
  const asked = new Promise<void>((resolve) => {
    onAsked = resolve
  })
  const api = harness('global', neverAnswering(onAsked))
  const answer = api.call('GET', '/_holdfast/dns?zone=east')
  await asked
  await api.app.close()
  const { body } = await answer
  throw new Problem('unavailable', (body as { readonly detail: string }).detail)
}
const answerer = (mode: Mode, more: object = {}) =>
  createAnswerer({ store: new FakeStore('').port(), mode, zoneName: 'east', ...more })
const zoneAnswers = answerer('federated')
const globalAnswers = answerer('global')
const proxyAnswers = (body: unknown) =>
  answerer('federated', { askProxy: async () => Buffer.from('') })('proxy-admin', body)

/** The last words about a request: status, title and detail, and a line for each field. */
const shown = (status: number, body: unknown): string => {
  const {
    title,
    detail,
    invalid_parameters: fields = [],
  } = body as {
    readonly title?: string
    readonly detail?: string
    readonly invalid_parameters?: readonly { readonly field: string; readonly reason: string }[]
  }
  const lines = fields.map(({ field, reason }) => `* ${violationText({ path: field, message: reason })}\n`)
  return `${status} ${title}: ${detail}\n${lines.join('')}`
}

const plains = new Map<Mode, Harness>()
afterAll(async () => {
  for (const { app } of plains.values()) await app.close()
})
function plain(mode: Mode): Harness {
  const known = plains.get(mode)
  if (known !== undefined) return known
  const made = harness(mode)
  plains.set(mode, made)
  return made
}

const roleOf = (mode: Mode): string => (mode === 'global' ? 'global' : 'a zone')

const told = new Map<string, string>()

test.each(Object.entries(rooms))('%s: every error of the API names the thing and the next act', async (room, cases) => {
  const texts: string[] = []
  for (const { what, call, body, headers = {}, at = 'global', options, given } of cases) {
    // Most ask the same, with nothing in it.
    const isPlain = options === undefined && given === undefined
    const api = isPlain ? plain(at) : harness(at, options)
    given?.(api.store)
    const [method = '', url = ''] = call.split(/ (.*)/)
    const { statusCode, body: text } = await api.app.inject({
      method: method as 'GET',
      url,
      headers: { host: 'localhost', ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined
        ? {}
        : { payload: body instanceof Readable || typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    expect([what, statusCode >= 400 && statusCode !== 500]).toEqual([what, true])
    texts.push(
      `# ${what}\n$ ${call.length > 120 ? `${call.slice(0, 117)}…` : call} at ${roleOf(at)}\n${shown(statusCode, JSON.parse(text))}`,
    )
    if (!isPlain) await api.app.close()
  }
  told.set(room, texts.join('\n'))
})

test('what control planes ask each other: every error names the thing and the next act', async () => {
  const texts: string[] = []
  for (const [what, work] of between) {
    const { kind, message } = await Promise.resolve()
      .then(work)
      .then(() => ({ kind: 'none', message: '' }), problemOf)
    expect([what, kind]).not.toEqual([what, 'internal'])
    texts.push(`# ${what}\n= ${kind}: ${message}\n`)
  }
  told.set('between', texts.join('\n'))
})

test('all of it stands in a file that a person has read', () => {
  expect([...Object.keys(rooms), 'between'].map((room) => told.get(room) ?? '').join('\n')).toBeGolden('errors.txt')
})
