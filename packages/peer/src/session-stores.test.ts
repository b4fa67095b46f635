import type { Hello, StoreOp } from '@holdfast/kds'
import { emptyDigest, hashAlgorithm, typeSetHash } from '@holdfast/model'
import { asControlPlane, MemoryStore } from '@holdfast/store'
import type { Link } from '@holdfast/transport'
import { expect, test } from 'vitest'
import { SessionStores } from './session-stores.js'

const never = new AbortController().signal
const ours = '22222222-2222-4333-8444-555555555555'
const another = '33333333-2222-4333-8444-555555555555'

type Apply = Extract<StoreOp, { op: 'apply' }>
const nothing = { cursor: { epoch: '0'.repeat(32), revision: 0, tag: '0'.repeat(16) }, digest: emptyDigest }
const helloOf = (storeId: string): Hello => ({
  ...{ hashAlgorithm, typeSet: typeSetHash(), version: '0.1.0', storeId, state: 'recovering', everInStep: false },
  ...{ down: { offered: emptyDigest }, up: nothing, status: nothing },
})

async function globalWithEast() {
  const memory = new MemoryStore({
    identity: { role: 'global', name: '', storeId: '11111111-2222-4333-8444-555555555555' },
    nowMs: () => Date.UTC(2026, 0, 2),
    hexDigits: (length) => 'ab'.repeat(length).slice(0, length),
  })
  const store = asControlPlane(memory)
  await store.initialise({ actor: 'test', random: Uint8Array.of(1, 2, 3, 4, 5) })
  const link = {
    role: 'acceptor',
    peer: { instanceId: 'east-0', version: '0.1.0', extension: true },
    streams: ['globalToZone', 'zoneToGlobal'],
  } as unknown as Link
  const admit = (sessionId: string, storeId: string) =>
    new SessionStores({ role: 'acceptor', peer: 'east', sessionId, link, store, instanceId: 'global-0' }).perform(
      'down',
      { op: 'admit', hello: helloOf(storeId), nowMs: memory.nowMs() },
      { signal: never },
    )
  return { store, link, admit }
}

test('ONE: a zone that was let in has the newest session, before anything is asked of a channel: both may recover', async () => {
  const { store, admit } = await globalWithEast()
  expect(await admit('first', ours)).toMatchObject({ admitted: true })
  await expect(store.returns.done('east', 'first')).resolves.toBeUndefined()
  expect(await admit('second', ours)).toMatchObject({ admitted: true })
  await expect(store.returns.done('east', 'first')).rejects.toThrow('superseded')
  await expect(store.returns.done('east', 'second')).resolves.toBeUndefined()
})

test('ONE: a stranger with the name of a zone is not let in, and voids nobody’s session', async () => {
  const { store, admit } = await globalWithEast()
  await admit('first', ours)
  await store.sessions.open({
    ...{ sessionId: 'first', peer: 'east', instanceId: 'global-0', peerInstanceId: 'east-0', peerVersion: '0.1.0' },
    extension: true,
  })
  expect(await admit('stranger', another)).toMatchObject({ admitted: false })
  await expect(store.returns.done('east', 'first')).resolves.toBeUndefined()
})

test('VIP-2: what a Kuma zone lists waits until witnesses of a lost log were heard, and nothing else does', async () => {
  const { store, link } = await globalWithEast()
  let hear: () => void = () => undefined
  const heard = new Promise<void>((resolve) => {
    hear = resolve
  })
  const done: string[] = []
  const stores = new SessionStores({
    ...{ role: 'acceptor', peer: 'north', sessionId: 'north-up', instanceId: 'global-0', store },
    ...{ link, witnessed: () => heard },
  })
  const batch = { type: 'MeshService', offers: [], removals: [], absent: [], epoch: '', plain: true, wholeList: true }
  const list = stores.perform('up', { op: 'apply', batch, nowMs: 0 } as Apply, { signal: never }).then(() => {
    done.push('list')
  })
  await stores.perform('up', { op: 'standing' }, { signal: never })
  done.push('standing', 'heard')
  hear()
  await list
  expect(done).toEqual(['standing', 'heard', 'list'])
})
