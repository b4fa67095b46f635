import { RevisionTraces, type TracedWrite } from '@holdfast/tracing'
import { expect, test } from 'vitest'
import { offerOf, putMesh, putService, service } from '../conformance/fixtures.js'
import type { LocalChange } from '../port.js'
import { byHand } from '../testing/index.js'
import type { PgStore } from './store.js'
import { Counter, freshStore } from './testing.js'

const { signal } = new AbortController()
const trace = (digit: string): string => `00-${digit.repeat(32)}-${digit.repeat(16)}-01`

const apply = (store: PgStore, traces: readonly string[], ...changes: readonly LocalChange[]) =>
  store.local.apply({ changes, atomic: true, actor: 'test', traces }, { signal })

const revisionOf = async (store: PgStore): Promise<number> => (await store.status()).head.revision

test('the revision that a request was written with leads back to it, by the types that it changed', async () => {
  const traces = new RevisionTraces(Date.now)
  await using opened = await freshStore({ role: 'zone', listen: false, traces })
  const { store } = opened
  await store.vip.adoptBlocks(['241.16.0.0/20'])
  const from = await revisionOf(store)
  await apply(store, [trace('a')], putService('web'))
  await apply(store, [], putService('untraced'))
  // Nothing changes, so nothing is written for this one.
  await apply(store, [trace('b')], putService('web'))
  const rows = [from + 1, from + 2, from + 3].map((revision) => ({ type: 'MeshService', revision }))
  expect(traces.of(rows)).toEqual(new Map([['MeshService', [trace('a')]]]))
  expect(traces.size).toBe(1)
})

test('what a peer has sent is known by its revision too', async () => {
  const traces = new RevisionTraces(Date.now)
  await using opened = await freshStore({ role: 'global', listen: false, traces })
  const { store } = opened
  await apply(store, [], putMesh('default'))
  const opening = { peerInstanceId: 'there', peerVersion: '0.1.0', extension: true }
  const { fence } = await store.sessions.open({ sessionId: 's', peer: 'east', instanceId: 'here', ...opening })
  const channel = store.channel({ channel: 'up', peer: 'east', fence: { sessionId: 's', fence } })
  const batch = {
    type: 'MeshService',
    offers: [offerOf(service({ name: 'web', zone: 'east' }))],
    removals: [],
    absent: [],
  }
  const kept = await channel.perform({ op: 'apply', batch, nowMs: 1 }, { signal, traces: [trace('c')] })
  expect(kept.writtenRows).toBe(1)
  const rows = [{ type: 'MeshService', revision: await revisionOf(store) }]
  expect(traces.of(rows).get('MeshService')).toEqual([trace('c')])
})

test('a revision that was planned and not committed is forgotten before anybody else can take it', async () => {
  const noted: [number, readonly TracedWrite[]][] = []
  const traces = { note: (...one: (typeof noted)[number]) => void noted.push(one) } as unknown as RevisionTraces
  await using opened = await freshStore({ role: 'zone', listen: false, traces })
  const { store, database } = opened
  const from = await revisionOf(store)
  // As an edit by hand that a constraint of the database refuses at the end of the transaction.

  await byHand(
    database.url,
    `create function refuse() returns trigger language plpgsql as $$ begin raise exception 'no' using errcode = '23514'; end $$;
     create constraint trigger refuse after update on store_head deferrable initially deferred
       for each row execute function refuse()`,
  )
  await expect(apply(store, [trace('a')], putService('web'))).rejects.toThrow(/refused it: commit: no/)
  const mine = [{ types: ['MeshService'], traces: [trace('a')] }]
  expect(noted.at(0)).toEqual([from + 1, [expect.objectContaining(mine[0] ?? {})]])
  expect(noted.at(-1)).toEqual([from + 1, []])
})

test('RO: tracing costs no statement', async () => {
  const counts: Readonly<Record<string, number>>[] = []
  for (const traces of [undefined, new RevisionTraces(Date.now)]) {
    const counter = new Counter()
    await using opened = await freshStore({ role: 'zone', listen: false, traces, onStatement: counter.note })
    const { store } = opened
    await store.vip.adoptBlocks(['241.16.0.0/20'])
    counter.reset()
    await apply(store, traces === undefined ? [] : [trace('a')], putService('web'))
    counts.push(counter.byName)
  }
  expect(counts[1]).toEqual(counts[0])
})
