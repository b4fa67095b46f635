import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DatabaseFacts, StoreFacts } from '@holdfast/store'
import { afterAll, expect, test, vi } from 'vitest'
import { doctor, findingText, nodeFindings } from '../commands/doctor.js'
import { resolveSettings } from '../config/resolve.js'
import type { Settings } from '../config/settings.js'
import { lookAtCertificates } from './certificates.js'
import { judgeDatabase } from './database.js'
import type { Finding } from './finding.js'
import { judgeRedis } from './redis.js'
import { judgeStore } from './store.js'

const nowMs = Date.UTC(2026, 0, 2)
const database: DatabaseFacts = {
  version: '17.2',
  versionNumber: 170_002,
  nowMs,
  roundTripMs: 0.4,
  settings: { search_path: '"$user", public', fsync: 'on', autovacuum: 'on', server_encoding: 'UTF8' },
  isStandby: false,
  canCreate: true,
  pooling: 'none',
  connections: { used: 10, max: 100 },
  sizeBytes: 10 << 20,
  store: undefined,
}
const store: StoreFacts = {
  role: 'global',
  name: '',
  state: 'ready',
  reasons: [],
  revision: 7,
  newestMigration: 17,
  dueMigrations: [],
  oldestProgram: '0.1.0',
  missingTables: [],
  readOnlyBy: undefined,
  pausedZones: [],
  blocks: [{ cidr: '241.16.0.0/20', kind: 'MeshService', owner: 'east', used: 12 }],
  pendingServices: 0,
  peers: [{ peer: 'east', version: '0.1.4', extension: true, connected: true }],
  replicas: [],
  bloated: [],
}
const global = { role: 'global', name: '', programVersion: '0.1.0' } as const

/** What is not fine, in a line each. */
const said = (findings: ReturnType<typeof judgeDatabase>): readonly string[] =>
  findings.flatMap(({ level, about, says, next }) =>
    level === 'fine' ? [] : [`${level} ${about}: ${says} -> ${next}`],
  )

test('a good database and a good store: nothing to do', () => {
  expect(said(judgeDatabase({ ...database, pooling: 'session' }, nowMs))).toEqual([])
  expect(said(judgeDatabase({ ...database, pooling: 'transaction' }, nowMs, true))).toEqual([])
  expect(said(judgeDatabase(database, nowMs))).toEqual([])
  expect(said(judgeStore({ ...database, store }, global))).toEqual([])
})

const databases: readonly (readonly [string, Partial<DatabaseFacts>, RegExp])[] = [
  ['an old server', { version: '13.9', versionNumber: 130_009 }, /^bad database: PostgreSQL 13.9 -> .*14 or later/],
  ['a standby', { isStandby: true }, /^bad database: it is a standby.*target_session_attrs/],
  ['no right to make tables', { canCreate: false }, /^bad database: .*search_path.*grant create/],
  ['fsync off', { settings: { fsync: 'off' } }, /^bad database: fsync is off/],
  ['full_page_writes off', { settings: { full_page_writes: 'off' } }, /^bad database: full_page_writes is off/],
  [
    'only to be read',
    { settings: { default_transaction_read_only: 'on' } },
    /^bad database: default_transaction_read_only is on -> .*target_session_attrs/,
  ],
  ['autovacuum off', { settings: { autovacuum: 'off' } }, /^bad database: autovacuum is off/],
  ['another encoding', { settings: { server_encoding: 'LATIN1' } }, /^bad database: its encoding is LATIN1/],
  ['commits that are not waited for', { settings: { synchronous_commit: 'off' } }, /^doubtful database: synchronous/],
  ['nearly no connections', { connections: { used: 95, max: 100 } }, /^doubtful connections: 95 of 100/],
  ['a database far away', { roundTripMs: 80 }, /^doubtful database: a question takes 80 ms/],
  ['a pooler in transaction mode', { pooling: 'transaction' }, /^doubtful pooler: .*NOTIFY.*--redis-url/],
  ['a clock that is off', { nowMs: nowMs - 5_000 }, /^doubtful clock: .*5000 ms behind.*NTP/],
  ['a clock that is wrong', { nowMs: nowMs + 60_000 }, /^bad clock: .*60000 ms ahead/],
]

