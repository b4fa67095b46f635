import { contentHash, emptyDigest, exportName, jsonSpec, typeOf } from '@holdfast/model'
import { expect, test } from 'vitest'
import type { LocalChange } from '../port.js'
import { freshStore } from './testing.js'

const type = typeOf('HostnameGenerator')
const generator = (name: string): LocalChange => ({
  change: 'put',
  key: { type: type.name, mesh: '', name },
  content: {
    labels: { 'kuma.io/display-name': name },
    ...jsonSpec(type, { selector: { meshService: { matchLabels: {} } }, template: '{{ .DisplayName }}.mesh.local' }),
  },
  namespace: '',
  displayName: name,
  wantsVip: false,
})

const hourMs = 60 * 60 * 1000
const { signal } = new AbortController()

test('old tombstones are forgotten once every zone has acked them; a cursor from before is compacted, one after is known', async () => {
  let nowMs = Date.UTC(2026, 10, 21)
  await using opened = await freshStore({ role: 'global', clock: () => nowMs })
  const { store } = opened
  const apply = async (change: LocalChange) => {
    await store.local.apply({ changes: [change], atomic: true, actor: 'test' }, { signal })
    return (await store.status()).head
  }
  const made = await apply(generator('one'))
  const deleted = await apply({ change: 'delete', key: generator('one').key })
  const { fence } = await store.sessions.open({
    ...{ sessionId: 's1', peer: 'east', instanceId: 'g', peerInstanceId: 'e', peerVersion: '1', extension: true },
  })
  const channel = store.channel({ channel: 'down', peer: 'east', fence: { sessionId: 's1', fence } })
  const standingAt = async (cursor: typeof made) =>
    (await channel.perform({ op: 'compare', standing: { cursor, offered: emptyDigest } }, { signal })).cursor

  await channel.perform({ op: 'acked', cursor: made }, { signal })
  nowMs += 25 * hourMs
  expect(await store.upkeep()).toEqual({ tombstonesForgotten: 0, addressesFreed: 0, absentDeleted: 0 })
  expect(await standingAt(made)).toBe('known')

  await channel.perform({ op: 'acked', cursor: deleted }, { signal })
  expect(await store.upkeep()).toEqual({ tombstonesForgotten: 1, addressesFreed: 0, absentDeleted: 0 })
  expect([await standingAt(made), await standingAt(deleted)]).toEqual(['compacted', 'known'])
  expect(await store.upkeep()).toEqual({ tombstonesForgotten: 0, addressesFreed: 0, absentDeleted: 0 })
})

test('a zone that stays away holds the log for a week and no longer', async () => {
  let nowMs = Date.UTC(2026, 10, 21)
  await using opened = await freshStore({ role: 'global', clock: () => nowMs })
  const { store } = opened
  await store.local.apply({ changes: [generator('one')], atomic: true, actor: 'test' }, { signal })
  const { head } = await store.status()
  const { fence } = await store.sessions.open({
    ...{ sessionId: 's1', peer: 'east', instanceId: 'g', peerInstanceId: 'e', peerVersion: '1', extension: true },
  })
  const channel = store.channel({ channel: 'down', peer: 'east', fence: { sessionId: 's1', fence } })
  await channel.perform({ op: 'acked', cursor: head }, { signal })
  await store.local.apply(
    { changes: [{ change: 'delete', key: generator('one').key }], atomic: true, actor: 'test' },
    { signal },
  )
  nowMs += 6 * 24 * hourMs
  expect((await store.upkeep()).tombstonesForgotten).toBe(0)
  nowMs += 25 * hourMs
  expect((await store.upkeep()).tombstonesForgotten).toBe(1)
})

test('what a plain zone has left out goes after its grace, only while its stream is healthy', async () => {
  let nowMs = Date.UTC(2026, 10, 21)
  await using opened = await freshStore({ role: 'global', clock: () => nowMs })
  const { store } = opened
  const open = async (sessionId: string) => {
    const session = { sessionId, peer: 'kuma', instanceId: 'g', peerInstanceId: '', peerVersion: '2.14.3' }
    const { fence } = await store.sessions.open({ ...session, extension: false, stream: 'up' })
    return store.channel({ channel: 'up', peer: 'kuma', fence: { sessionId, fence, key: 'kuma/up' } })
  }
  const offer = (name: string) => {
    const labels = {
      'kuma.io/display-name': name,
      'kuma.io/mesh': 'default',
      'kuma.io/zone': 'kuma',
      'kuma.io/env': 'universal',
    }
    const resource = {
      type: 'MeshService',
      mesh: 'default',
      name: exportName(typeOf('MeshService'), 'default', name, labels),
      labels,
      ...jsonSpec(typeOf('MeshService'), { selector: {}, ports: [{ port: 80, appProtocol: 'http' }] }),
    }
    return { version: Buffer.from(contentHash(resource)).toString('hex'), resource }
  }
  const list = async (channel: Awaited<ReturnType<typeof open>>, names: readonly string[]) => {
    const batch = { type: 'MeshService', offers: names.map(offer), removals: [], absent: [], wholeList: true }
    return channel.perform({ op: 'apply', batch, nowMs }, { signal })
  }
  const known = async () => (await store.read.list({ type: 'MeshService', offset: 0, limit: 10 })).total

  await list(await open('s1'), ['web', 'api'])
  await list(await open('s2'), ['web'])
  nowMs += 61_000
  expect((await store.upkeep()).absentDeleted).toBe(0)
  await store.sessions.heartbeats([{ sessionId: 's2', peer: 'kuma', ackedRevision: 0, counters: {} }])
  expect(await known()).toBe(2)
  expect((await store.upkeep()).absentDeleted).toBe(1)
  expect(await known()).toBe(1)
})
