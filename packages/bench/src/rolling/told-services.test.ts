import { randomUUID } from 'node:crypto'
import { specTypeUrl, typeOf, zoneLabel } from '@holdfast/model'
import { asControlPlane, type ControlPlaneStore, MemoryStore } from '@holdfast/store'
import { expect, test } from 'vitest'
import { StubZone } from './stub-zone.js'
import { storeWith, ToldServices } from './told-services.js'

type ChannelStore = ReturnType<ControlPlaneStore['channel']>
type Op = Parameters<ChannelStore['perform']>[0]
type Batch = Extract<Op, { op: 'apply' }>['batch']

const { signal } = new AbortController()
const down = { channel: 'down', peer: '' } as const

async function zone(): Promise<ControlPlaneStore> {
  const identity = { role: 'zone', name: 'west', storeId: randomUUID() } as const
  const store = asControlPlane(
    new MemoryStore({ identity, nowMs: Date.now, hexDigits: (length) => '0'.repeat(length) }),
  )
  await store.initialise({ actor: 'test', random: Uint8Array.of(1, 2, 3, 4, 5) })
  return store
}

/** What global would tell of the services of zone east. */
async function offersOf(east: StubZone): Promise<Batch['offers']> {
  const from = { revision: 0, typeOrder: 0, mesh: '', name: '' }
  const page = await east.store
    .channel({ channel: 'up', peer: '' })
    .perform({ op: 'changes', from, limitBytes: 1e6, withRemovals: false }, { signal })
  return page.items.flatMap(({ change }) =>
    'offer' in change && change.offer.resource.type === 'MeshService'
      ? [
          {
            ...change.offer,
            resource: { ...change.offer.resource, labels: { ...change.offer.resource.labels, [zoneLabel]: 'east' } },
          },
        ]
      : [],
  )
}

const batch = (type: string, offers: Batch['offers'], removals: Batch['removals'] = []): Batch => ({
  type,
  offers,
  removals,
  absent: [],
})

test('a stub that keeps one copy with others says of what it was told the same as the store of the product', async () => {
  const told = new ToldServices()
  const channels = [(await zone()).channel(down), storeWith(told, await zone()).channel(down)]
  const east = new StubZone('east', ['grpc://127.0.0.1:1'])
  await east.store.initialise({ actor: 'test', random: Uint8Array.of(1, 2, 3, 4, 5) })
  for (let i = 0; i < 20; i++) await east.put(`s${i}`, 80)
  const first = await offersOf(east)
  await east.put('s3', 81)
  const later = (await offersOf(east)).filter(
    ({ resource }) => resource.name.startsWith('s3-') || resource.name === 's3',
  )
  const mesh = {
    type: 'Mesh',
    mesh: '',
    name: 'default',
    labels: {},
    typeUrl: specTypeUrl(typeOf('Mesh')),
    spec: new Uint8Array(),
  }
  const removed = first[5]?.resource.name ?? ''
  const batches = [
    batch('Mesh', [{ version: 'a', resource: mesh }]),
    batch('MeshService', first),
    batch('MeshService', later),
    batch('MeshService', [], [{ key: `${removed}.default`, deletedAtMs: 1 }]),
    // The same again is no change.
    batch('MeshService', later),
  ]
  const asked: readonly Op[] = [
    { op: 'standing' },
    { op: 'offered-types' },
    { op: 'offered-buckets', resourceType: 'MeshService', level: 1, prefixes: Array.from({ length: 32 }, (_, i) => i) },
    { op: 'offered-entries', resourceType: 'MeshService', buckets: [] },
    { op: 'offered-entries', resourceType: 'Mesh', buckets: [] },
  ]
  for (const one of batches) {
    const [real, stub] = await Promise.all(
      channels.map(async (channel) => {
        const applied = await channel.perform({ op: 'apply', batch: one, nowMs: 1 }, { signal })
        const answers: unknown[] = [applied]
        for (const op of asked) answers.push(await channel.perform(op, { signal }))
        return answers
      }),
    )
    expect(stub).toEqual(real)
  }
  expect(told.count).toBe(19)
})