test.each(databases)('database: %s', (_, facts, expected) => {
  expect(said(judgeDatabase({ ...database, ...facts }, nowMs)).join('\n')).toMatch(expected)
})

const stores: readonly (readonly [string, Partial<StoreFacts>, RegExp])[] = [
  [
    'of another control plane',
    { role: 'zone', name: 'east' },
    /^bad store: it is the store of zone east, and this is global/,
  ],
  ['of a newer program', { oldestProgram: '9.0.0' }, /^bad migrations: the database needs Holdfast 9.0.0/],
  ['migrations that are due', { dueMigrations: ['0018_x.sql'] }, /^doubtful migrations: not applied yet: 0018_x.sql/],
  ['never initialised', { state: 'uninitialised' }, /^bad store: .*holdfast init/],
  [
    'recovering',
    { state: 'recovering', reasons: ['it was restored'] },
    /^bad store: it is recovering: it was restored/,
  ],
  ['without a table', { missingTables: ['leases'] }, /^bad store: tables are not there: leases -> .*restore/],
  ['read-only', { readOnlyBy: 'alice' }, /^doubtful brakes: alice has made it read-only/],
  ['a paused zone', { pausedZones: ['east'] }, /^doubtful brakes: zone east is paused -> holdfastctl zone resume east/],
  [
    'a crowded block',
    { blocks: [{ cidr: '241.16.0.0/24', kind: 'MeshService', owner: '', used: 210 }] },
    /^doubtful pools: block 241.16.0.0\/24 of global \(MeshService\) is 83 % full/,
  ],
  ['services that wait', { pendingServices: 2 }, /^doubtful pools: 2 services wait.*vip explain/],
  [
    'peers of other versions',
    { peers: [{ peer: 'east', version: '0.3.0', extension: true, connected: true }] },
    /^doubtful peers: of another version than 0.1.0: east 0.3.0 \(the only one of ours\)/,
  ],
  ['bloat', { bloated: [{ table: 'heartbeats', dead: 90_000, live: 50 }] }, /^doubtful database: table heartbeats/],
]

test.each(stores)('store: %s', (_, facts, expected) => {
  expect(said(judgeStore({ ...database, store: { ...store, ...facts } }, global)).join('\n')).toMatch(expected)
})

test('Kuma peers have versions of their own', () => {
  const peers = [{ peer: 'north', version: '2.14.3', extension: false, connected: true }]
  expect(said(judgeStore({ ...database, store: { ...store, peers } }, global))).toEqual([])
})

test('an empty database: what to do for either role', () => {
  expect(said(judgeStore(database, global))).toEqual([expect.stringMatching(/holdfast init$/)])
  expect(said(judgeStore(database, { ...global, role: 'zone', name: 'east' }))).toEqual([
    expect.stringMatching(/the first start makes everything$/),
  ])
})

const folder = mkdtempSync(join(tmpdir(), 'holdfast-doctor-'))
afterAll(() => rmSync(folder, { recursive: true }))
const pem = (name: string): string =>
  readFileSync(new URL(`../../../transport/testdata/tls/${name}.pem`, import.meta.url), 'utf8')
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}
const certificate = new X509Certificate(pem('cert'))
const [fromMs, toMs] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)]

const certificatesOf = (role: 'global' | 'zone', more: Partial<Settings>, atMs = fromMs) =>
  lookAtCertificates(role, { dataDir: folder, globalAddresses: [], ...more } as unknown as Settings, atMs)
/** What is found of a zone whose identity this is. */
const ofIdentity = (text: string, atMs?: number) => {
  const dataDir = mkdtempSync(join(folder, 'zone-'))
  writeFileSync(join(dataDir, 'zone-identity.json'), text)
  return certificatesOf('zone', { dataDir }, atMs)
}
const identity = JSON.stringify({ certificate: pem('cert') })
const shown = () => ({ kdsTlsCertFile: file('cert.pem', pem('cert')), kdsTlsKeyFile: file('key.pem', pem('key')) })

