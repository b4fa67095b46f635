import type { DatabaseFacts, StoreFacts } from '@holdfast/store'
import { expect, test } from 'vitest'
import { judgeDatabase } from './database.js'
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
  expect(said(judgeDatabase(database, nowMs))).toEqual([])
  expect(said(judgeStore({ ...database, store }, global))).toEqual([])
})

test.each<[string, Partial<DatabaseFacts>, RegExp]>([
  ['an old server', { version: '13.9', versionNumber: 130_009 }, /^bad database: PostgreSQL 13.9 -> .*14 or later/],
  ['a standby', { isStandby: true }, /^bad database: it is a standby.*target_session_attrs/],
  ['no right to make tables', { canCreate: false }, /^bad database: .*search_path.*grant create/],
  ['fsync off', { settings: { fsync: 'off' } }, /^bad database: fsync is off/],
  ['autovacuum off', { settings: { autovacuum: 'off' } }, /^bad database: autovacuum is off/],
  ['another encoding', { settings: { server_encoding: 'LATIN1' } }, /^bad database: its encoding is LATIN1/],
  ['commits that are not waited for', { settings: { synchronous_commit: 'off' } }, /^doubtful database: synchronous/],
  ['nearly no connections', { connections: { used: 95, max: 100 } }, /^doubtful connections: 95 of 100/],
  ['a database far away', { roundTripMs: 80 }, /^doubtful database: a question takes 80 ms/],
  ['a clock that is off', { nowMs: nowMs - 5_000 }, /^doubtful clock: .*5000 ms behind.*NTP/],
  ['a clock that is wrong', { nowMs: nowMs + 60_000 }, /^bad clock: .*60000 ms ahead/],
])('database: %s', (_, facts, expected) => {
  expect(said(judgeDatabase({ ...database, ...facts }, nowMs)).join('\n')).toMatch(expected)
})

test.each<[string, Partial<StoreFacts>, RegExp]>([
  [
    'of another control plane',
    { role: 'zone', name: 'east' },
    /^bad store: it is the store of zone east, and this is global/,
  ],
  ['of a newer program', { oldestProgram: '9.0.0' }, /^bad migrations: the database needs Holdfast 9.0.0/],
  ['migrations that are due', { dueMigrations: ['0018_x.sql'] }, /^doubtful migrations: 1 are due: 0018_x.sql/],
  ['never initialised', { state: 'uninitialised' }, /^bad store: .*holdfast init/],
  [
    'recovering',
    { state: 'recovering', reasons: ['it was restored'] },
    /^bad store: it is recovering: it was restored/,
  ],
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
    /^doubtful peers: 1 of 1 of ours have another version than 0.1.0: east 0.3.0/,
  ],
  ['bloat', { bloated: [{ table: 'heartbeats', dead: 90_000, live: 50 }] }, /^doubtful database: table heartbeats/],
])('store: %s', (_, facts, expected) => {
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