const free = { apiPort: '0', kdsPort: '0', diagnosticsPort: '0', dataDir: folder }
/** What the doctor finds about these, of a global with these flags. */
async function examined(
  about: readonly string[],
  flags: Readonly<Record<string, string>>,
  role: 'global' | 'zone' = 'global',
): Promise<readonly Finding[]> {
  const { kdsPort, ...ofZone } = free
  const ports = role === 'zone' ? ofZone : { ...ofZone, kdsPort }
  const resolved = resolveSettings({ command: role, flags: { ...ports, ...flags }, env: {} })
  if (!('settings' in resolved)) throw new Error(JSON.stringify(resolved))
  const said: string[] = []
  await doctor(role, resolved.settings, 'json', (text) => said.push(text))
  const { findings } = JSON.parse(said.join('')) as { readonly findings: readonly Finding[] }
  return findings.filter((each) => about.includes(each.about))
}

/** What is found where somebody listens at the port of the API, and answers so. */
async function besides(answer: string): Promise<readonly Finding[]> {
  const server = createServer((_, response) => response.end(answer)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const port = String((server.address() as AddressInfo).port)
  try {
    const found = await examined(['ports'], { apiPort: port })
    return found.map((each) => ({ ...each, says: each.says.replaceAll(port, 'PORT') }))
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

/** What is found of a control plane that runs at an address of IPv6, which this machine need not have. */
async function overIpv6(): Promise<readonly Finding[]> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  vi.stubGlobal('fetch', async () => new Response('{"version":"holdfast 0.1.0"}'))
  try {
    const diagnosticsPort = String((server.address() as AddressInfo).port)
    return await examined(['ports'], { apiAddress: '::1', apiPort: '5681', diagnosticsPort })
  } finally {
    vi.unstubAllGlobals()
    server.close()
  }
}

const east = { role: 'zone', name: 'east', programVersion: '0.1.0' } as const
const ofStore = (more: Partial<StoreFacts>, expected: typeof east | typeof global = global) =>
  judgeStore({ ...database, store: { ...store, ...more } }, expected)
const notFine = (findings: readonly Finding[]) => findings.filter(({ level }) => level !== 'fine')

const redisUrl = 'rediss://holdfast:secret@redis.example:6379'
const cases: readonly (readonly [what: string, found: () => readonly Finding[] | Promise<readonly Finding[]>])[] = [
  ['a good database', () => judgeDatabase(database, nowMs)],
  ['a pooler beside a Redis', () => judgeDatabase({ ...database, pooling: 'transaction' }, nowMs, true).slice(3, 4)],
  ...databases.map(([what, facts]) => [what, () => notFine(judgeDatabase({ ...database, ...facts }, nowMs))] as const),
  ['a good store', () => ofStore({})],
  [
    'a Kuma beside ours',
    () =>
      ofStore({
        peers: [...store.peers, { peer: 'north', version: '2.14.3', extension: false, connected: true }],
      }).slice(-1),
  ],
  ...[[], [{ peer: 'north', version: '2.14.3', extension: false, connected: true }]].flatMap((kumas) => {
    const silent = { peer: '', version: '', extension: true, connected: true }
    const beside = kumas.length === 0 ? '' : ', and a Kuma'
    return [
      [`a global that has not said its version${beside}`, () => ofStore({ peers: [silent, ...kumas] }, east).slice(-1)],
      [
        `one of ours that has not said its version${beside}`,
        () => ofStore({ peers: [...store.peers, { ...silent, peer: 'south' }, ...kumas] }).slice(-1),
      ],
    ] as const
  }),
  ['one service that waits', () => notFine(ofStore({ pendingServices: 1 }))],
  [
    'more of ours of other versions than are named',
    () =>
      notFine(
        ofStore({
          peers: Array.from({ length: 6 }, (_, at) => ({
            ...{ peer: `zone-${at}`, version: '0.3.0', extension: true, connected: true },
          })),
        }),
      ),
  ],
  ['an empty database, at global', () => judgeStore(database, global)],
  ['an empty database, at a zone', () => judgeStore(database, east)],
  [
    'a zone that recovers',
    () => notFine(ofStore({ role: 'zone', name: 'east', state: 'recovering', reasons: ['it was restored'] }, east)),
  ],
  [
    'more peers of other versions than are named',
    () =>
      notFine(
        ofStore({
          peers: [
            ...Array.from({ length: 6 }, (_, at) => ({
              ...{ peer: at === 0 ? '' : `zone-${at}`, version: '0.3.0', extension: true, connected: true },
            })),
            { peer: 'north', version: '2.14.3', extension: false, connected: true },
          ],
          replicas: [{ instanceId: 'b', version: '0.2.0' }] as unknown as StoreFacts['replicas'],
        }),
      ),
  ],
  [
    'some of another version, and some of ours',
    () =>
      notFine(
        ofStore({
          peers: ['0.1.9', '0.3.0'].map((version, at) => ({
            ...{ peer: `zone-${at}`, version, extension: true, connected: true },
          })),
        }),
      ),
  ],
  ...stores.map(([what, facts]) => [what, () => notFine(ofStore(facts))] as const),
  ['no certificates in files', () => certificatesOf('global', {})],
  ['a certificate', () => certificatesOf('global', shown())],
  ['a certificate that ends soon', () => certificatesOf('global', shown(), toMs - 1_000)],
  [
    'a certificate that is none',
    () => certificatesOf('global', { apiTlsCertFile: file('no.pem', '?'), apiTlsKeyFile: file('key.pem', pem('key')) }),
  ],
  ['a zone without a proof', () => certificatesOf('zone', { globalAddresses: ['grpcs://global:5685'] })],
  ['a zone with one', () => ofIdentity(identity)],
  ['a zone that has not renewed it', () => ofIdentity(identity, toMs - 1_000)],
  ['a zone that was away for too long', () => ofIdentity(identity, toMs + 1_000)],
  ['a zone whose identity is torn', () => ofIdentity('{')],
  [
    'a join bundle that is not there',
    () => examined(['bundle'], { joinFile: join(folder, 'gone.json'), dnsPort: '0' }, 'zone'),
  ],
  ['the program', () => examined(['program'], {})],
  ['a Node that is old', () => nodeFindings('20.1.0')],
  [
    'a database that does not answer',
    () => examined(['database'], { databaseUrl: 'postgres://nobody:secret@127.0.0.1:1/holdfast' }),
  ],
  ['no database yet, and all ports free', () => examined(['database', 'ports'], {})],
  [
    'an embedded database',
    () => {
      const dataDir = mkdtempSync(join(folder, 'data-'))
      mkdirSync(join(dataDir, 'postgres'))
      return examined(['database'], { dataDir })
    },
  ],
  ['a Redis that works', () => [judgeRedis(redisUrl, { working: true, lastFailure: undefined })]],
  [
    'a Redis with another password',
    () => [judgeRedis(redisUrl, { working: false, lastFailure: 'WRONGPASS invalid username-password pair' })],
  ],
  ['a Redis that says nothing', () => [judgeRedis(redisUrl, { working: false, lastFailure: undefined })]],
  ['a port that somebody has', () => besides('no')],
  ['a control plane that runs', () => besides('{"version":"holdfast 0.1.0"}')],
  ['a control plane that runs, over IPv6', overIpv6],
]

test('what the doctor finds stands in a file that a person has read', async () => {
  const told: string[] = []
  for (const [what, find] of cases) {
    const found = await find()
    expect([what, found.length]).not.toEqual([what, 0])
    const texts = found.map((each) =>
      findingText(each)
        .replace(/holdfast \S+ on Node [^\s,]+/, 'holdfast VERSION on Node VERSION')
        .replace(/(identity\.json: ).*/, '$1WHY')
        .replace(/zone-[A-Za-z0-9]{6}\b|data-[A-Za-z0-9]{6}\b/g, 'DATA'),
    )
    told.push(`# ${what}\n${texts.join('\n\n').replaceAll(folder, 'FOLDER')}\n`)
  }
  expect(told.join('\n')).toBeGolden('doctor.txt')
})
